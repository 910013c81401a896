//! Exports the spans of a command by OpenTelemetry, here to standard output, and passes the trace on to the
//! service: `opentelemetry INSTANCE COMMAND`.
use std::{collections::HashMap, env, error::Error};

use guestexec::tat::Client;
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Instrument as _, Level, Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{filter::Targets, prelude::*};

/// The headers by which the trace of the current span goes on.
fn trace_headers() -> HashMap<String, String> {
    let mut headers = HashMap::new();
    let context = Span::current().context();
    global::get_text_map_propagator(|to| to.inject_context(&context, &mut headers));
    headers
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let exporter = opentelemetry_stdout::SpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let exported = tracing_opentelemetry::layer().with_tracer(provider.tracer("fleet"));
    // The library's own spans and the program's, and not those of what carries the requests.
    let ours =
        Targets::new().with_targets([("guestexec", Level::DEBUG), ("opentelemetry", Level::INFO)]);
    tracing_subscriber::registry().with(exported.with_filter(ours)).init();

    let [_, instance, command] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("usage: opentelemetry INSTANCE COMMAND".into());
    };
    let tat = Client::builder().from_env()?.trace_headers(trace_headers).build()?;
    let run = tat.instances([instance]).run(command).into_future();
    let finished = run.instrument(info_span!("patch")).await?;
    println!("{finished}");
    provider.shutdown()?;
    Ok(())
}
