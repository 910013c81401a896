//! What the client has sent and the script has not taken yet.

use std::collections::VecDeque;

use guestexec_remotecommand::TerminalSize;

use super::{session::ExecSession, step::Wait};

/// ^D (EOT), by which the input of a terminal ends.
const EOT: u8 = 4;
/// The most terminal sizes that wait.
const MAX_SIZES: usize = 1000;

enum Item {
    /// So many bytes of input.
    Stdin(u64),
    Resize(TerminalSize),
    End,
}

/// What a script waits for and is not here.
pub(super) struct Missing {
    pub(super) what: String,
    pub(super) may_come: bool,
}

/// What the client has sent and the script has not taken yet. What is taken is recorded.
pub(super) struct Inbox {
    session: ExecSession,
    items: VecDeque<Item>,
    /// The bytes of the input in `items`, as far as they are kept.
    kept: VecDeque<u8>,
    sizes: usize,
    tty: bool,
    /// The protocol, or ^D of a terminal, can end the input.
    can_end: bool,
    ended: bool,
    /// The last byte of the input.
    last: Option<u8>,
    /// How many bytes and events have come.
    pub(super) received: u64,
}

impl Inbox {
    pub(super) fn new(session: ExecSession, tty: bool, protocol_ends_stdin: bool) -> Self {
        Self {
            session,
            items: VecDeque::new(),
            kept: VecDeque::new(),
            sizes: 0,
            tty,
            can_end: tty || protocol_ends_stdin,
            ended: false,
            last: None,
            received: 0,
        }
    }

    pub(super) fn stdin(&mut self, data: &[u8]) {
        let kept = self.session.room(self.kept.len()).min(data.len());
        self.kept.extend(&data[..kept]);
        self.last = data.last().copied().or(self.last);
        let length = data.len() as u64;
        self.received += length;
        match self.items.back_mut() {
            Some(Item::Stdin(before)) => *before += length,
            _ => self.items.push_back(Item::Stdin(length)),
        }
    }

    pub(super) fn resize(&mut self, size: TerminalSize) {
        if self.sizes < MAX_SIZES {
            self.sizes += 1;
            self.received += 1;
            self.items.push_back(Item::Resize(size));
        }
    }

    pub(super) fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.received += 1;
            self.items.push_back(Item::End);
        }
    }

    /// How many bytes of input wait.
    fn stdin_waiting(&self) -> u64 {
        self.items.iter().map(|item| if let Item::Stdin(length) = item { *length } else { 0 }).sum()
    }

    /// Whether the input has ended: by the protocol, or by ^D of a terminal.
    pub(super) fn has_end(&self) -> bool {
        self.ended || self.tty && self.last == Some(EOT)
    }

    /// Takes everything up to what the script waits for, if that is here.
    pub(super) fn take(&mut self, wait: Wait, has_stdin: bool) -> Result<(), Missing> {
        let has_end = self.has_end() || !has_stdin;
        let (what, may_come) = match wait {
            Wait::Stdin(bytes) => match bytes.saturating_sub(self.stdin_waiting()) {
                0 => {
                    self.take_stdin(bytes);
                    return Ok(());
                }
                1 => ("1 more byte of stdin".to_owned(), !has_end),
                more => (format!("{more} more bytes of stdin"), !has_end),
            },
            Wait::EndOfStdin if has_end => {
                self.take_all();
                return Ok(());
            }
            Wait::EndOfStdin => ("the end of stdin".to_owned(), self.can_end),
            Wait::Size(size) => {
                let is_it = |item: &Item| matches!(item, Item::Resize(is) if *is == size);
                if let Some(at) = self.items.iter().position(is_it) {
                    let taken: Vec<Item> = self.items.drain(..=at).collect();
                    taken.into_iter().for_each(|item| self.record(item));
                    return Ok(());
                }
                (format!("a terminal of {}x{}", size.width, size.height), self.tty)
            }
        };
        Err(Missing { what, may_come })
    }

    fn take_stdin(&mut self, mut bytes: u64) {
        while bytes > 0
            && let Some(item) = self.items.pop_front()
        {
            match item {
                Item::Stdin(length) if length > bytes => {
                    self.items.push_front(Item::Stdin(length - bytes));
                    return self.record(Item::Stdin(bytes));
                }
                Item::Stdin(length) => bytes -= length,
                _ => {}
            }
            self.record(item);
        }
    }

    pub(super) fn take_all(&mut self) {
        while let Some(item) = self.items.pop_front() {
            self.record(item);
        }
    }

    fn record(&mut self, item: Item) {
        match item {
            Item::Stdin(length) => {
                let kept = usize::try_from(length).unwrap_or(usize::MAX).min(self.kept.len());
                let kept: Vec<u8> = self.kept.drain(..kept).collect();
                self.session.take(length, &kept);
            }
            Item::Resize(size) => {
                self.sizes -= 1;
                self.session.resized(size);
            }
            Item::End => self.session.stdin_ends(),
        }
    }
}
