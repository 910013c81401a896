//! Rows of tables → members and codes.

use super::block::Table;
use super::terms::{self, Column};
use super::{facts, types};
use crate::audit::page::{Code, Member, Place, Type, Words};
use crate::audit::prose;

/// Members inside members, at most.
const DEPTH: usize = 32;

/// The columns of a table; `None` stands for a header that has no known word.
pub fn columns(table: &Table) -> Vec<Option<Column>> {
    table.header.iter().map(|cell| terms::column(&cell.text)).collect()
}

/// Whether a table with such columns says something of an interface.
pub fn is_known(columns: &[Option<Column>]) -> bool {
    let mut known: Vec<Column> = columns.iter().flatten().copied().collect();
    // The subject may stand anywhere.
    let rank = |column: &Column| !matches!(column, Column::Name | Column::Status | Column::Error);
    known.sort_by_key(rank);
    known.dedup_by(|a, b| *a == Column::Aside && a == b);
    let error = known.contains(&Column::Error) || known.contains(&Column::Status);
    let named = known.contains(&Column::Name);
    (named || error) && terms::is_header(known.into_iter())
}

/// A row, by columns.
pub struct Row<'a> {
    columns: &'a [Option<Column>],
    header: &'a [Words],
    cells: &'a [Words],
}

impl<'a> Row<'a> {
    /// The row of a table.
    pub fn new(columns: &'a [Option<Column>], table: &'a Table, cells: &'a [Words]) -> Self {
        Self { columns, header: &table.header, cells }
    }

    fn cell(&self, column: Column) -> Option<&'a Words> {
        let at = self.columns.iter().position(|found| *found == Some(column))?;
        self.cells.get(at)
    }

    fn text(&self, column: Column) -> &'a str {
        self.cell(column).map_or("", |words| words.text.as_str())
    }

    /// The description, with what other columns say in prose.
    fn prose(&self) -> String {
        let mut text = self.text(Column::Text).to_owned();
        for (n, column) in self.columns.iter().enumerate() {
            let cell = self.cells.get(n).map_or("", |words| words.text.as_str());
            if *column == Some(Column::Aside) && !cell.is_empty() && cell != "-" {
                let space = if text.is_empty() { "" } else { " " };
                let header = self.header.get(n).map_or("", |words| words.text.as_str());
                text.push_str(&format!("{space}{header}: {cell}."));
            }
        }
        text
    }

    /// The status or error code that it lists.
    pub fn code(&self) -> Option<Code> {
        let cell = self
            .cell(Column::Error)
            .or_else(|| self.cell(Column::Status))
            .or_else(|| self.cell(Column::Name))?;
        let text = self.prose();
        let code = cell.text.split(' ').next().filter(|code| !code.is_empty())?.to_owned();
        let deprecated = prose::is_deprecated(&text);
        Some(Code { line: cell.line, code, text, deprecated })
    }

    /// The member that it describes, and the name of the one that it says it is inside of.
    pub fn member(
        &self,
        place: Option<Place>,
        has_optional: bool,
    ) -> Option<(Member, Option<String>)> {
        let cell = self.cell(Column::Name)?;
        let (name, optional) = without_optional(&cell.text);
        let mut required = terms::yes(self.text(Column::Required));
        if required.is_none() {
            required = terms::yes(self.text(Column::Optional)).map(|optional| !optional);
        }
        if has_optional {
            required = required.or(Some(!optional));
        }
        let ty = self.text(Column::Type);
        let (column, inside) = terms::place(self.text(Column::Place));
        let text = self.prose();
        let member = Member {
            line: cell.line,
            name: name.to_owned(),
            place: column.or(place).unwrap_or_default(),
            ty: (!ty.is_empty()).then(|| types::parse(ty)),
            required,
            text,
            ..Member::default()
        };
        Some((member, inside))
    }
}

/// Whether some row of a table marks its name as optional.
pub fn has_optional(columns: &[Option<Column>], table: &Table) -> bool {
    let name = columns.iter().position(|column| *column == Some(Column::Name));
    let marked = |row: &Vec<Words>| {
        name.and_then(|at| row.get(at)).is_some_and(|cell| without_optional(&cell.text).1)
    };
    table.rows.iter().any(marked)
}

fn without_optional(name: &str) -> (&str, bool) {
    for mark in ["(optional)", "(Optional)", "（可选）", "(可选)"] {
        if let Some(name) = name.strip_suffix(mark) {
            return (name.trim(), true);
        }
    }
    (name.trim(), false)
}

/// Puts a member where its name says: `Filters.N.Name` inside `Filters`, `└ name` inside the one above.
pub fn put(members: &mut Vec<Member>, mut member: Member, inside: Option<&str>) {
    let marks: usize = member
        .name
        .chars()
        .take_while(|c| "└├│─»›>".contains(*c) || *c == ' ')
        .filter(|c| "└├»›>".contains(*c))
        .count();
    let name = member.name.trim_start_matches(|c: char| "└├│─»›> ".contains(c)).to_owned();
    let (name, is_list) = match name.strip_suffix(".N").or_else(|| name.strip_suffix("[]")) {
        Some(name) => (name.to_owned(), true),
        None => (name, false),
    };
    if is_list && !matches!(member.ty, None | Some(Type::List(_))) {
        member.ty = member.ty.map(|ty| Type::List(Box::new(ty)));
    }
    if marks > 0 {
        member.name = name;
        last(members, marks).push(member);
        return;
    }
    let mut target = members;
    if let Some(inside) = inside
        && let Some(at) = target.iter().position(|other| other.name == inside)
    {
        target = &mut target[at].members;
    }
    let mut rest = name.as_str();
    for _ in 0..DEPTH {
        let Some((first, behind)) = rest.split_once('.') else { break };
        let first = first.trim_end_matches("[]");
        let Some(at) =
            target.iter().rposition(|other| other.name == first && other.place == member.place)
        else {
            break;
        };
        target = &mut target[at].members;
        rest = behind.strip_prefix("N.").or_else(|| behind.strip_prefix("[].")).unwrap_or(behind);
    }
    member.name = rest.to_owned();
    target.push(member);
}

fn last(mut members: &mut Vec<Member>, depth: usize) -> &mut Vec<Member> {
    for _ in 0..depth.min(DEPTH) {
        if members.is_empty() {
            break;
        }
        let at = members.len() - 1;
        members = &mut members[at].members;
    }
    members
}

/// The place of a parameter for which neither caption nor column gives one.
pub fn guess(name: &str, text: &str, path: Option<&str>, is_uri: bool) -> Place {
    let in_path = path.is_some_and(|path| path.contains(&format!("{{{name}}}")));
    let is_header = name.starts_with("X-")
        || matches!(name, "Content-Type" | "Authorization" | "Accept" | "Host");
    if in_path {
        Place::Path
    } else if is_header || facts::is_common(text) {
        Place::Header
    } else if is_uri {
        Place::Query
    } else {
        Place::Body
    }
}
