//! What is written while commands run and when they have ended, in the format that was asked for.

mod decode;
mod json;
mod lines;
mod progress;
mod table;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::IsTerminal as _,
    time::Duration,
};

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _, Stderr, Stdout, stderr, stdout},
    time::timeout,
};

use crate::{
    ending::{Ended, Exit, ExitCodes},
    failure::Failure,
    global::{Format, Global},
};
use decode::Decoder;
use lines::Lines;
use progress::Progress;
use table::Row;

pub(crate) use decode::Encoding;
pub(crate) use json::text as text_member;
pub(crate) use table::columns;

/// The most output of one target that is kept for its JSON object, in bytes a stream. With `--output jsonl`
/// nothing is kept.
const KEPT: usize = 64 * 1024 * 1024;
/// How long a reader may take when a signal has come.
pub(crate) const LAST_WRITE: Duration = Duration::from_secs(1);
/// The most targets that are named in one sentence.
const NAMED: usize = 10;

/// Which output of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// Standard output; of services that merge both, all output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    fn is_terminal(self) -> bool {
        match self {
            Self::Stdout => std::io::stdout().is_terminal(),
            Self::Stderr => std::io::stderr().is_terminal(),
        }
    }
}

/// What became of the command on one target.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// Why it has no end of its own.
    pub(crate) failure: Option<Failure>,
    /// How many bytes of output the service has not passed on.
    pub(crate) missing: u64,
    /// Where all of the output is, as a sentence, if bytes are missing.
    pub(crate) rest: Option<String>,
    /// How long the command ran, if that is known.
    pub(crate) took: Option<Duration>,
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        Self { ended, failure: None, missing: 0, rest: None, took: None }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { failure: Some(failure.clone()), ..failure.ended.into() }
    }
}

/// How many targets were named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// One, by its name: its bytes are written as they come, and its exit code is ours.
    One,
    /// Several, or those that a search finds.
    Many,
}

/// Writes the output and ends of commands.
#[derive(Debug)]
pub(crate) struct Report {
    provider: &'static str,
    targets: Targets,
    format: Format,
    quiet: bool,
    codes: ExitCodes,
    encoding: Option<Encoding>,
    shows_progress: bool,
    progress: Option<Progress>,
    stdout: Stdout,
    stderr: Stderr,
    /// What people call a target, where that is not its id.
    names: HashMap<String, String>,
    /// The place of each target that was announced.
    order: HashMap<String, usize>,
    open: HashMap<String, Open>,
    ends: Vec<Row>,
    /// The first of these ends that is one of the announced targets.
    since: usize,
    /// Whether a signal has come, so that no reader may keep this program waiting.
    hurries: bool,
    /// The streams that nobody reads.
    stuck: Vec<Stream>,
}

/// What is kept of a target until it has ended.
#[derive(Debug, Default)]
struct Open {
    /// The id by which the run can be found again.
    id: Option<String>,
    outputs: BTreeMap<Stream, Output>,
    dropped: u64,
}

/// What is kept of one output.
#[derive(Debug, Default)]
struct Output {
    decoder: Option<Decoder>,
    /// The line that has not ended.
    line: Lines,
    /// All of it, for a JSON object; for one a chunk, the beginning of a character.
    kept: Vec<u8>,
}

impl Report {
    pub(crate) fn new(provider: &'static str, targets: Targets, global: &Global) -> Self {
        Self {
            provider,
            targets,
            format: global.output,
            quiet: global.quiet,
            codes: global.exit_codes(),
            encoding: None,
            shows_progress: targets == Targets::Many && global.shows_progress(),
            progress: None,
            stdout: stdout(),
            stderr: stderr(),
            names: HashMap::new(),
            order: HashMap::new(),
            open: HashMap::new(),
            ends: Vec::new(),
            since: 0,
            hurries: false,
            stuck: Vec::new(),
        }
    }

