//! A terminal of one's own: a program runs in it, keys are pressed, and each screen is kept.

use std::{
    io::{Read as _, Write as _},
    num::NonZeroU16,
    ops::Range,
    process::{Command, ExitStatus},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use pty_process::{Size, blocking};
use regex_lite::Regex;
use vt100::{Color, Parser};

/// How long something may take that has to come.
const LONG: Duration = Duration::from_secs(30);
/// What comes within this time of something else is shown with it.
const TOGETHER: Duration = Duration::from_millis(40);
/// For how long a screen is shown at least, and at most.
const SHOWN: Range<u64> = 60..1500;
/// How long a key is pressed.
const KEY: u64 = 55;
/// The prompt around the programs.
const PROMPT: &str = "\u{1b}[1;34m~\u{1b}[0m$ ";

/// How characters look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub color: Color,
    pub background: Color,
    pub bold: bool,
    pub dim: bool,
    pub italic: bool,
    pub underline: bool,
}

/// Characters beside each other that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub column: usize,
    /// In columns.
    pub width: usize,
    pub text: String,
    pub style: Style,
}

/// A screen, and for how long it is shown.
#[derive(Clone, Debug)]
pub struct Frame {
    pub rows: Vec<Vec<Run>>,
    /// Row and column.
    pub cursor: Option<(u16, u16)>,
    pub milliseconds: u64,
}

impl Frame {
    /// What it shows.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for run in row {
                line.extend(std::iter::repeat_n(' ', run.column.saturating_sub(columns(&line))));
                line += &run.text;
            }
            text += line.trim_end();
            text.push('\n');
        }
        text.trim_end().to_owned() + "\n"
    }
}

/// Keeps the screens of a terminal.
pub struct Recorder {
    pub title: String,
    pub columns: u16,
    parser: Parser,
    pub frames: Vec<Frame>,
    masks: Vec<(String, String)>,
}

impl Recorder {
    pub fn new(title: &str, columns: u16, rows: u16) -> Self {
        let size = |number| NonZeroU16::new(number).unwrap();
        let parser = Parser::new(size(rows), size(columns), 0);
        Self { title: title.to_owned(), columns, parser, frames: Vec::new(), masks: Vec::new() }
    }

    /// Shows another text of the same length in place of one.
    pub fn mask(&mut self, text: &str, with: &str) {
        assert_eq!(text.len(), with.len());
        self.masks.push((text.to_owned(), with.to_owned()));
    }

    /// Shows a prompt, and someone who types a line there.
    pub fn type_line(&mut self, line: &str) {
        self.parser.process(PROMPT.as_bytes());
        self.keep(700);
        for key in line.chars() {
            self.parser.process(key.to_string().as_bytes());
            self.keep(KEY);
        }
        self.keep(400);
        self.parser.process(b"\r\n");
    }

    /// Shows what the shell around the programs would print.
    pub fn print(&mut self, text: &str) {
        self.parser.process(text.replace('\n', "\r\n").as_bytes());
        self.keep(600);
    }

