//! The client's side of a session.

use super::frame::{self, Frame, FrameDecoder};
use super::header::HeaderWriter;
use super::streams::StreamTable;
use super::{Error, Event, HEADER};
use crate::status::StatusBuffer;
use crate::{Channel, StatusError, TerminalSize, Termination};

/// The client's side of a session.
#[derive(Debug)]
pub struct Client {
    frames: FrameDecoder,
    streams: StreamTable,
    status: StatusBuffer,
    /// A stream that ended by the frame of the previous event.
    ended: Option<Channel>,
    next_ping: u32,
}

impl Client {
    /// Opens the streams of the request, the error stream and, with a terminal, the resize stream, in kubectl's order.
    /// Send the frames, which are appended to `out`, right after the 101. The server starts the command when it has all.
    ///
    /// `streams` must match the request's query: the server waits for exactly those.
    pub fn open(streams: crate::Streams, out: &mut Vec<u8>) -> Self {
        let mut table = StreamTable::default();
        let mut zlib = HeaderWriter::default();
        for (channel, id) in streams.channels().zip((1..).step_by(2)) {
            frame::syn_stream(id, &[("streamtype", channel.stream_type())], &mut zlib, out);
            table.insert(channel, id);
        }
        Self {
            frames: FrameDecoder::default(),
            streams: table,
            status: StatusBuffer::new(true),
            ended: None,
            next_ping: 1,
        }
    }

    /// Whether the server has accepted or reset each stream.
    pub fn is_open(&self) -> bool {
        self.streams.all_answered()
    }

    /// Takes the next event from the front of `input`. `None` means that all of `input` was taken.
    ///
    /// # Errors
    ///
    /// Any except [`Error::NotOpen`]: drop the connection. It is not known how the command ended.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, Error> {
        loop {
            if let Some(channel) = self.ended.take() {
                return self.end(channel, Event::Fin(channel)).map(Some);
            }
            let Some(frame) = self.frames.next(input)? else {
                return Ok(None);
            };
            match frame {
                Frame::SynReply { stream, fin, .. } => {
                    let Some(stream) =
                        self.streams.receiving(stream).filter(|stream| !stream.replied)
                    else {
                        continue;
                    };
                    stream.replied = true;
                    stream.remote = !fin;
                    self.ended = fin.then_some(stream.channel);
                    return Ok(Some(Event::Opened(stream.channel)));
                }
                Frame::Data { stream, payload, fin } => {
                    let Some(stream) = self.streams.receiving(stream) else {
                        continue;
                    };
                    stream.remote = !fin;
                    let channel = stream.channel;
                    self.ended = fin.then_some(channel);
                    match channel {
                        Channel::Error => _ = self.status.push(payload)?,
                        Channel::Stdout | Channel::Stderr if !payload.is_empty() => {
                            return Ok(Some(Event::Data(channel, payload)));
                        }
                        _ => {}
                    }
                }
                Frame::Reset { stream, code } => {
                    if let Some(channel) = self.streams.reset(stream) {
                        return self.end(channel, Event::Reset(channel, code)).map(Some);
                    }
                }
                Frame::Ping(id) if id % 2 == 1 => return Ok(Some(Event::Pong(id))),
                Frame::Ping(id) => return Ok(Some(Event::Ping(id))),
                Frame::GoAway { status, .. } => return Ok(Some(Event::GoAway(status))),
                Frame::SynStream { .. } => return Err(Error::Unexpected("the server opened one")),
                Frame::Headers { .. } | Frame::Ignored => {}
            }
        }
    }

    /// Replaces the end of the error stream by the status that came before it.
    fn end(&mut self, channel: Channel, event: Event<'static>) -> Result<Event<'static>, Error> {
        if channel != Channel::Error {
            return Ok(event);
        }
        Ok(match self.status.finish(true)? {
            Termination::Unknown => event,
            end => Event::Terminated(end),
        })
    }

    /// How the command ended, once a whole status has come. Servers may leave the error stream open after it, and output
    /// may still follow.
    pub fn status(&mut self) -> Option<&Termination> {
        self.status.known()
    }

    /// How the command ended, once the connection is over: the same as [`Event::Terminated`] if that came, and
    /// [`Termination::Unknown`] without a status.
    ///
    /// # Errors
    ///
    /// [`StatusError`] when a status came and cannot be read.
    pub fn finish(&mut self) -> Result<Termination, StatusError> {
        self.status.finish(true)
    }

    /// Appends frames with all of `data` for [`Channel::Stdin`].
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the request asked for no stdin, after [`Client::close_stdin`], or if the server has reset the
    /// stream; the session goes on.
    pub fn stdin(&self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.streams.write(Channel::Stdin, data, out)
    }

    /// The header of one frame with `len` bytes, at most 1 MiB, for [`Channel::Stdin`]. A caller that keeps room for it in
    /// front of its data need not copy the data.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] as in [`Client::stdin`]; [`Error::TooLong`] above that length.
    pub fn stdin_header(&self, len: usize) -> Result<[u8; HEADER], Error> {
        self.streams.data_header(Channel::Stdin, len)
    }

    /// Appends the end of stdin; output goes on.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] as in [`Client::stdin`].
    pub fn close_stdin(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.streams.fin(Channel::Stdin, out)
    }

    /// Appends the terminal's new size.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] without a terminal, or after the session's end.
    pub fn resize(&self, size: TerminalSize, out: &mut Vec<u8>) -> Result<(), Error> {
        self.streams.write(Channel::Resize, size.to_json().as_bytes(), out)
    }

    /// Appends a ping and returns its id, which [`Event::Pong`] repeats. kubectl sends one every 5 seconds.
    pub fn ping(&mut self, out: &mut Vec<u8>) -> u32 {
        let id = self.next_ping;
        self.next_ping = id.wrapping_add(2);
        frame::ping(id, out);
        id
    }

    /// Appends the answer to [`Event::Ping`].
    pub fn pong(&self, id: u32, out: &mut Vec<u8>) {
        frame::ping(id, out);
    }
}