    /// Makes UTF-8 of all output, which is in this encoding.
    #[must_use]
    pub(crate) fn decode(mut self, encoding: Option<Encoding>) -> Self {
        self.encoding = encoding;
        self
    }

    /// Announces the targets, in the order of the table at the end. From then on a terminal shows how many are in
    /// which state.
    pub(crate) fn expect(&mut self, targets: &[String]) {
        let from = self.order.len();
        for (place, target) in targets.iter().enumerate() {
            self.order.entry(target.clone()).or_insert(from + place);
        }
        self.since = self.ends.len();
        if self.shows_progress {
            self.progress = Some(Progress::new(targets));
        }
    }

    /// Tells what people call a target. Its lines then begin with that, and JSON has it besides the id.
    pub(crate) fn name(&mut self, target: &str, name: &str) {
        self.names.insert(target.to_owned(), name.to_owned());
    }

    /// Takes note of the id by which the service knows the run on a target.
    pub(crate) async fn started(&mut self, target: &str, id: Option<&str>) -> Result<(), Failure> {
        self.open.entry(target.to_owned()).or_default().id = id.map(str::to_owned);
        if self.shows_progress {
            self.progress.get_or_insert_with(|| Progress::new(&[])).begin(target);
        }
        if self.format == Format::Jsonl {
            let mut event = self.event("started", target);
            if let Some(id) = id {
                event["id"] = id.into();
            }
            self.line(&event).await?;
        }
        Ok(())
    }

    /// Takes note of a target's state at the service.
    pub(crate) async fn state(&mut self, target: &str, state: &str) -> Result<(), Failure> {
        if let Some(progress) = &mut self.progress {
            progress.state(target, &state.to_lowercase().replace('_', " "));
        }
        if self.format == Format::Jsonl {
            let mut event = self.event("state", target);
            event["state"] = state.into();
            self.line(&event).await?;
        }
        Ok(())
    }

    /// Writes output as it comes.
    ///
    /// # Errors
    /// If standard output or error cannot be written, as where a pipe was closed.
    pub(crate) async fn output(
        &mut self,
        target: &str,
        stream: Stream,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        match self.encoding {
            None => self.encoded(target, stream, bytes).await,
            Some(encoding) => {
                let output = self.open_output(target, stream);
                let decoder = output.decoder.get_or_insert_with(|| Decoder::new(encoding));
                let text = decoder.push(bytes, false);
                self.encoded(target, stream, &text).await
            }
        }
    }

    fn open_output(&mut self, target: &str, stream: Stream) -> &mut Output {
        if !self.open.contains_key(target) {
            self.open.insert(target.to_owned(), Open::default());
        }
        // It is there.
        self.open.entry(target.to_owned()).or_default().outputs.entry(stream).or_default()
    }

    /// Writes output in its final encoding.
    async fn encoded(&mut self, target: &str, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        match (self.format, self.targets) {
            (Format::Text, Targets::One) => self.write(stream, bytes).await,
            (Format::Text, Targets::Many) => {
                let label = self.label(target, stream);
                let text = self.open_output(target, stream).line.push(bytes, &label);
                self.write(stream, &text).await
            }
            (Format::Json, _) => {
                let kept = &mut self.open_output(target, stream).kept;
                let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
                kept.extend_from_slice(&bytes[..room]);
                if let Some(open) = self.open.get_mut(target) {
                    open.dropped += (bytes.len() - room) as u64;
                }
                Ok(())
            }
            (Format::Jsonl, _) => {
                let kept = &mut self.open_output(target, stream).kept;
                kept.extend_from_slice(bytes);
                // A reader of text wants whole characters, wherever chunks end.
                let end = kept.len() - json::begun_character(kept);
                let chunk: Vec<u8> = kept.drain(..end).collect();
                self.chunk(target, stream, &chunk).await
            }
        }
    }

