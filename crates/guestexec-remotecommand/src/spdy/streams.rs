//! The table of a session's streams, for client and server.

use super::{Error, HEADER, frame};
use crate::Channel;

/// One stream, and which of its halves are open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) channel: Channel,
    pub(crate) id: u32,
    /// It was accepted by a reply.
    pub(crate) replied: bool,
    /// This side may send on it.
    pub(crate) local: bool,
    /// The other side may send on it.
    pub(crate) remote: bool,
}

/// The session's streams: at most one for each channel.
#[derive(Debug, Default)]
pub(crate) struct StreamTable(Vec<Stream>);

impl StreamTable {
    /// Adds a stream with both halves open. The channel must have none yet.
    pub(crate) fn insert(&mut self, channel: Channel, id: u32) {
        self.0.push(Stream { channel, id, replied: false, local: true, remote: true });
    }

    pub(crate) fn get(&self, channel: Channel) -> Option<&Stream> {
        self.0.iter().find(|stream| stream.channel == channel)
    }

    pub(crate) fn get_mut(&mut self, channel: Channel) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| stream.channel == channel)
    }

    /// The stream with this id, if the other side may send on it. Frames for other streams are late, not wrong.
    pub(crate) fn receiving(&mut self, id: u32) -> Option<&mut Stream> {
        self.0.iter_mut().find(|stream| stream.id == id && stream.remote)
    }

    /// Closes both halves of a stream. Returns its channel, unless both were closed already.
    pub(crate) fn reset(&mut self, id: u32) -> Option<Channel> {
        let stream =
            self.0.iter_mut().find(|stream| stream.id == id && (stream.local || stream.remote))?;
        (stream.local, stream.remote) = (false, false);
        Some(stream.channel)
    }

    /// Whether each stream has its reply or was reset.
    pub(crate) fn all_answered(&self) -> bool {
        self.0.iter().all(|stream| stream.replied || !(stream.local || stream.remote))
    }

    pub(crate) fn data_header(&self, channel: Channel, len: usize) -> Result<[u8; HEADER], Error> {
        let stream = self.get(channel).filter(|stream| stream.local);
        frame::data_header(stream.ok_or(Error::NotOpen(channel))?.id, len)
    }

    pub(crate) fn write(
        &self,
        channel: Channel,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let stream = self.get(channel).filter(|stream| stream.local);
        frame::data(stream.ok_or(Error::NotOpen(channel))?.id, data, out);
        Ok(())
    }

    pub(crate) fn fin(&mut self, channel: Channel, out: &mut Vec<u8>) -> Result<(), Error> {
        let stream = self.get_mut(channel).filter(|stream| stream.local);
        let stream = stream.ok_or(Error::NotOpen(channel))?;
        stream.local = false;
        frame::fin(stream.id, out);
        Ok(())
    }
}
