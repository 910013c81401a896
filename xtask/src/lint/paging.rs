//! Rules about lists that are read in pages.

use super::Complaints;
use crate::document::{Call, Document, ObjectSchema, Paging, Schema, TextSchema};

/// Each word of `x-pages` names what is there, and is of a type to count or to mark with.
pub(super) fn check(
    document: &Document,
    call: Call<'_>,
    paging: &Paging,
    complaints: &mut Complaints,
) {
    let at = (&call.operation.lines, "x-pages");
    let place = format!("{}.x-pages", call.id());
    complaints.unless(call.is_repeatable(), at, &place, || {
        "reads pages by an operation that may not be repeated; leave it out, or say `x-repeatable: true`"
    });
    match (&paging.offset, &paging.token) {
        (Some(_), None) => complaints.unless(paging.next.is_none(), at, &place, || {
            "has `next`, the mark of a page, and counts by `offset`; leave out `next`"
        }),
        (None, Some(_)) => {
            complaints.unless(paging.total.is_none(), at, &place, || {
                "has `total`, which only a list by `offset` needs; leave it out"
            });
            complaints.unless(paging.next.is_some(), at, &place, || {
                "does not say where the answer has the mark of the next page; write `next: MEMBER`"
            });
        }
        _ => complaints.add(
            at,
            &place,
            "does not say how pages are asked for; write `offset: INPUT` with the input that counts, or \
             `token: INPUT` with the one that takes the mark of a page",
        ),
    }
    for (word, input, kind) in
        [("offset", &paging.offset, Kind::Count), ("token", &paging.token, Kind::Mark)]
    {
        let Some(input) = input else { continue };
        let schema = optional_input(document, call, input);
        let fits =
            schema.and_then(|schema| document.resolve(schema)).is_some_and(|it| kind.fits(it));
        complaints.unless(fits, at, &place, || {
            let what = kind.noun();
            format!(
                "`{word}` names `{input}`, which is no optional {what} of the request; correct it"
            )
        });
    }
    let content = content(document, call);
    let member = |path: &str| {
        let mut object = content?;
        let mut names = path.split('.').peekable();
        loop {
            let schema = object.properties.get(names.next()?)?;
            let schema = document.resolve(schema)?;
            match (names.peek(), schema) {
                (None, schema) => return Some(schema),
                (Some(_), Schema::Object(inner)) => object = inner,
                (Some(_), _) => return None,
            }
        }
    };
    for (word, path, kind) in [
        ("items", Some(&paging.items), Kind::List),
        ("total", paging.total.as_ref(), Kind::Count),
        ("next", paging.next.as_ref(), Kind::Mark),
    ] {
        let Some(path) = path else { continue };
        let fits = member(path).is_some_and(|schema| kind.fits(schema));
        complaints.unless(fits, at, &place, || {
            let what = kind.noun();
            format!("`{word}` names `{path}`, which is no {what} of the answer; correct it")
        });
    }
}

#[derive(Clone, Copy)]
enum Kind {
    List,
    Count,
    Mark,
}

impl Kind {
    fn noun(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Count => "integer",
            Self::Mark => "text",
        }
    }

    fn fits(self, schema: &Schema) -> bool {
        match (self, schema) {
            (Self::List, Schema::List(_)) | (Self::Count, Schema::Integer(_)) => true,
            (Self::Mark, Schema::Text(TextSchema { format, known_values, values, .. })) => {
                format.is_none() && known_values.is_none() && values.is_none()
            }
            _ => false,
        }
    }
}

/// A parameter or a member of the body that may be left out.
fn optional_input<'a>(document: &'a Document, call: Call<'a>, name: &str) -> Option<&'a Schema> {
    let parameter = call.parameters().into_iter().find(|parameter| parameter.name == name);
    if let Some(parameter) = parameter {
        return (!parameter.required).then_some(&parameter.schema);
    }
    let Some(Schema::Object(body)) = document.schema(call.body_schema()?) else { return None };
    let holds = |object: &ObjectSchema| !object.required.iter().any(|required| required == name);
    if let Some(schema) = body.properties.get(name) {
        return holds(body).then_some(schema);
    }
    let inner = document.resolve(body.properties.get(body.envelope.as_deref()?)?)?;
    let Schema::Object(inner) = inner else { return None };
    inner.properties.get(name).filter(|_| holds(inner))
}

/// The part of the answer that callers see.
fn content<'a>(document: &'a Document, call: Call<'a>) -> Option<&'a ObjectSchema> {
    let (_, response) = call.successes().into_iter().next()?;
    let Schema::Object(whole) = document.resolve(&response.json()?.schema)? else { return None };
    let Some(envelope) = &whole.envelope else { return Some(whole) };
    match document.resolve(whole.properties.get(envelope)?)? {
        Schema::Object(content) => Some(content),
        _ => None,
    }
}
