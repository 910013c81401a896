//! SPDY/3 frames: an incremental decoder, and one function for each frame that is sent.

use super::{Error, HEADER, header::HeaderWriter};
use crate::fill;

/// The longest payload of a control frame that is accepted, in bytes. The draft requires at least 8 KiB.
const MAX_CONTROL: usize = 16 * 1024;
/// The longest payload of a DATA frame that is sent, in bytes. The format allows 16 MiB.
const MAX_DATA: usize = 1024 * 1024;
const FLAG_FIN: u8 = 1;
const VERSION: u16 = 3;

const SYN_STREAM: u16 = 1;
pub(crate) const SYN_REPLY: u16 = 2;
pub(crate) const RST_STREAM: u16 = 3;
const PING: u16 = 6;
pub(crate) const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;

/// A received frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A piece of a DATA frame; only the last one has `fin`.
    Data {
        stream: u32,
        payload: &'a [u8],
        fin: bool,
    },
    /// `block` is still compressed.
    SynStream {
        stream: u32,
        fin: bool,
        block: Vec<u8>,
    },
    SynReply {
        stream: u32,
        fin: bool,
        block: Vec<u8>,
    },
    /// Later headers of a stream. They mean nothing here, but the zlib stream needs them.
    Headers {
        block: Vec<u8>,
    },
    Reset {
        stream: u32,
        code: u32,
    },
    Ping(u32),
    GoAway {
        last_stream: u32,
        status: u32,
    },
    /// SETTINGS, WINDOW_UPDATE or an unknown kind.
    Ignored,
}

/// Decodes frames from a byte stream.
#[derive(Debug, Default)]
pub(crate) struct FrameDecoder {
    /// The start of a frame: the 8 bytes of its header, and the payload of a control frame.
    partial: Vec<u8>,
    data: Option<DataFrame>,
}

#[derive(Debug)]
struct DataFrame {
    stream: u32,
    left: usize,
    fin: bool,
}

impl FrameDecoder {
    /// Takes the next frame, or the next piece of a DATA frame, from the front of `input`. `None` means that all of `input`
    /// was taken and more is needed.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Frame<'a>>, Error> {
        if self.data.is_none() {
            if !fill(&mut self.partial, input, 8) {
                return Ok(None);
            }
            let word = be32(&self.partial);
            let len = (be32(&self.partial[4..]) & 0x00ff_ffff) as usize;
            let flags = self.partial[4];
            if word >> 31 == 1 {
                return self.control(input, word, flags, len);
            }
            if word == 0 {
                return Err(Error::Malformed("DATA"));
            }
            self.partial.clear();
            self.data = Some(DataFrame { stream: word, left: len, fin: flags & FLAG_FIN != 0 });
        }
        let Some(data) = self.data.as_mut().filter(|data| data.left == 0 || !input.is_empty())
        else {
            return Ok(None);
        };
        let (payload, rest) = input.split_at(data.left.min(input.len()));
        *input = rest;
        data.left -= payload.len();
        let (stream, last, fin) = (data.stream, data.left == 0, data.fin);
        if last {
            self.data = None;
        }
        Ok(Some(Frame::Data { stream, payload, fin: last && fin }))
    }

    fn control<'a>(
        &mut self,
        input: &mut &[u8],
        word: u32,
        flags: u8,
        len: usize,
    ) -> Result<Option<Frame<'a>>, Error> {
        let (version, kind) = ((word >> 16) as u16 & 0x7fff, word as u16);
        if version != VERSION {
            return Err(Error::Version(version));
        }
        if len > MAX_CONTROL {
            return Err(Error::TooLong(len));
        }
        if !fill(&mut self.partial, input, 8 + len) {
            return Ok(None);
        }
        let frame = control_frame(kind, flags & FLAG_FIN != 0, &self.partial[8..]);
        self.partial.clear();
        frame.map(Some)
    }
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).fold(0, |word, byte| word << 8 | u32::from(*byte))
}

