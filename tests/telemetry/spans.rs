//! Collects the spans and events of the clients as a tree.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    layer::{Context, Layer},
    registry::LookupSpan,
};

/// The spans so far.
#[derive(Clone, Default)]
pub struct Spans(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    all: Vec<Span>,
    by_id: HashMap<u64, usize>,
}

/// A span, or an event, which has no parts.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub name: String,
    pub id: u64,
    parent: Option<usize>,
    pub fields: Fields,
    pub events: Vec<Fields>,
    pub is_closed: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Fields(pub Vec<(&'static str, String)>);

impl Fields {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| &**value)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("guestexec")
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !is_ours(attributes.metadata()) {
            return;
        }
        let mut state = self.0.lock().unwrap();
        let parent = context.span(id).unwrap().parent().map(|parent| parent.id().into_u64());
        let mut span = Span {
            name: attributes.metadata().name().to_owned(),
            id: id.into_u64(),
            parent: parent.map(|parent| state.by_id[&parent]),
            ..Span::default()
        };
        attributes.record(&mut span.fields);
        let place = state.all.len();
        state.by_id.insert(span.id, place);
        state.all.push(span);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut state = self.0.lock().unwrap();
        if let Some(place) = state.by_id.get(&id.into_u64()).copied() {
            values.record(&mut state.all[place].fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !is_ours(event.metadata()) {
            return;
        }
        let mut state = self.0.lock().unwrap();
        let span = context.event_span(event).expect("an event of a client is in a span");
        let mut fields = Fields::default();
        event.record(&mut fields);
        let place = state.by_id[&span.id().into_u64()];
        state.all[place].events.push(fields);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        let mut state = self.0.lock().unwrap();
        if let Some(place) = state.by_id.remove(&id.into_u64()) {
            state.all[place].is_closed = true;
        }
    }
}

impl Spans {
    pub fn all(&self) -> Vec<Span> {
        self.0.lock().unwrap().all.clone()
    }

    /// The names of all fields of the spans and events.
    pub fn names(&self) -> BTreeSet<&'static str> {
        let all = self.all();
        let fields = all.iter().flat_map(|span| span.events.iter().chain([&span.fields]));
        fields.flat_map(|fields| fields.0.iter().map(|(name, _)| *name)).collect()
    }

    /// The outermost span that `span` is in, or itself.
    pub fn root_of(&self, span: &Span) -> Span {
        let all = self.all();
        let mut span = span.clone();
        while let Some(parent) = span.parent {
            span = all[parent].clone();
        }
        span
    }

    /// All spans as an indented text, without what differs from run to run. Of parts that are alike, such as
    /// polls, one is shown.
    pub fn shown(&self) -> String {
        let all = self.all();
        let mut text = String::new();
        for (place, _) in all.iter().enumerate().filter(|(_, span)| span.parent.is_none()) {
            text.push_str(&show(&all, place, 0));
        }
        text
    }
}

fn show(all: &[Span], place: usize, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let span = &all[place];
    let mut text = format!("{indent}{}", span.name);
    line(&mut text, &span.fields);
    assert!(span.is_closed, "{text}");
    for event in &span.events {
        let _ = write!(text, "{indent}  - {}", event.get("message").unwrap());
        line(&mut text, event);
    }
    let mut seen = Vec::new();
    for (child, _) in all.iter().enumerate().filter(|(_, span)| span.parent == Some(place)) {
        let shown = show(all, child, depth + 1);
        if !seen.contains(&shown) {
            text.push_str(&shown);
            seen.push(shown);
        }
    }
    text
}

fn line(text: &mut String, fields: &Fields) {
    for (name, value) in fields.0.iter().filter(|(name, _)| *name != "message") {
        let value = match *name {
            "elapsed_ms" | "retry_in_ms" | "server.port" | "request_id" | "invocation" | "job" => {
                "…"
            }
            _ => value,
        };
        let _ = write!(text, " {name}={value}");
    }
    text.push('\n');
}
