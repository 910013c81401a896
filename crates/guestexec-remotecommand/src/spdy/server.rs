//! The server's side of a session.

use super::frame::{self, Frame, FrameDecoder};
use super::header::HeaderWriter;
use super::inflate::HeaderReader;
use super::streams::StreamTable;
use super::{CANCEL, Error, Event};
use crate::{Channel, ResizeDecoder, Termination};

/// The server's side of a session.
#[derive(Debug)]
pub struct Server {
    expected: crate::Streams,
    frames: FrameDecoder,
    reader: HeaderReader,
    writer: HeaderWriter,
    streams: StreamTable,
    resize: ResizeDecoder,
    /// A stream that ended by the frame of the previous event.
    ended: Option<Channel>,
    last_id: u32,
}

impl Server {
    /// A session for a request that asked for `expected`.
    pub fn new(expected: crate::Streams) -> Self {
        Self {
            expected,
            frames: FrameDecoder::default(),
            reader: HeaderReader::new(),
            writer: HeaderWriter::default(),
            streams: StreamTable::default(),
            resize: ResizeDecoder::default(),
            ended: None,
            last_id: 0,
        }
    }

    /// Whether the server has accepted all streams of the request, with error and resize. Kubernetes waits up to 30
    /// seconds for that, and then starts the command.
    pub fn is_open(&self) -> bool {
        let mut channels = self.expected.channels();
        channels.all(|channel| self.streams.get(channel).is_some_and(|stream| stream.replied))
    }

    /// Takes the next event from the front of `input`. `None` means that all of `input` was taken.
    ///
    /// # Errors
    ///
    /// Any except [`Error::NotOpen`]: drop the connection.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Event<'a>>, Error> {
        loop {
            if let Some(channel) = self.ended.take() {
                return Ok(Some(Event::Fin(channel)));
            }
            let Some(frame) = self.frames.next(input)? else {
                return Ok(None);
            };
            match frame {
                Frame::SynStream { stream, fin, block } => {
                    let channel = self.opened(stream, &block)?;
                    if let Some(stream) = self.streams.get_mut(channel) {
                        stream.remote = !fin;
                    }
                    self.ended = fin.then_some(channel);
                    return Ok(Some(Event::Opened(channel)));
                }
                Frame::Data { stream, payload, fin } => {
                    let Some(stream) = self.streams.receiving(stream) else {
                        continue;
                    };
                    stream.remote = !fin;
                    let channel = stream.channel;
                    self.ended = fin.then_some(channel);
                    match channel {
                        Channel::Stdin if !payload.is_empty() => {
                            return Ok(Some(Event::Data(channel, payload)));
                        }
                        Channel::Resize => {
                            if let Some(size) = self.resize.push(payload) {
                                return Ok(Some(Event::Resize(size)));
                            }
                        }
                        _ => {}
                    }
                }
                Frame::Reset { stream, code } => {
                    if let Some(channel) = self.streams.reset(stream) {
                        return Ok(Some(Event::Reset(channel, code)));
                    }
                }
                Frame::Ping(id) if id % 2 == 0 => return Ok(Some(Event::Pong(id))),
                Frame::Ping(id) => return Ok(Some(Event::Ping(id))),
                Frame::GoAway { status, .. } => return Ok(Some(Event::GoAway(status))),
                Frame::SynReply { block, .. } | Frame::Headers { block } => {
                    _ = self.reader.read(&block)?
                }
                Frame::Ignored => {}
            }
        }
    }

    fn opened(&mut self, id: u32, block: &[u8]) -> Result<Channel, Error> {
        let headers = self.reader.read(block)?;
        if id.is_multiple_of(2) || id <= self.last_id {
            return Err(Error::Unexpected("its number is even or not above the last"));
        }
        let stream_type = headers.iter().find(|(name, _)| name == b"streamtype");
        let channel = stream_type
            .and_then(|(_, value)| Channel::from_stream_type(value))
            .ok_or(Error::Unexpected("its streamtype is missing or unknown"))?;
        if self.streams.get(channel).is_some() {
            return Err(Error::Unexpected("a second one of the same streamtype"));
        }
        self.last_id = id;
        self.streams.insert(channel, id);
        Ok(channel)
    }

    /// Appends the reply to [`Event::Opened`]. kubectl opens its next stream only after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the client has not opened the stream.
    pub fn accept(&mut self, channel: Channel, out: &mut Vec<u8>) -> Result<(), Error> {
        let stream = self.streams.get_mut(channel).ok_or(Error::NotOpen(channel))?;
        if !std::mem::replace(&mut stream.replied, true) {
            let mut payload = stream.id.to_be_bytes().to_vec();
            self.writer.write(&[], &mut payload);
            frame::control(frame::SYN_REPLY, &payload, out);
        }
        Ok(())
    }

    /// Appends frames with all of `data` for stdout or stderr.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] if the stream was never opened, has ended, or was reset by the client.
    pub fn write(&self, channel: Channel, data: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        self.streams.write(channel, data, out)
    }

    /// Appends the end of stdout or stderr.
    ///
    /// # Errors
    ///
    /// [`Error::NotOpen`] as in [`Server::write`].
    pub fn fin(&mut self, channel: Channel, out: &mut Vec<u8>) -> Result<(), Error> {
        self.streams.fin(channel, out)
    }

    /// Appends the end of the session: the ends of outputs that are still open, the status on the error stream
    /// (none for [`Termination::Unknown`]), resets of all streams but the outputs, GOAWAY. Close the connection then.
    pub fn finish(&mut self, end: &Termination, out: &mut Vec<u8>) {
        for output in [Channel::Stdout, Channel::Stderr] {
            // An output that is not open need not be ended.
            _ = self.streams.fin(output, out);
        }
        if let Some(status) = end.to_status() {
            _ = self.streams.write(Channel::Error, &status, out);
        }
        for channel in [Channel::Error, Channel::Stdin, Channel::Resize] {
            if let Some(id) = self.streams.get(channel).map(|stream| stream.id)
                && self.streams.reset(id).is_some()
            {
                frame::control_words(frame::RST_STREAM, &[id, CANCEL], out);
            }
        }
        frame::control_words(frame::GOAWAY, &[self.last_id, 0], out);
    }

    /// Appends the answer to [`Event::Ping`].
    pub fn pong(&self, id: u32, out: &mut Vec<u8>) {
        frame::ping(id, out);
    }
}