fn control_frame(kind: u16, fin: bool, payload: &[u8]) -> Result<Frame<'static>, Error> {
    // The name, and the shortest and longest payload.
    let (name, min, max) = match kind {
        SYN_STREAM => ("SYN_STREAM", 10, MAX_CONTROL),
        SYN_REPLY => ("SYN_REPLY", 4, MAX_CONTROL),
        RST_STREAM => ("RST_STREAM", 8, 8),
        PING => ("PING", 4, 4),
        GOAWAY => ("GOAWAY", 8, 8),
        HEADERS => ("HEADERS", 4, MAX_CONTROL),
        _ => return Ok(Frame::Ignored),
    };
    if !(min..=max).contains(&payload.len()) {
        return Err(Error::Malformed(name));
    }
    let stream = be32(payload) & 0x7fff_ffff;
    let second = be32(&payload[4..]);
    let block = || payload[min..].to_vec();
    if kind != PING && kind != GOAWAY && stream == 0 {
        return Err(Error::Malformed(name));
    }
    Ok(match kind {
        SYN_STREAM => Frame::SynStream { stream, fin, block: block() },
        SYN_REPLY => Frame::SynReply { stream, fin, block: block() },
        RST_STREAM => Frame::Reset { stream, code: second },
        PING => Frame::Ping(be32(payload)),
        GOAWAY => Frame::GoAway { last_stream: stream, status: second },
        _ => Frame::Headers { block: block() },
    })
}

/// Encodes the header of one DATA frame.
pub(crate) fn data_header(stream: u32, len: usize) -> Result<[u8; HEADER], Error> {
    if len > MAX_DATA {
        return Err(Error::TooLong(len));
    }
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&stream.to_be_bytes());
    header[4..].copy_from_slice(&(len as u32).to_be_bytes());
    Ok(header)
}

/// Appends DATA frames with all of `data`; none for empty data.
pub(crate) fn data(stream: u32, data: &[u8], out: &mut Vec<u8>) {
    for part in data.chunks(MAX_DATA) {
        out.extend(stream.to_be_bytes());
        out.extend((part.len() as u32).to_be_bytes());
        out.extend_from_slice(part);
    }
}

/// Appends the empty DATA frame that ends this side's half of a stream.
pub(crate) fn fin(stream: u32, out: &mut Vec<u8>) {
    out.extend(stream.to_be_bytes());
    out.extend([FLAG_FIN, 0, 0, 0]);
}

/// Appends a SYN_STREAM with these headers, priority 0 and both halves open.
pub(crate) fn syn_stream(
    stream: u32,
    headers: &[(&str, &str)],
    zlib: &mut HeaderWriter,
    out: &mut Vec<u8>,
) {
    let mut payload = stream.to_be_bytes().to_vec();
    payload.extend([0; 6]);
    zlib.write(headers, &mut payload);
    control(SYN_STREAM, &payload, out);
}

/// Appends a PING; the answer to a PING is the same frame.
pub(crate) fn ping(id: u32, out: &mut Vec<u8>) {
    control_words(PING, &[id], out);
}

/// Appends a control frame whose payload is these words.
pub(crate) fn control_words(kind: u16, words: &[u32], out: &mut Vec<u8>) {
    let payload: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    control(kind, &payload, out);
}

/// Appends a control frame.
pub(crate) fn control(kind: u16, payload: &[u8], out: &mut Vec<u8>) {
    out.extend((0x8000 | VERSION).to_be_bytes());
    out.extend(kind.to_be_bytes());
    out.extend((payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
    #[test]
    fn partial_frames_are_bounded(kind in 1u16..12, len in 0u32..0x100_0000, filler: u8, stream in 1u32..) {
        let mut decoder = FrameDecoder::default();
        let head = [&0x8003u16.to_be_bytes()[..], &kind.to_be_bytes(), &len.to_be_bytes()].concat();
        let data = [&(stream & 0x7fff_ffff).max(1).to_be_bytes()[..], &len.to_be_bytes()].concat();
        for head in [head, data] {
            let bytes = [head, vec![filler; 40_000]].concat();
            let mut input = &bytes[..];
            while let Ok(Some(_)) = decoder.next(&mut input) {}
            prop_assert!(decoder.partial.capacity() <= 4 * MAX_CONTROL);
        }
    }
    }
}
