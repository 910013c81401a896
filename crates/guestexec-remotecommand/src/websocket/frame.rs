//! The frames of RFC 6455, for either side and without input or output.

use super::mask::mask;

/// The length of the longest header of a frame, in bytes.
pub const MAX_HEADER: usize = 14;
/// The longest payload of a control frame, in bytes.
const MAX_CONTROL: usize = 125;
/// The largest buffer that is used again for another message, in bytes.
const KEPT: usize = 256 * 1024;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One end of a WebSocket. What a client sends is masked, what a server sends is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that asked for the upgrade.
    Client,
    /// The one that agreed to it.
    Server,
}

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A message of text.
    Text,
    /// A message of bytes.
    Binary,
    /// The end: nothing, or a code of two bytes and perhaps a reason.
    Close,
    /// A question whether the other side is there, at most 125 bytes long.
    Ping,
    /// The answer to a ping, with its payload.
    Pong,
}

impl FrameKind {
    const fn opcode(self) -> u8 {
        match self {
            Self::Text => TEXT,
            Self::Binary => BINARY,
            Self::Close => CLOSE,
            Self::Ping => PING,
            Self::Pong => PONG,
        }
    }
}

/// What the other side sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A whole message, text or binary, out of one frame or several.
    Message(&'a [u8]),
    /// A ping, to be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The last frame of all; what follows it is ignored. The reason is there if the other side gave one.
    Close(Option<CloseReason>),
}

/// Why the other side closes, as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The code as it came, also one that must not be sent (1005, 1006, 1015, below 1000).
    pub code: u16,
    /// Text, with U+FFFD where it is not UTF-8.
    pub reason: String,
}

/// How a frame breaks RFC 6455. The connection cannot go on; nothing of the frame is repeated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set though no extension was agreed.
    #[error("a frame has a reserved bit set")]
    Reserved,
    /// The kind of frame is unknown.
    #[error("a frame is of the unknown kind {0}")]
    Opcode(u8),
    /// A server masked a frame, or a client did not.
    #[error("a frame is masked by a server, or not masked by a client")]
    Masking,
    /// A control frame is longer than 125 bytes or comes in parts.
    #[error("a control frame is longer than 125 bytes or comes in parts")]
    Control,
    /// A part of a message comes without its beginning, or another message within one.
    #[error("the parts of a message are out of order")]
    Order,
    /// A message is longer than the decoder's limit.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// A text message is not UTF-8.
    #[error("a text message is not UTF-8")]
    Text,
    /// A close frame has half a code.
    #[error("a close frame has a payload of one byte")]
    Close,
}

/// The frame whose payload is coming.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: u8,
    fin: bool,
    mask: Option<[u8; 4]>,
    /// Bytes of the payload that are still to come, and those that have.
    left: usize,
    done: usize,
}

/// What became of a frame.
enum Step<'a> {
    /// More bytes are needed.
    Starved,
    /// A part of a message is complete.
    Part,
    /// A message is complete: in the input, or in the buffer.
    Whole(&'a [u8]),
    Collected,
    /// A control frame is complete, in its buffer.
    Control(u8),
}

/// Cuts what arrives into messages and control frames.
///
/// It keeps at most one message and one control frame. What arrives whole is not copied.
#[derive(Debug)]
pub struct FrameDecoder {
    side: Side,
    limit: usize,
    head: Vec<u8>,
    frame: Option<Frame>,
    control: Vec<u8>,
    /// The parts of a message so far; all of it, if it was just handed out.
    message: Vec<u8>,
    /// The kind of the message that is coming in parts.
    parts: Option<u8>,
    /// How much of a text is known to be UTF-8.
    checked: usize,
    handed_out: bool,
    over: bool,
}

impl FrameDecoder {
    /// A decoder for what `side` receives, that takes messages of at most `limit` bytes.
    pub fn new(side: Side, limit: usize) -> Self {
        Self {
            side,
            limit,
            head: Vec::with_capacity(MAX_HEADER),
            frame: None,
            control: Vec::new(),
            message: Vec::new(),
            parts: None,
            checked: 0,
            handed_out: false,
            over: false,
        }
    }

