//! Reads an operation and types from the blocks of a page. It knows words, and neither vendors nor layouts.

use super::block::{Block, Line, Table};
use super::rows::{self, Row};
use super::terms::{self, Column, Section};
use super::types::Glued;
use super::{facts, types};
use crate::audit::page::{Code, Member, ObjectType, Operation, Page, Place, Type, Words};

/// Members inside members, at most.
const DEPTH: usize = 32;

/// The page that blocks make.
pub fn page(blocks: &[Block]) -> Page {
    let mut reader = Reader::default();
    for block in blocks {
        if let Block::Code(words) | Block::Line(Line { words, .. }) = block {
            facts::quoted_names(&words.text, &mut reader.names);
        }
    }
    for (n, block) in blocks.iter().enumerate() {
        match block {
            Block::Heading(words) => reader.heading(words),
            Block::Line(line) => reader.line(line, blocks.get(n + 1)),
            Block::Code(words) => reader.code(words),
            Block::Table(table) => reader.table(table),
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    page: Page,
    operation: Operation,
    section: Option<Section>,
    /// The status whose answer is described.
    status: Option<u16>,
    /// The caption above the next table.
    caption: Option<Words>,
    /// The name of an object whose table is awaited.
    object: Option<ObjectType>,
    /// The last heading that could name an object.
    name: Option<Words>,
    /// A name that stands alone: the operation's, where nothing else says it.
    title: Option<Words>,
    /// The members whose lists are open: how far they are indented, and their positions.
    open: Vec<(usize, Vec<usize>)>,
    /// Names that examples use.
    names: Vec<String>,
    /// Statuses that stand over answers.
    answered: Vec<Code>,
    /// Whether request and answer have come from lists.
    listed: (bool, bool),
    /// The last line put into `not_understood`.
    last: usize,
}

impl Reader {
    fn heading(&mut self, words: &Words) {
        self.open.clear();
        self.object = None;
        if let Some(section) = terms::section(&words.text) {
            self.enter(section);
            return;
        }
        if self.fact(words) {
            return;
        }
        let text = words.text.trim();
        if let Some(caption) = facts::caption(text) {
            self.captioned(words, caption);
        } else if let Some((code, meaning)) = facts::answer_line(text).filter(|_| self.answers()) {
            self.answered.push(Code {
                line: words.line,
                code: code.into(),
                text: meaning.into(),
                ..Code::default()
            });
        } else {
            if types::is_identifier(text) {
                self.name = Some(words.clone());
            }
            self.title(words);
            if facts::is_deprecated(text) {
                self.operation.deprecated.get_or_insert(words.clone());
            }
            // A heading that is not known ends what was before it.
            if self.section != Some(Section::Types) {
                self.section = None;
            }
        }
    }

    fn enter(&mut self, section: Section) {
        // A page on types may have a heading "Data Types" and then "Example" as the name of a type: a part of
        // an operation ends that.
        self.section = Some(section);
        self.status = None;
        self.caption = None;
        self.open.clear();
    }

    fn title(&mut self, words: &Words) {
        if self.title.is_none() && types::is_camel(words.text.trim()) {
            self.title = Some(words.clone());
        }
    }

    fn answers(&self) -> bool {
        matches!(self.section, Some(Section::Answer(_)))
    }

    fn captioned(&mut self, words: &Words, caption: &str) {
        self.open.clear();
        self.caption =
            Some(Words { line: words.line, text: caption.trim_matches('*').trim().to_owned() });
    }

    fn code(&mut self, words: &Words) {
        if let Some((method, path)) = facts::method(&words.text) {
            self.method(words.line, method, path);
        } else if let Some(name) = facts::named(&words.text) {
            self.title.get_or_insert(Words { line: words.line, text: name.to_owned() });
        }
    }

    fn method(&mut self, line: usize, method: &str, path: String) {
        if self.operation.method.is_none() {
            self.operation.method = Some(Words { line, text: method.to_owned() });
            self.operation.path = Some(Words { line, text: path });
        }
    }

    /// Takes the facts that a line states, whatever part it stands in; true where it states one.
    fn fact(&mut self, words: &Words) -> bool {
        let (line, text) = (words.line, words.text.as_str());
        let mut found = false;
        if let Some(date) = facts::edition(text) {
            self.page.edition.get_or_insert(Words { line, text: date });
            found = true;
        }
        if let Some((method, path)) = facts::method(text) {
            self.method(line, method, path);
            found = true;
        }
        if let Some(rate) = facts::rate(text) {
            self.operation.rate.get_or_insert((line, rate));
            found = true;
        }
        if let Some(version) = facts::since(text) {
            self.operation.version.get_or_insert(Words { line, text: version.to_owned() });
            found = true;
        }
        if let Some(name) = facts::named(text) {
            // A header in an example names the operation only where nothing else does.
            let id = if text.starts_with(':') { &mut self.operation.id } else { &mut self.title };
            id.get_or_insert(Words { line, text: name.to_owned() });
            found = true;
        }
        found
    }

    fn line(&mut self, line: &Line, next: Option<&Block>) {
        let words = &line.words;
        let text = words.text.as_str();
        if let Some(caption) = facts::caption(text) {
            self.captioned(words, caption);
            return;
        }
        if let Some(status) = facts::status_line(text) {
            self.open.clear();
            self.status = Some(status);
            return;
        }
        // A bullet is a member before it is the name of a part: members are called `description`.
        if line.bullet.is_some() && self.member(line) {
            return;
        }
        if let Some(section) = terms::section(text).filter(|_| line.bullet.is_none()) {
            self.enter(section);
            return;
        }
        if let Some(used_by) = facts::used_by(text) {
            let name = self.name.take().unwrap_or_default();
            self.object = Some(ObjectType { name, used_by, members: Vec::new() });
            return;
        }
        if self.section == Some(Section::Id) && types::is_identifier(text) {
            self.operation.id.get_or_insert(words.clone());
            return;
        }
        if line.bullet.is_none() && self.member(line) {
            return;
        }
        if self.describes(line) || self.fact(words) {
            return;
        }
        if let Some((code, meaning)) = facts::answer_line(text).filter(|_| self.answers()) {
            self.answered.push(Code {
                line: words.line,
                code: code.into(),
                text: meaning.into(),
                ..Code::default()
            });
            return;
        }
        if terms::is_none(text) && self.nothing() {
            return;
        }
        if self.caption_alone(words, next) {
            return;
        }
        self.prose(words);
    }

    /// A caption that has no number stands right before its table.
    fn caption_alone(&mut self, words: &Words, next: Option<&Block>) -> bool {
        let before_table = matches!(next, Some(Block::Table(_)));
        if before_table && terms::caption(&words.text).is_some() {
            self.captioned(words, &words.text);
        }
        self.caption.as_ref().is_some_and(|caption| caption.line == words.line)
    }

    /// A part that says that it has nothing.
    fn nothing(&mut self) -> bool {
        match self.section {
            Some(Section::Request(_)) => _ = self.operation.request.get_or_insert_default(),
            Some(Section::Answer(_)) => _ = self.operation.answer.get_or_insert_default(),
            Some(Section::Errors) => _ = self.operation.errors.get_or_insert_default(),
            Some(Section::Statuses) => _ = self.operation.statuses.get_or_insert_default(),
            _ => return false,
        }
        true
    }

    /// Handles the rest: names that stand alone, words of the frame, and prose.
    fn prose(&mut self, words: &Words) {
        let text = words.text.as_str();
        if facts::is_deprecated(text) {
            self.operation.deprecated.get_or_insert(words.clone());
            return;
        }
        if types::is_camel(text) {
            self.title(words);
            return;
        }
        let idle = matches!(self.section, Some(Section::Prose | Section::Example));
        let is_path = text.starts_with('/') && !text.contains(' ');
        if idle || is_path || facts::is_frame(text) || facts::is_code(text) {
            return;
        }
        self.not_understood(words);
    }

    fn not_understood(&mut self, words: &Words) {
        if let Some(last) =
            self.page.not_understood.last_mut().filter(|_| self.last + 1 == words.line)
            && last.text.len() < 4000
        {
            last.text.push(' ');
            last.text.push_str(&words.text);
        } else {
            self.page.not_understood.push(words.clone());
        }
        self.last = words.line;
    }

    // Members in lists.

    /// Reads a line of a list as a member, in the parts that have members.
    fn member(&mut self, line: &Line) -> bool {
        let place = match self.section {
            Some(Section::Request(place)) => place.unwrap_or_default(),
            Some(Section::Answer(place)) => place.unwrap_or_default(),
            _ => return false,
        };
        let text = line.words.text.as_str();
        let found = types::from_pieces(&line.pieces)
            .or_else(|| {
                // "IdStringA string that …" is glued: its second word is prose.
                let found = line.bullet.and_then(|_| types::from_words(text))?;
                let prose = found.required.is_none()
                    && found.ty.starts_with(|c: char| c.is_ascii_lowercase())
                    && types::unglue(text, &self.names).is_some();
                (!prose).then_some(found)
            })
            .or_else(|| {
                types::unglue(text, &self.names)
                    .filter(|glued| line.bullet.is_some() || is_sure(glued))
            });
        let Some(Glued { name, ty, required, text }) = found else { return false };
        let member = Member {
            line: line.words.line,
            name,
            place,
            ty: Some(types::parse(&ty)),
            required,
            text,
            ..Member::default()
        };
        while self.open.last().is_some_and(|(indent, _)| *indent >= line.indent) {
            self.open.pop();
        }
        let mut path = self.open.last().map_or_else(Vec::new, |(_, path)| path.clone());
        path.truncate(DEPTH);
        let Some(members) = self.members().and_then(|members| inside(members, &path)) else {
            return false;
        };
        path.push(members.len());
        members.push(member);
        let listed = if self.answers() { &mut self.listed.1 } else { &mut self.listed.0 };
        *listed = true;
        self.open.push((line.indent, path));
        true
    }

    fn members(&mut self) -> Option<&mut Vec<Member>> {
        match self.section {
            Some(Section::Request(_)) => Some(self.operation.request.get_or_insert_default()),
            Some(Section::Answer(_)) => Some(self.operation.answer.get_or_insert_default()),
            _ => None,
        }
    }

    /// Takes a line as the description of the member above it.
    fn describes(&mut self, line: &Line) -> bool {
        let Some((indent, path)) = self.open.last().cloned() else { return false };
        let Some((last, path)) = path.split_last() else { return false };
        let member = self.members().and_then(|members| inside(members, path)?.get_mut(*last));
        let Some(member) = member.filter(|member| line.indent > indent || member.text.is_empty())
        else {
            return false;
        };
        if !member.text.is_empty() {
            member.text.push(' ');
        }
        if line.bullet.is_some() {
            member.text.push_str("- ");
        }
        member.text.push_str(&line.words.text);
        true
    }

    // Tables.

    fn table(&mut self, table: &Table) {
        self.open.clear();
        let caption = table.caption.clone().or_else(|| self.caption.take());
        self.caption = None;
        let caption = caption.map(|words| {
            let text = facts::caption(&words.text)
                .unwrap_or(&words.text)
                .trim_matches('*')
                .trim()
                .to_owned();
            Words { text, ..words }
        });
        let columns = rows::columns(table);
        if !rows::is_known(&columns) {
            let header: Vec<&str> = table.header.iter().map(|cell| cell.text.as_str()).collect();
            let text = format!(
                "a table of {} rows with the columns {}",
                table.rows.len(),
                header.join(" | ")
            );
            self.page.not_understood.push(Words { line: table.line, text });
            return;
        }
        for (cell, _) in table.header.iter().zip(&columns).filter(|(_, column)| column.is_none()) {
            if !cell.text.is_empty() {
                let text = format!("the column {} of a table", cell.text);
                self.page.not_understood.push(Words { line: cell.line, text });
            }
        }
        let has = |column| columns.contains(&Some(column));
        if !has(Column::Name) {
            let codes = table.rows.iter().filter_map(|row| Row::new(&columns, table, row).code());
            let list = if has(Column::Error) {
                &mut self.operation.errors
            } else {
                &mut self.operation.statuses
            };
            list.get_or_insert_default().extend(codes);
            return;
        }
        let section = caption.as_ref().and_then(|caption| terms::caption(&caption.text));
        let named =
            caption.filter(|caption| section.is_none() && types::is_identifier(&caption.text));
        if let Some(mut object) = named
            .map(|name| ObjectType { name, ..ObjectType::default() })
            .or_else(|| self.object.take())
        {
            object.members = self.rows(table, &columns, None);
            self.page.types.push(object);
            return;
        }
        self.of_operation(table, &columns, section);
    }

    /// A table of what is sent or answered.
    fn of_operation(
        &mut self,
        table: &Table,
        columns: &[Option<Column>],
        section: Option<Section>,
    ) {
        let section = section.or(match self.section {
            Some(section @ (Section::Request(_) | Section::Answer(_) | Section::Uri)) => {
                Some(section)
            }
            _ => None,
        });
        let required = columns
            .iter()
            .flatten()
            .any(|column| matches!(column, Column::Required | Column::Optional | Column::Place));
        let (answers, place) = match section {
            Some(Section::Answer(place)) => (true, Some(place.unwrap_or_default())),
            Some(Section::Request(place)) => (false, place),
            Some(Section::Uri) => (false, None),
            _ => (!required, (!required).then_some(Place::Body)),
        };
        if answers && self.status.is_some_and(|status| status >= 400) {
            // The body of an error, which the model has no place for.
            return;
        }
        let members = self.rows(table, columns, place);
        let list = if answers { &mut self.operation.answer } else { &mut self.operation.request };
        list.get_or_insert_default().extend(members);
    }

    fn rows(
        &mut self,
        table: &Table,
        columns: &[Option<Column>],
        place: Option<Place>,
    ) -> Vec<Member> {
        let has_optional = rows::has_optional(columns, table);
        let is_uri = self.section == Some(Section::Uri);
        let mut members = Vec::new();
        for cells in &table.rows {
            let Some((mut member, inside)) =
                Row::new(columns, table, cells).member(place, has_optional)
            else {
                continue;
            };
            if !types::is_name(member.name.trim_start_matches(|c: char| "└├│─»›> ".contains(c)))
            {
                let text =
                    cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
                if !text.replace('|', "").trim().is_empty() {
                    self.page
                        .not_understood
                        .push(Words { line: member.line, text: format!("the row {text}") });
                }
                continue;
            }
            if place.is_none() && member.place == Place::Body && self.object.is_none() {
                let path = self.operation.path.as_ref().map(|path| path.text.as_str());
                member.place = rows::guess(&member.name, &member.text, path, is_uri);
            }
            rows::put(&mut members, member, inside.as_deref());
        }
        members
    }

    fn finish(self) -> Page {
        let Self { mut page, mut operation, title, answered, listed, .. } = self;
        let request = operation.request.take().map(|mut members| {
            members.iter_mut().for_each(|member| common(member, &mut operation));
            members
        });
        operation.request = request;
        // A list marks what must be given, and nothing else. An answer's may mark nothing at all.
        if listed.0 {
            operation.request.iter_mut().flatten().for_each(complete);
        }
        if listed.1 && operation.answer.iter().flatten().any(is_marked) {
            operation.answer.iter_mut().flatten().for_each(complete);
        }
        if operation.statuses.is_none() && !answered.is_empty() {
            operation.statuses = Some(answered);
        }
        let says = operation.id.is_some()
            || operation.path.is_some()
            || operation.request.is_some()
            || operation.answer.is_some()
            || operation.errors.is_some()
            || operation.statuses.is_some();
        if says {
            operation.id = operation.id.or(title);
            let lines =
                [&operation.id, &operation.method].into_iter().flatten().map(|words| words.line);
            operation.line = lines.min().unwrap_or(1);
            page.operations.push(operation);
        }
        page
    }
}

/// Whether a line without a bullet is a member beyond doubt.
fn is_sure(glued: &Glued) -> bool {
    let known = !matches!(types::parse(&glued.ty), Type::Object(Some(_)) | Type::Unknown(_));
    glued.required == Some(true) || (known && glued.text.is_empty())
}

fn inside<'a>(mut members: &'a mut Vec<Member>, path: &[usize]) -> Option<&'a mut Vec<Member>> {
    for at in path {
        members = &mut members.get_mut(*at)?.members;
    }
    Some(members)
}

fn is_marked(member: &Member) -> bool {
    member.required.is_some() || member.members.iter().any(is_marked)
}

fn complete(member: &mut Member) {
    member.required.get_or_insert(false);
    member.members.iter_mut().for_each(complete);
}

/// The facts about the operation in a parameter that every call has.
fn common(member: &mut Member, operation: &mut Operation) {
    if !facts::is_common(&member.text) {
        return;
    }
    member.place = Place::Header;
    let Some(value) = facts::value_used(&member.text) else { return };
    let words = Words { line: member.line, text: value.to_owned() };
    match member.name.as_str() {
        "Action" => _ = operation.id.get_or_insert(words),
        "Version" => _ = operation.version.get_or_insert(words),
        _ => {}
    }
}