    /// Runs a program; `keys` acts on it.
    pub fn run(&mut self, mut command: Command, keys: impl FnOnce(&mut Session<'_>)) -> ExitStatus {
        let (pty, pts) = blocking::open().unwrap();
        let (rows, _) = self.parser.screen().size();
        pty.resize(Size::new(rows.get(), self.columns)).unwrap();
        command.env("TERM", "xterm-256color");
        let mut child = blocking::Command::from(command).spawn(pts).unwrap();
        thread::scope(|scope| {
            let (sender, output) = channel();
            let from = &pty;
            scope.spawn(move || {
                let mut from = from;
                let mut bytes = [0; 4096];
                // The end of the program is an error here.
                while let Ok(count @ 1..) = from.read(&mut bytes) {
                    if sender.send(bytes[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
            let mut session = Session { recorder: self, output, to: &pty, shown: Instant::now() };
            keys(&mut session);
            session.until("the program's end", |_, is_over| is_over);
        });
        child.wait().unwrap()
    }

    /// What the last screen shows.
    pub fn text(&self) -> String {
        self.frames.last().map(Frame::text).unwrap_or_default()
    }

    /// Keeps the screen, if it is another than the last.
    fn keep(&mut self, milliseconds: u64) {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let masks = &self.masks;
        let rows = (0..rows.get()).map(|row| runs(screen, row, columns.get(), masks)).collect();
        let cursor = (!screen.hide_cursor()).then(|| screen.cursor_position());
        match self.frames.last_mut() {
            Some(last) if last.rows == rows && last.cursor == cursor => {
                last.milliseconds += milliseconds;
            }
            _ => self.frames.push(Frame { rows, cursor, milliseconds }),
        }
    }
}

/// A program that runs.
pub struct Session<'a> {
    recorder: &'a mut Recorder,
    output: Receiver<Vec<u8>>,
    to: &'a blocking::Pty,
    shown: Instant,
}

impl Session<'_> {
    /// Waits until the last line is the prompt of a shell, of root or another.
    pub fn wait_for_prompt(&mut self) {
        self.until("a prompt", |screen, _| {
            matches!(screen.trim_end().lines().next_back(), Some("#" | "$"))
        });
        self.pause(500);
    }

    /// Lets the program go on for a while.
    pub fn pause(&mut self, milliseconds: u64) {
        let end = Instant::now() + Duration::from_millis(milliseconds);
        self.until("a pause", |_, _| Instant::now() >= end);
    }

    /// Presses keys, one after another.
    pub fn keys(&mut self, keys: &str) {
        for key in keys.chars() {
            self.to.write_all(key.to_string().as_bytes()).unwrap();
            if key != '\r' {
                self.pause(KEY);
            }
        }
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&str, bool) -> bool) {
        let begun = Instant::now();
        let mut is_over = false;
        loop {
            if is_so(&self.recorder.parser.screen().contents(), is_over) {
                return self.keep();
            }
            assert!(
                begun.elapsed() < LONG && !is_over,
                "{what} did not come: {}",
                self.recorder.parser.screen().contents()
            );
            match self.output.recv_timeout(TOGETHER) {
                Ok(bytes) => self.recorder.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => self.keep(),
                Err(RecvTimeoutError::Disconnected) => is_over = true,
            }
        }
    }

    /// Keeps the screen. The one before was shown until now.
    fn keep(&mut self) {
        let elapsed = u64::try_from(self.shown.elapsed().as_millis()).unwrap();
        self.shown = Instant::now();
        if let Some(last) = self.recorder.frames.last_mut() {
            last.milliseconds = (last.milliseconds + elapsed).clamp(SHOWN.start, SHOWN.end);
        }
        self.recorder.keep(0);
    }
}

/// The columns that a text takes, none of whose characters is wide.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// Ids and ports, which differ from run to run: the group is what is replaced, character by character.
fn masked(text: &str) -> String {
    let mut text = text.to_owned();
    if text.starts_with("# ") {
        // The prompt of a shell says whether it is root's.
        text.replace_range(..1, "$");
    }
    for (pattern, with) in [
        (r"([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", '0'),
        (r"-([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})", '0'),
        (r"127\.0\.0\.1:([0-9]+)", '0'),
        (r"\b(?:inv|invt|cmd|ivk)-([0-9a-z]{8})\b", 'x'),
    ] {
        let pattern = Regex::new(pattern).unwrap();
        let places: Vec<_> =
            (pattern.captures_iter(&text)).map(|found| found.get(1).unwrap().range()).collect();
        for place in places {
            let masked: String =
                text[place.clone()].chars().map(|c| if c == '-' { c } else { with }).collect();
            text.replace_range(place, &masked);
        }
    }
    text
}

fn runs(screen: &vt100::Screen, row: u16, columns: u16, masks: &[(String, String)]) -> Vec<Run> {
    let mut cells = Vec::new();
    for column in 0..columns {
        let Some(cell) = screen.cell(row, column) else { continue };
        if cell.is_wide_continuation() {
            continue;
        }
        let text = cell.contents().chars().next().unwrap_or(' ');
        let (mut color, mut background) = (cell.fgcolor(), cell.bgcolor());
        if cell.inverse() {
            (color, background) = (background, color);
        }
        let style = Style {
            color,
            background,
            bold: cell.bold(),
            dim: cell.dim(),
            italic: cell.italic(),
            underline: cell.underline(),
        };
        cells.push((usize::from(column), text, usize::from(cell.is_wide()) + 1, style));
    }
    let text: String = cells.iter().map(|(_, text, ..)| *text).collect();
    let text = masks.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let mut runs: Vec<Run> = Vec::new();
    for ((column, _, width, style), text) in cells.iter().zip(masked(&text).chars()) {
        let is_seen = text != ' ' || style.background != Color::Default || style.underline;
        match runs.last_mut() {
            Some(run) if run.style == *style && run.column + run.width == *column => {
                run.text.push(text);
                run.width += width;
            }
            _ if is_seen => runs.push(Run {
                column: *column,
                width: *width,
                text: text.to_string(),
                style: *style,
            }),
            _ => {}
        }
    }
    runs.into_iter().flat_map(words).collect()
}

/// A run without the spaces at its end, in pieces with no more than one space between.
fn words(run: Run) -> Vec<Run> {
    if run.style.background != Color::Default || run.style.underline || run.text.len() != run.width
    {
        return vec![run];
    }
    let mut pieces = Vec::new();
    let mut column = run.column;
    for piece in run.text.split("  ") {
        let begin = piece.len() - piece.trim_start().len();
        let text = piece.trim().to_owned();
        if !text.is_empty() {
            let (column, width) = (column + begin, text.len());
            pieces.push(Run { column, width, text, style: run.style });
        }
        column += piece.len() + 2;
    }
    pieces
}