    /// Takes the next message or control frame off the front of `input`. `None` means that all of `input` was taken
    /// and more is needed.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: drop the connection.
    pub fn next<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b [u8],
    ) -> Result<Option<Incoming<'a>>, FrameError> {
        if std::mem::take(&mut self.handed_out) {
            self.message.clear();
            self.message.shrink_to(KEPT);
            self.checked = 0;
        }
        loop {
            match self.step(input)? {
                Step::Starved => return Ok(None),
                Step::Part => {}
                Step::Whole(message) => return Ok(Some(Incoming::Message(message))),
                Step::Collected => {
                    self.handed_out = true;
                    return Ok(Some(Incoming::Message(&self.message)));
                }
                Step::Control(PING) => return Ok(Some(Incoming::Ping(&self.control))),
                Step::Control(PONG) => return Ok(Some(Incoming::Pong(&self.control))),
                Step::Control(_) => {
                    self.over = true;
                    return close(&self.control).map(|reason| Some(Incoming::Close(reason)));
                }
            }
        }
    }

    fn step<'b>(&mut self, input: &mut &'b [u8]) -> Result<Step<'b>, FrameError> {
        if self.over {
            *input = &[];
            return Ok(Step::Starved);
        }
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.header(input)? {
                Some(frame) => frame,
                None => return Ok(Step::Starved),
            },
        };
        let (payload, rest) = input.split_at(frame.left.min(input.len()));
        *input = rest;
        let complete = payload.len() == frame.left;
        if frame.opcode >= CLOSE {
            append(&mut self.control, payload, &frame);
        } else if complete
            && frame.fin
            && frame.done == 0
            && frame.mask.is_none()
            && self.parts.is_none()
        {
            if frame.opcode == TEXT && std::str::from_utf8(payload).is_err() {
                return Err(FrameError::Text);
            }
            return Ok(Step::Whole(payload));
        } else {
            append(&mut self.message, payload, &frame);
        }
        frame.left -= payload.len();
        frame.done += payload.len();
        if !complete {
            self.frame = Some(frame);
            return Ok(Step::Starved);
        }
        if frame.opcode >= CLOSE {
            return Ok(Step::Control(frame.opcode));
        }
        let kind = self.parts.take().unwrap_or(frame.opcode);
        if kind == TEXT {
            self.check_text(frame.fin)?;
        }
        if frame.fin {
            return Ok(Step::Collected);
        }
        self.parts = Some(kind);
        Ok(Step::Part)
    }

    /// Reads a header, or as much of it as there is.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if !self.fill(input, 2) {
            return Ok(None);
        }
        let (first, second) = (self.head[0], self.head[1]);
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        let (masked, short) = (second & 0x80 != 0, second & 0x7f);
        if first & 0x70 != 0 {
            return Err(FrameError::Reserved);
        }
        if masked != (self.side == Side::Server) {
            return Err(FrameError::Masking);
        }
        match opcode {
            CONTINUATION if self.parts.is_none() => return Err(FrameError::Order),
            TEXT | BINARY if self.parts.is_some() => return Err(FrameError::Order),
            CLOSE | PING | PONG if !fin || usize::from(short) > MAX_CONTROL => {
                return Err(FrameError::Control);
            }
            CONTINUATION | TEXT | BINARY | CLOSE | PING | PONG => {}
            other => return Err(FrameError::Opcode(other)),
        }
        let long = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_len = if masked { 4 } else { 0 };
        if !self.fill(input, 2 + long + mask_len) {
            return Ok(None);
        }
        let length = match long {
            0 => u64::from(short),
            _ => self.head[2..2 + long].iter().fold(0, |len, byte| len << 8 | u64::from(*byte)),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if opcode < CLOSE && length > self.limit.saturating_sub(self.message.len()) {
            return Err(FrameError::TooLong(self.limit));
        }
        let mask = match self.head[2 + long..] {
            [a, b, c, d] => Some([a, b, c, d]),
            _ => None,
        };
        self.head.clear();
        if opcode >= CLOSE {
            self.control.clear();
        }
        Ok(Some(Frame { opcode, fin, mask, left: length, done: 0 }))
    }

    /// Moves bytes from `input` until the header has `len`; whether it has.
    fn fill(&mut self, input: &mut &[u8], len: usize) -> bool {
        let (taken, rest) = input.split_at(len.saturating_sub(self.head.len()).min(input.len()));
        self.head.extend_from_slice(taken);
        *input = rest;
        self.head.len() >= len
    }

    /// Checks what has come of a text; a character may be cut between two parts.
    fn check_text(&mut self, last: bool) -> Result<(), FrameError> {
        match std::str::from_utf8(&self.message[self.checked..]) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_none() && !last => {
                self.checked += error.valid_up_to();
            }
            Err(_) => return Err(FrameError::Text),
        }
        Ok(())
    }
}

fn append(to: &mut Vec<u8>, payload: &[u8], frame: &Frame) {
    let from = to.len();
    to.extend_from_slice(payload);
    if let Some(key) = frame.mask {
        mask(&mut to[from..], key, frame.done);
    }
}

fn close(payload: &[u8]) -> Result<Option<CloseReason>, FrameError> {
    match payload {
        [] => Ok(None),
        [_] => Err(FrameError::Close),
        [high, low, reason @ ..] => Ok(Some(CloseReason {
            code: u16::from_be_bytes([*high, *low]),
            reason: String::from_utf8_lossy(reason).into_owned(),
        })),
    }
}

/// Appends one frame with all of `payload`, of which a control frame takes the first 125 bytes.
///
/// A client gives four unpredictable bytes as `key`, new ones for each frame; a server gives none.
pub fn frame(kind: FrameKind, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let most = if kind.opcode() >= CLOSE { MAX_CONTROL } else { usize::MAX };
    let payload = &payload[..payload.len().min(most)];
    let (header, length) = header(kind, payload.len(), key);
    out.extend_from_slice(&header[..length]);
    let from = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[from..], key, 0);
    }
}

/// Makes one frame in place, for a caller that keeps room for the header in front of its payload: what follows the
/// first [`MAX_HEADER`] bytes of `buffer` is the payload. Gives the place where the frame begins.
///
/// The key is that of [`frame`].
///
/// # Panics
///
/// If `buffer` is shorter than [`MAX_HEADER`].
pub fn seal(kind: FrameKind, buffer: &mut [u8], key: Option<[u8; 4]>) -> usize {
    let (room, payload) = buffer.split_at_mut(MAX_HEADER);
    let (header, length) = header(kind, payload.len(), key);
    let begin = MAX_HEADER - length;
    room[begin..].copy_from_slice(&header[..length]);
    if let Some(key) = key {
        mask(payload, key, 0);
    }
    begin
}

/// The header of a final frame, and its length.
fn header(kind: FrameKind, payload: usize, key: Option<[u8; 4]>) -> ([u8; MAX_HEADER], usize) {
    let mut header = [0; MAX_HEADER];
    header[0] = 0x80 | kind.opcode();
    let mut length = match payload {
        0..=125 => {
            header[1] = payload as u8;
            2
        }
        126..=0xffff => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
            4
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        }
    };
    if let Some(key) = key {
        header[1] |= 0x80;
        header[length..length + 4].copy_from_slice(&key);
        length += 4;
    }
    (header, length)
}
