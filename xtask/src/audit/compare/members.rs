//! Compares members with their nesting, place, type and requiredness.

use super::{Comparer, DEPTH};
use crate::{
    audit::{
        finding::Kind,
        page::{Member, Place, Type},
    },
    document::{Call, Document, Extra, Lines, Location, ObjectSchema, Schema},
};

/// Whether members are sent or answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Direction {
    Request,
    Answer,
}

/// The document's side of one place of the page.
#[derive(Clone, Debug)]
pub(super) struct Side<'a> {
    /// Its members.
    pub known: Vec<Known<'a>>,
    /// The objects they are in: more than one where an envelope was opened.
    pub objects: Vec<&'a ObjectSchema>,
    pub direction: Direction,
    /// The page's names for placeholders of the path, and the document's names for them.
    pub aliases: Vec<(String, String)>,
    /// The name of the envelope of a request that the page does not show.
    within: Option<&'a str>,
    /// Where a parameter is added.
    parameters: u64,
    /// Where a member of the body is added.
    body: u64,
}

/// A member or a parameter of the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub name: &'a str,
    /// The envelope it is in.
    pub within: Option<&'a str>,
    pub place: Place,
    pub required: bool,
    pub description: Option<&'a str>,
    pub deprecated: bool,
    pub schema: &'a Schema,
    /// The lines of the parameter, or those of the member's schema.
    pub lines: &'a Lines,
}

impl<'a> Side<'a> {
    /// The parameters and the body of a request.
    pub fn request(document: &'a Document, call: Call<'a>) -> Self {
        let body = call.body_schema().and_then(|name| document.schema(name));
        let mut side = match body {
            Some(schema) => Self::object(document, schema, Direction::Request),
            None => Self::empty(Direction::Request, call.operation.lines.own()),
        };
        side.parameters = call.operation.lines.of("parameters");
        let parameters = call.parameters().into_iter().map(|parameter| Known {
            name: &parameter.name,
            within: None,
            place: match parameter.location {
                Location::Path => Place::Path,
                Location::Query => Place::Query,
                Location::Header => Place::Header,
            },
            required: parameter.required,
            description: parameter.description.as_deref(),
            deprecated: parameter.deprecated,
            schema: &parameter.schema,
            lines: &parameter.lines,
        });
        side.known.splice(0..0, parameters);
        side
    }

    /// The body of the answer that means success.
    pub fn answer(document: &'a Document, call: Call<'a>) -> Self {
        match body_of_answer(document, call) {
            Some(schema) => Self::object(document, schema, Direction::Answer),
            None => Self::empty(Direction::Answer, call.operation.lines.of("responses")),
        }
    }

    /// The members of an object, or of the objects in a list or map.
    pub fn object(document: &'a Document, schema: &'a Schema, direction: Direction) -> Self {
        let Some((_, object)) = inner_object(document, schema) else {
            return Self::empty(direction, schema.lines().own());
        };
        let line = object.lines.of("properties");
        Self { known: members_of(object), objects: vec![object], ..Self::empty(direction, line) }
    }

    fn empty(direction: Direction, line: u64) -> Self {
        Self {
            known: Vec::new(),
            objects: Vec::new(),
            direction,
            aliases: Vec::new(),
            within: None,
            parameters: line,
            body: line,
        }
    }

    /// With the members of an envelope in its place: an object that always comes, that the page does not
    /// mention, and that has what the page lists.
    pub fn opened(mut self, document: &'a Document, page: &[Member]) -> Self {
        let is_listed = |name: &str| page.iter().any(|member| member.name == name);
        let alone = self.known.len() == 1;
        let envelope = self.known.iter().position(|known| {
            let object = inner_object(document, known.schema);
            let has_members = object.is_some_and(|(_, object)| {
                alone || object.properties.keys().any(|name| is_listed(name))
            });
            known.required
                && known.place == Place::Body
                && !matches!(known.schema, Schema::List(_))
                && !is_listed(known.name)
                && has_members
        });
        let Some(index) = envelope else { return self };
        let Some((_, object)) = inner_object(document, self.known[index].schema) else {
            return self;
        };
        if self.direction == Direction::Request {
            // All answers of a service have the same envelope, which is not named; a request's is a member.
            self.within = Some(self.known[index].name);
        }
        let within = self.within;
        let inner = members_of(object).into_iter().map(|known| Known { within, ..known });
        self.known.splice(index..=index, inner);
        self.objects.push(object);
        self.body = object.lines.of("properties");
        self
    }

    /// The place of a member at `place`, through the envelope it is in.
    fn place(place: &str, within: Option<&str>, name: &str) -> String {
        match within {
            Some(within) => format!("{place}.{within}.{name}"),
            None => format!("{place}.{name}"),
        }
    }