    async fn chunk(&mut self, target: &str, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut event = self.event(stream.as_str(), target);
        json::text(&mut event, "data", bytes);
        self.line(&event).await
    }

    /// Writes how the command on a target ended.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(crate) async fn ended(&mut self, target: &str, outcome: Outcome) -> Result<(), Failure> {
        self.one_ended(target, &outcome).await?;
        if self.format == Format::Text {
            self.explain(&self.about(target), &outcome).await?;
        }
        Ok(())
    }

    /// Writes how the command on a target ended, where the person knows why.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(crate) async fn ended_as_told(
        &mut self,
        target: &str,
        outcome: Outcome,
    ) -> Result<(), Failure> {
        self.one_ended(target, &outcome).await
    }

    /// Writes how the command on several targets ended, where one failure ended all of them.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(crate) async fn all_ended(
        &mut self,
        targets: &[String],
        outcome: Outcome,
    ) -> Result<(), Failure> {
        for target in targets {
            self.one_ended(target, &outcome).await?;
        }
        let named = match targets {
            [only] => self.about(only),
            _ => format!("{}: ", few(targets.iter().map(|target| self.shown(target).to_owned()))),
        };
        match self.format {
            Format::Text => self.explain(&named, &outcome).await,
            Format::Json | Format::Jsonl => Ok(()),
        }
    }

    async fn one_ended(&mut self, target: &str, outcome: &Outcome) -> Result<(), Failure> {
        let streams = self.open.get(target).map(|open| open.outputs.keys().copied());
        for stream in streams.into_iter().flatten().collect::<Vec<_>>() {
            if let Some(decoder) = &mut self.open_output(target, stream).decoder {
                let text = decoder.push(b"", true);
                self.encoded(target, stream, &text).await?;
            }
        }
        let mut open = self.open.remove(target).unwrap_or_default();
        let mut outcome = outcome.clone();
        outcome.missing += open.dropped;
        if open.dropped > 0 {
            outcome.rest =
                Some("Use --output jsonl or text, which keep nothing in memory.".to_owned());
        }
        for (stream, output) in &mut open.outputs {
            match self.format {
                Format::Text => {
                    let rest = output.line.finish(&self.label(target, *stream));
                    self.write(*stream, &rest).await?;
                }
                Format::Json | Format::Jsonl => {
                    // The rest of the last character is among the missing bytes.
                    let cut = json::begun_character(&output.kept);
                    if outcome.missing > 0 && *stream == Stream::Stdout && cut > 0 {
                        output.kept.truncate(output.kept.len() - cut);
                        outcome.missing += cut as u64;
                    }
                    if self.format == Format::Jsonl {
                        self.chunk(target, *stream, &output.kept).await?;
                    }
                }
            }
        }
        match self.format {
            Format::Text => {}
            Format::Json => {
                let mut value =
                    self.result(self.with_target(json!({}), target), &open.id, &outcome);
                for (stream, output) in &open.outputs {
                    json::text(&mut value, stream.as_str(), &output.kept);
                }
                let text = serde_json::to_string_pretty(&value).unwrap_or_default() + "\n";
                self.write(Stream::Stdout, text.as_bytes()).await?;
            }
            Format::Jsonl => {
                let value = self.result(self.event("ended", target), &open.id, &outcome);
                self.line(&value).await?;
            }
        }
        if let Some(progress) = &mut self.progress {
            progress.ended(target, outcome.ended.success());
        }
        self.ends.push(Row { target: target.to_owned(), ended: outcome.ended, took: outcome.took });
        Ok(())
    }

    /// Writes a sentence for the person to standard error, unless it is to be quiet.
    pub(crate) async fn note(&mut self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { self.warn(text).await }
    }

    /// Writes to standard error what has to be known of something that has failed.
    pub(crate) async fn warn(&mut self, text: &str) -> Result<(), Failure> {
        self.write(Stream::Stderr, format!("guestexec: {text}\n").as_bytes()).await
    }

    /// Those of the targets that have no end yet, since the last ones were announced.
    pub(crate) fn without_end(&self, targets: &[String]) -> Vec<String> {
        let ended: HashSet<&str> = self.ends[self.since..].iter().map(|row| &*row.target).collect();
        targets.iter().filter(|target| !ended.contains(&***target)).cloned().collect()
    }

    /// Takes note of the id of a run that has begun.
    pub(crate) fn identify(&mut self, target: &str, id: &str) {
        self.open.entry(target.to_owned()).or_default().id = Some(id.to_owned());
    }

    /// Writes the id of a run that nobody waits for; with its target, where each has an id of its own.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub(crate) async fn detached(&mut self, target: Option<&str>, id: &str) -> Result<(), Failure> {
        let text = match (self.format, target) {
            (Format::Text, Some(target)) if self.targets == Targets::Many => {
                format!("{} {id}\n", self.shown(target))
            }
            (Format::Text, _) => format!("{id}\n"),
            (Format::Json | Format::Jsonl, _) => {
                let mut value = match target {
                    Some(target) => self.event("started", target),
                    None => json!({ "event": "started", "provider": self.provider }),
                };
                value["id"] = id.into();
                format!("{value}\n")
            }
        };
        self.write(Stream::Stdout, text.as_bytes()).await
    }

    /// From now on, waits for the readers of what is written for a moment only: a signal asks to end.
    pub(crate) fn hurry(&mut self) {
        self.hurries = true;
    }

    pub(crate) fn targets(&self) -> Targets {
        self.targets
    }

    /// Leaves the terminal to a question.
    pub(crate) fn pause(&self) {
        if let Some(progress) = &self.progress {
            progress.clear();
        }
    }

    /// Takes the terminal back.
    pub(crate) fn resume(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.resume();
        }
    }

    /// Ends the report, and says with which exit code.
    pub(crate) async fn finish(mut self) -> Result<Exit, Failure> {
        self.progress = None;
        if self.targets == Targets::One
            && let Some(row) = self.ends.first()
        {
            return Ok(Exit(self.codes.of_one(row.ended)));
        }
        let mut rows = std::mem::take(&mut self.ends);
        rows.sort_by_key(|row| self.order.get(&row.target).copied());
        for row in &mut rows {
            row.target = self.shown(&row.target).to_owned();
        }
        let failed = rows.iter().filter(|row| !row.ended.success());
        let failed: Vec<String> =
            failed.map(|row| format!("{} {}", row.target, row.ended)).collect();
        if self.format == Format::Text && self.targets == Targets::Many && !rows.is_empty() {
            if !self.quiet {
                let text = table::table(&rows);
                self.write(Stream::Stderr, text.as_bytes()).await?;
            }
            if !failed.is_empty() {
                let (count, all) = (failed.len(), rows.len().max(self.order.len()));
                let named = few(failed.iter().cloned());
                self.warn(&format!("{count} of {all} failed: {named}")).await?;
            }
        }
        Ok(Exit(self.codes.of_many(failed.is_empty())))
    }

    fn event(&self, event: &str, target: &str) -> Value {
        self.with_target(json!({ "event": event }), target)
    }

    /// Adds the members that name a target.
    fn with_target(&self, mut value: Value, target: &str) -> Value {
        value["provider"] = self.provider.into();
        value["target"] = target.into();
        if let Some(name) = self.names.get(target) {
            value["name"] = (&**name).into();
        }
        value
    }

    /// The members that say how a target ended.
    fn result(&self, mut value: Value, id: &Option<String>, outcome: &Outcome) -> Value {
        value["ended"] = outcome.ended.as_str().into();
        value["exit_code"] = outcome.ended.exit_code().into();
        if let Some(id) = id {
            value["id"] = (&**id).into();
        }
        if let Some(took) = outcome.took {
            value["seconds"] = (took.as_millis() as f64 / 1000.0).into();
        }
        if outcome.missing > 0 {
            value["missing_bytes"] = outcome.missing.into();
            if let Some(rest) = &outcome.rest {
                value["rest"] = (&**rest).into();
            }
        }
        if let Some(failure) = &outcome.failure {
            value["error"] = serde_json::to_value(failure).unwrap_or_default();
        }
        value
    }

    /// What people call a target.
    fn shown<'a>(&'a self, target: &'a str) -> &'a str {
        self.names.get(target).map_or(target, |name| name)
    }

    /// How a sentence about a target begins.
    fn about(&self, target: &str) -> String {
        match self.targets {
            Targets::One => String::new(),
            Targets::Many => format!("{}: ", self.shown(target)),
        }
    }

    /// Says on standard error what a person has to know of an end.
    async fn explain(&mut self, about: &str, outcome: &Outcome) -> Result<(), Failure> {
        if let Some(failure) = &outcome.failure {
            self.warn(&format!("{about}{failure}")).await?;
        }
        if outcome.missing > 0 {
            let rest = outcome.rest.as_deref().unwrap_or("The service keeps no more.");
            self.note(&format!("{about}{} bytes of output are missing\n  {rest}", outcome.missing))
                .await?;
        }
        if self.targets == Targets::One && outcome.ended.exceeds_exit_code() {
            let code = self.codes.of_one(outcome.ended);
            self.note(&format!(
                "the command {}, which no exit code here can hold: this is {code}",
                outcome.ended
            ))
            .await?;
        }
        Ok(())
    }

    async fn line(&mut self, value: &Value) -> Result<(), Failure> {
        self.write(Stream::Stdout, format!("{value}\n").as_bytes()).await
    }

    async fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Failure> {
        if bytes.is_empty() || self.stuck.contains(&stream) {
            return Ok(());
        }
        let written = match &self.progress {
            Some(progress) if stream.is_terminal() => progress.suspend(|| match stream {
                Stream::Stdout => write_now(&mut std::io::stdout().lock(), bytes),
                Stream::Stderr => write_now(&mut std::io::stderr().lock(), bytes),
            }),
            _ => {
                let to: &mut (dyn AsyncWrite + Send + Unpin) = match stream {
                    Stream::Stdout => &mut self.stdout,
                    Stream::Stderr => &mut self.stderr,
                };
                let writing = async {
                    to.write_all(bytes).await?;
                    to.flush().await
                };
                let patience = if self.hurries { LAST_WRITE } else { Duration::MAX };
                match timeout(patience, writing).await {
                    Ok(written) => written,
                    Err(_) => {
                        self.stuck.push(stream);
                        Ok(())
                    }
                }
            }
        };
        written.map_err(|error| Failure::unwritable(stream.as_str(), &error))
    }

    /// What stands before each line of a target. Its colour is the same in every run.
    fn label(&self, target: &str, stream: Stream) -> String {
        const COLORS: [AnsiColor; 6] = [
            AnsiColor::Cyan,
            AnsiColor::Green,
            AnsiColor::Yellow,
            AnsiColor::Magenta,
            AnsiColor::Blue,
            AnsiColor::BrightCyan,
        ];
        let name = self.shown(target);
        let sum = target
            .bytes()
            .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let style = Style::new().fg_color(Some(COLORS[sum % COLORS.len()].into()));
        let choice = match stream {
            Stream::Stdout => anstream::AutoStream::choice(&std::io::stdout()),
            Stream::Stderr => anstream::AutoStream::choice(&std::io::stderr()),
        };
        match choice {
            anstream::ColorChoice::Never => format!("{name} | "),
            _ => format!("{style}{name} |{style:#} "),
        }
    }
}

fn write_now(to: &mut impl std::io::Write, bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// The first of many, and how many more there are.
pub(crate) fn few(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let named = all.take(NAMED).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}
