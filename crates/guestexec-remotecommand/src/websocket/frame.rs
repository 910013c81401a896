//! The frames of RFC 6455, for either side, without I/O.
//!
//! They are hand-written because WebSocket libraries log payloads, and copy what this code decodes and masks in place.

use std::fmt;

use super::mask::mask;
use crate::fill;

/// The length of the longest header of a frame, in bytes.
pub const MAX_HEADER: usize = 14;
/// The longest payload of a control frame, in bytes.
const MAX_CONTROL: usize = 125;
/// The largest buffer that is reused for another message, in bytes.
const MAX_REUSED: usize = 256 * 1024;

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// One end of a WebSocket. Only the client masks its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The side that asked for the upgrade.
    Client,
    /// The side that agreed to it.
    Server,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// A text message.
    Text,
    /// A binary message.
    Binary,
    /// The end: an empty payload, or a code of two bytes and a reason, which may be empty.
    Close,
    /// A ping, with a payload of at most 125 bytes.
    Ping,
    /// The answer to a ping, with the same payload.
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

/// What the other side has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// A whole message, text or binary, from one frame or several.
    Message(&'a [u8]),
    /// A ping; answer it with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The last frame, with a reason if the other side gave one. What follows is ignored.
    Close(Option<CloseReason>),
}

/// The reason that the other side gives for its close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// The code as received, even one that must not be sent (1005, 1006, 1015, below 1000).
    pub code: u16,
    /// The text, with U+FFFD in place of invalid UTF-8.
    pub reason: String,
}

/// How a frame violates RFC 6455. Drop the connection. The error quotes nothing of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set although no extension was agreed on.
    Reserved,
    /// The kind of a frame is unknown.
    Opcode(u8),
    /// A server masked a frame, or a client did not.
    Masking,
    /// A control frame is longer than 125 bytes or comes in parts.
    Control,
    /// A message continues that did not begin, or begins before the last one ended.
    Order,
    /// A message is longer than the decoder's limit.
    TooLong(usize),
    /// A text message is not UTF-8.
    Text,
    /// A close frame has only half of a code.
    Close,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserved => "a frame has a reserved bit set",
            Self::Opcode(kind) => return write!(f, "a frame is of the unknown kind {kind}"),
            Self::Masking => "a frame is masked by a server, or not masked by a client",
            Self::Control => "a control frame is longer than 125 bytes or comes in parts",
            Self::Order => "the parts of a message are out of order",
            Self::TooLong(most) => return write!(f, "a message is longer than {most} bytes"),
            Self::Text => "a text message is not UTF-8",
            Self::Close => "a close frame has a payload of one byte",
        })
    }
}

impl std::error::Error for FrameError {}

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: u8,
    fin: bool,
    mask: Option<[u8; 4]>,
    /// Bytes of the payload that are missing.
    left: usize,
    /// Bytes of the payload that have arrived.
    done: usize,
}

/// The result of decoding one frame.
enum Step<'a> {
    /// More bytes are needed.
    Incomplete,
    /// A fragment of a message is complete.
    Fragment,
    /// A message is complete, in the input.
    InInput(&'a [u8]),
    /// A message is complete, in the message buffer.
    Buffered,
    /// A control frame is complete, in its buffer.
    Control(u8),
}

/// Decodes messages and control frames.
///
/// It buffers at most one message and one control frame. A message that arrives in one piece is not copied.
#[derive(Debug)]
pub struct FrameDecoder {
    side: Side,
    limit: usize,
    head: Vec<u8>,
    frame: Option<Frame>,
    control: Vec<u8>,
    /// The message so far, or a whole message that was just returned.
    message: Vec<u8>,
    /// The opcode of the message whose fragments are arriving.
    fragmented: Option<u8>,
    /// How many bytes of a text are known to be UTF-8.
    checked: usize,
    returned: bool,
    over: bool,
}

impl FrameDecoder {
    /// A decoder for what `side` receives, in messages of at most `limit` bytes.
    pub fn new(side: Side, limit: usize) -> Self {
        Self {
            side,
            limit,
            head: Vec::with_capacity(MAX_HEADER),
            frame: None,
            control: Vec::new(),
            message: Vec::new(),
            fragmented: None,
            checked: 0,
            returned: false,
            over: false,
        }
    }

    /// Takes the next message or control frame from the front of `input`. `None` means that all of `input` was taken
    /// and more is needed.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: drop the connection.
    pub fn next<'a, 'b: 'a>(
        &'a mut self,
        input: &mut &'b [u8],
    ) -> Result<Option<Incoming<'a>>, FrameError> {
        if std::mem::take(&mut self.returned) {
            self.message.clear();
            self.message.shrink_to(MAX_REUSED);
            self.checked = 0;
        }
        loop {
            match self.step(input)? {
                Step::Incomplete => return Ok(None),
                Step::Fragment => {}
                Step::InInput(message) => return Ok(Some(Incoming::Message(message))),
                Step::Buffered => {
                    self.returned = true;
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
            return Ok(Step::Incomplete);
        }
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.header(input)? {
                Some(frame) => frame,
                None => return Ok(Step::Incomplete),
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
            && self.fragmented.is_none()
        {
            if frame.opcode == TEXT && std::str::from_utf8(payload).is_err() {
                return Err(FrameError::Text);
            }
            return Ok(Step::InInput(payload));
        } else {
            append(&mut self.message, payload, &frame);
        }
        frame.left -= payload.len();
        frame.done += payload.len();
        if !complete {
            self.frame = Some(frame);
            return Ok(Step::Incomplete);
        }
        if frame.opcode >= CLOSE {
            return Ok(Step::Control(frame.opcode));
        }
        let kind = self.fragmented.take().unwrap_or(frame.opcode);
        if kind == TEXT {
            self.check_text(frame.fin)?;
        }
        if frame.fin {
            return Ok(Step::Buffered);
        }
        self.fragmented = Some(kind);
        Ok(Step::Fragment)
    }

    /// Takes a header from `input`; `None` while it is incomplete.
    fn header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
        if !fill(&mut self.head, input, 2) {
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
            CONTINUATION if self.fragmented.is_none() => return Err(FrameError::Order),
            TEXT | BINARY if self.fragmented.is_some() => return Err(FrameError::Order),
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
        if !fill(&mut self.head, input, 2 + long + mask_len) {
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

    /// Checks the new bytes of a text. A character may be split between fragments.
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

/// Appends one frame with all of `payload`; a control frame is cut to 125 bytes.
///
/// A client passes four unpredictable bytes as `key`, new ones for each frame; a server passes none.
pub fn encode_frame(kind: FrameKind, payload: &[u8], key: Option<[u8; 4]>, out: &mut Vec<u8>) {
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

/// Makes one frame in `buffer`, which holds the payload after [`MAX_HEADER`] free bytes. Returns the index at which the
/// frame begins.
///
/// The `key` is that of [`encode_frame`].
///
/// # Panics
///
/// If `buffer` is shorter than [`MAX_HEADER`].
pub fn frame_in_place(kind: FrameKind, buffer: &mut [u8], key: Option<[u8; 4]>) -> usize {
    let (room, payload) = buffer.split_at_mut(MAX_HEADER);
    let (header, length) = header(kind, payload.len(), key);
    let begin = MAX_HEADER - length;
    room[begin..].copy_from_slice(&header[..length]);
    if let Some(key) = key {
        mask(payload, key, 0);
    }
    begin
}

/// Encodes the header of an unfragmented frame; also returns its length.
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