    fn line(&self, place: Place) -> u64 {
        if place == Place::Body { self.body } else { self.parameters }
    }

    /// The member that the page means: the one of that name at that place; otherwise that of the name,
    /// unless the page has it elsewhere too.
    fn find(&self, member: &Member, page: &[Member]) -> Option<usize> {
        let is_named = |known: &Known<'_>| match member.place {
            // Headers are not told apart by case.
            Place::Header => known.name.eq_ignore_ascii_case(&member.name),
            _ => known.name == member.name,
        };
        let is_alias = |known: &Known<'_>| {
            let mut aliases = self.aliases.iter();
            known.place == Place::Path
                && member.place == Place::Path
                && aliases.any(|(page, own)| *page == member.name && own == known.name)
        };
        let is_there = |known: &Known<'_>| known.place == member.place && is_named(known);
        let is_free = |known: &Known<'_>| {
            is_named(known) && !page.iter().any(|o| o.name == known.name && o.place == known.place)
        };
        let known = &self.known;
        let found = known.iter().position(is_there).or_else(|| known.iter().position(is_alias));
        found.or_else(|| known.iter().position(is_free))
    }
}

fn members_of(object: &ObjectSchema) -> Vec<Known<'_>> {
    object
        .properties
        .iter()
        .map(|(name, schema)| Known {
            name,
            within: None,
            place: Place::Body,
            required: object.required.contains(name),
            description: schema.description().map(|text| &**text),
            deprecated: schema.is_deprecated(),
            schema,
            lines: schema.lines(),
        })
        .collect()
}

/// The schema of the JSON body that means success, `200` first.
fn body_of_answer<'a>(document: &'a Document, call: Call<'a>) -> Option<&'a Schema> {
    let mut successes = call.successes();
    successes.sort_by_key(|(status, _)| (*status != 200, *status));
    let body = successes.into_iter().find_map(|(_, response)| response.json())?;
    document.resolve(&body.schema)
}

/// The schema at the end of all references, and the name of its component.
pub(super) fn target<'a>(
    document: &'a Document,
    schema: &'a Schema,
) -> Option<(Option<&'a str>, &'a Schema)> {
    let mut found = (None, schema);
    for _ in 0..DEPTH {
        let Some(reference) = found.1.reference() else { return Some(found) };
        let name = reference.name_in("schemas")?;
        found = (Some(name), document.schema(name)?);
    }
    None
}

/// The object that a schema is, or that its lists and maps are of.
fn inner_object<'a>(
    document: &'a Document,
    schema: &'a Schema,
) -> Option<(Option<&'a str>, &'a ObjectSchema)> {
    let mut schema = schema;
    for _ in 0..DEPTH {
        let (name, found) = target(document, schema)?;
        schema = match found {
            Schema::List(list) => &list.items,
            Schema::Object(object) => match &object.additional_properties {
                Some(Extra::Of(values)) if object.properties.is_empty() => values,
                _ => return Some((name, object)),
            },
            _ => return None,
        };
    }
    None
}

/// A schema's type in the words of pages.
pub(super) fn type_of(document: &Document, schema: &Schema, depth: usize) -> Type {
    let Some((name, schema)) = target(document, schema) else {
        return Type::Unknown("nothing".to_owned());
    };
    match schema {
        Schema::Text(_) => Type::Text,
        Schema::Integer(_) => Type::Integer,
        Schema::Number(_) => Type::Number,
        Schema::Boolean(_) => Type::Boolean,
        Schema::List(list) if depth < DEPTH => {
            Type::List(Box::new(type_of(document, &list.items, depth + 1)))
        }
        Schema::Object(object) if object.is_struct() => Type::Object(name.map(str::to_owned)),
        Schema::Object(_) => Type::Map,
        _ => Type::Unknown("something too deep".to_owned()),
    }
}

/// True where the page's type may be the document's: names of objects are each side's own.
fn is_same(page: &Type, document: &Type) -> bool {
    match (page, document) {
        (Type::Unknown(_), _)
        | (Type::Object(_), Type::Object(_))
        | (Type::Object(None), Type::Map)
        | (Type::Map, Type::Map) => true,
        (Type::List(page), Type::List(document)) => is_same(page, document),
        _ => page == document,
    }
}

