//! What the library tells of its calls, as lines on standard error. Nothing of it is a secret: the library sees to
//! that.

use std::{
    fmt::{self, Write as _},
    io::Write as _,
};

use anstyle::{AnsiColor, Style};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    filter::Targets,
    layer::{Context, Layer, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// The event of each attempt of a call, which only `-vv` shows.
const ATTEMPT: &str = "attempt";
/// The fields of a span that its lines begin with; all others are for telemetry.
const OPERATION: &str = "operation";
const ADDRESS: &str = "server.address";

/// Begins to write the library's warnings; with `verbose` of one its calls, with two each attempt.
pub(crate) fn begin(quiet: bool, verbose: u8) {
    if quiet {
        return;
    }
    let level = if verbose == 0 { Level::WARN } else { Level::DEBUG };
    // Only the library's own events: those of its dependencies may show what is sent.
    let targets = Targets::new().with_target("guestexec", level);
    let lines = Lines { attempts: verbose > 1 };
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}

/// Writes each event on a line.
struct Lines {
    attempts: bool,
}

/// The call that a span is of.
#[derive(Default)]
struct Call {
    operation: Option<String>,
    address: Option<String>,
}

impl Visit for Call {
    fn record_str(&mut self, field: &Field, text: &str) {
        match field.name() {
            OPERATION => self.operation = Some(text.to_owned()),
            ADDRESS => self.address = Some(text.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

/// The message of an event, and its other fields.
#[derive(Default)]
struct Told {
    message: String,
    fields: String,
}

impl Told {
    fn add(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        // A string takes everything.
        let _ = match field.name() {
            "message" => write!(self.message, "{text}"),
            // The line begins with it.
            OPERATION => Ok(()),
            name => match name.strip_suffix("_ms") {
                Some(name) => write!(self.fields, " {name}={text}ms"),
                None => write!(self.fields, " {name}={text}"),
            },
        };
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, text: &str) {
        self.add(field, format_args!("{text}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut call = Call::default();
        attributes.record(&mut call);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(call);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(call) = span.extensions_mut().get_mut::<Call>()
        {
            values.record(call);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        if told.message == ATTEMPT && !self.attempts {
            return;
        }
        let is_warning = *event.metadata().level() <= Level::WARN;
        let (color, before) = match is_warning {
            true => (AnsiColor::Yellow, "warning: ".to_owned()),
            false => (AnsiColor::BrightBlack, of_call(event, &context)),
        };
        let style = Style::new().fg_color(Some(color.into()));
        let Told { message, fields } = told;
        let line = format!("{style}guestexec: {before}{message}{fields}{style:#}\n");
        // Nobody can be told that nobody can be told.
        let _ = anstream::stderr().lock().write_all(line.as_bytes());
    }
}

/// The call that an event belongs to, and where it goes.
fn of_call<S: Subscriber + for<'a> LookupSpan<'a>>(
    event: &Event<'_>,
    context: &Context<'_, S>,
) -> String {
    for span in context.event_scope(event).into_iter().flatten() {
        if let Some(Call { operation: Some(operation), address }) = span.extensions().get() {
            return match address {
                Some(address) => format!("{operation} at {address}: "),
                None => format!("{operation}: "),
            };
        }
    }
    String::new()
}