impl<'a> Comparer<'a> {
    /// Compares the members that the page lists at `place` with those of the document.
    pub(super) fn members(
        &mut self,
        place: &str,
        page: &'a [Member],
        side: &Side<'a>,
        depth: usize,
    ) {
        let mut seen = vec![false; side.known.len()];
        let mut after = None;
        for member in page {
            if self.is_credential(member) {
                continue;
            }
            match side.find(member, page) {
                Some(index) => {
                    let known = &side.known[index];
                    let here = Side::place(place, known.within, known.name);
                    seen[index] = true;
                    after = Some(member.name.clone());
                    self.member(&here, member, known, side.direction, depth);
                }
                None => {
                    let within = side.within.filter(|_| member.place == Place::Body);
                    let here = Side::place(place, within, &member.name);
                    let (member, line) = (Box::new(member.clone()), side.line(member.place));
                    let at = (member.line, line);
                    self.found(at, &here, Kind::MemberMissing { member, after: after.clone() });
                }
            }
        }
        for (known, _) in side.known.iter().zip(seen).filter(|(_, is_seen)| !is_seen) {
            let here = Side::place(place, known.within, known.name);
            self.found((0, known.lines.own()), &here, Kind::MemberGone);
        }
        if side.direction == Direction::Request {
            self.groups(place, page, side);
        }
    }

    /// True for a header that the document has as a way to identify the caller.
    fn is_credential(&self, member: &Member) -> bool {
        let mut schemes = self.document.components.security_schemes.values();
        member.place == Place::Header
            && schemes.any(|scheme| {
                scheme.location == Some(Location::Header)
                    && scheme.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&member.name))
            })
    }

    fn member(
        &mut self,
        place: &str,
        member: &'a Member,
        known: &Known<'a>,
        direction: Direction,
        depth: usize,
    ) {
        let line = |word: &str| (member.line, known.lines.of(word));
        if member.place != known.place {
            let (page, document) = (word(member.place).into(), word(known.place).into());
            self.found(line("in"), place, Kind::FactDiffers { what: "place", page, document });
        }
        if member.deprecated != known.deprecated {
            let kind = Kind::DeprecatedDiffers { page: member.deprecated };
            self.found(line("deprecated"), place, kind);
        }
        if let Some(edition) = &member.only_in
            && !known.description.is_some_and(|text| text.contains(edition.as_str()))
        {
            let (page, document) = (format!("{edition} only"), "not said".to_owned());
            self.found(
                line("description"),
                place,
                Kind::FactDiffers { what: "edition", page, document },
            );
        }
        if direction == Direction::Request
            && let Some(page) = member.required
            && page != known.required
        {
            self.found(line("required"), place, Kind::RequiredDiffers { page });
        }
        let document = type_of(self.document, known.schema, 0);
        if let Some(page) = &member.ty
            && !is_same(page, &document)
        {
            // Limits and members of another type would be consequences.
            let at = (member.line, known.schema.lines().of("type"));
            self.found(
                at,
                place,
                Kind::TypeDiffers {
                    member: Box::new(member.clone()),
                    page: page.to_string(),
                    document: document.to_string(),
                },
            );
            return;
        }
        self.limits(place, member, known, direction);
        self.inside(place, member, known.schema, direction, depth + 1);
    }

    /// Compares the members within a member: those the page lists right there, or those of its type.
    fn inside(
        &mut self,
        place: &str,
        member: &'a Member,
        schema: &'a Schema,
        direction: Direction,
        depth: usize,
    ) {
        let named = member.ty.as_ref().and_then(object_name);
        let ty = named.and_then(|name| self.page.types.iter().find(|ty| ty.name.text == name));
        let members = match (member.members.as_slice(), ty) {
            ([], Some(ty)) => {
                if let Some((Some(name), _)) = inner_object(self.document, schema) {
                    return self.pair(ty, name);
                }
                &ty.members
            }
            ([], None) => return,
            (members, _) => members,
        };
        // A type of the page that holds itself ends here.
        if depth < DEPTH {
            let side = Side::object(self.document, schema, direction);
            self.members(place, members, &side, depth);
        }
    }

    /// Compares the type of a body that is no object.
    pub(super) fn whole_body(&mut self, call: Call<'a>, place: &str, body: &Member) {
        let schema = match place.ends_with(".request") {
            true => call.body_schema().and_then(|name| self.document.schema(name)),
            false => body_of_answer(self.document, call),
        };
        let document = schema.map(|schema| type_of(self.document, schema, 0));
        let Some(page) = &body.ty else { return };
        if document.as_ref().is_some_and(|document| is_same(page, document)) {
            return;
        }
        let document = document.map_or("nothing".to_owned(), |ty| ty.to_string());
        let line = call.operation.lines.of("responses");
        self.found(
            (body.line, line),
            place,
            Kind::TypeDiffers { member: Box::new(body.clone()), page: page.to_string(), document },
        );
    }
}

/// The name of the object that a type is, or that its lists are of.
fn object_name(ty: &Type) -> Option<&str> {
    match ty {
        Type::Object(name) => name.as_deref(),
        Type::List(item) => object_name(item),
        _ => None,
    }
}

fn word(place: Place) -> &'static str {
    match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Body => "body",
    }
}
