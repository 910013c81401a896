//! A session over SPDY/3.1.

use std::io;

use guestexec_remotecommand::{
    Channel, Streams, Termination,
    spdy::{Client, Event, HEADER},
};

use super::{
    buffers::OutputStream,
    connection::{Incoming, Outgoing, Protocol, WriteBuffer},
    failure::{lost, protocol_error},
};
use crate::Error;

pub(super) struct Spdy {
    client: Client,
    /// Which outputs have ended.
    ended: [bool; 2],
    /// The server has announced that it closes.
    going_away: bool,
}

impl Spdy {
    /// Opens the streams by the frames that are appended to `out`.
    pub(super) fn new(streams: Streams, out: &mut Vec<u8>) -> Self {
        Self {
            client: Client::open(streams, out),
            ended: [!streams.stdout, !streams.stderr],
            going_away: false,
        }
    }

    /// The result of a session that ended for this `reason`.
    fn closed(&mut self, reason: Option<String>) -> Result<Termination, Error> {
        let reason = reason.or_else(|| self.going_away.then(|| "the server went away".to_owned()));
        match self.client.finish() {
            Ok(Termination::Unknown) => Err(lost(reason)),
            Ok(known) => Ok(known),
            Err(error) => Err(protocol_error(error.to_string())),
        }
    }

    /// Marks the end of an output. False if it had ended before, or is none.
    fn end_output(&mut self, channel: Channel) -> bool {
        output(channel)
            .is_some_and(|output| !std::mem::replace(&mut self.ended[output as usize], true))
    }
}

impl Protocol for Spdy {
    const HEADROOM: usize = HEADER;
    // Servers hand frames to several workers, so a ping may overtake input, or wait after it.
    const ORDERED_PINGS: bool = false;

    fn is_open(&self) -> bool {
        // Servers drop what comes on a stream before they have replied to it.
        self.client.is_open()
    }

    fn status(&mut self) -> Option<&Termination> {
        self.client.status()
    }

    /// Encodes one message. Data for a stream that has closed is dropped.
    fn encode(&mut self, outgoing: Outgoing, buffer: &mut WriteBuffer) -> io::Result<()> {
        match outgoing {
            Outgoing::Input(mut frame) => {
                if let Ok(header) = self.client.stdin_header(frame.len() - HEADER) {
                    frame[..HEADER].copy_from_slice(&header);
                    buffer.set(frame, 0);
                }
            }
            Outgoing::Resize(size) => _ = self.client.resize(size, buffer.append()),
            Outgoing::EndOfInput => _ = self.client.close_stdin(buffer.append()),
            // Gateways count no messages in SPDY, and the ping keeps the bytes flowing.
            Outgoing::EmptyInput => {}
            // The client numbers its pings 1, 3, 5 … where the session counts 0, 1, 2 …
            Outgoing::Ping(_) => _ = self.client.ping(buffer.append()),
            Outgoing::Pong(id) => {
                if let Ok(id) = id.try_into() {
                    self.client.pong(u32::from_be_bytes(id), buffer.append());
                }
            }
        }
        Ok(())
    }

    fn decode(
        &mut self,
        mut bytes: &[u8],
        incoming: &mut Incoming<'_>,
    ) -> Result<Option<Termination>, Error> {
        loop {
            let event = self.client.next(&mut bytes);
            let event = event.map_err(|error| protocol_error(error.to_string()))?;
            let Some(event) = event else { break };
            let reason = match event {
                Event::Data(channel, bytes) => {
                    if let Some(output) = output(channel) {
                        incoming.buffers.push(output, bytes);
                    }
                    continue;
                }
                Event::Opened(_) | Event::Reset(Channel::Resize, _) => {
                    // All streams may be open now, and input may be sent.
                    incoming.can_send = true;
                    continue;
                }
                Event::Reset(Channel::Stdin, _) => {
                    incoming.buffers.refuse_input();
                    incoming.can_send = true;
                    continue;
                }
                Event::Ping(id) => {
                    incoming.ping(id.to_be_bytes().to_vec())?;
                    continue;
                }
                Event::Pong(id) => {
                    incoming.received.pong = Some(id / 2);
                    continue;
                }
                // The open streams continue.
                Event::GoAway(0) => {
                    self.going_away = true;
                    continue;
                }
                Event::GoAway(code) => format!("the server went away with status {code}"),
                Event::Fin(Channel::Error) => "its stream ended empty".to_owned(),
                Event::Fin(channel) => {
                    self.end_output(channel);
                    continue;
                }
                Event::Reset(channel, code)
                    if channel == Channel::Error || self.end_output(channel) =>
                {
                    format!("the {} stream was reset, code {code}", channel.stream_type())
                }
                // Output may follow a status.
                _ => continue,
            };
            // After the status, servers reset streams in any order.
            if self.client.status().is_none() {
                return self.closed(Some(reason)).map(Some);
            }
        }
        if self.ended == [true; 2] && self.client.status().is_some() {
            return self.closed(None).map(Some);
        }
        Ok(None)
    }

    fn finish(&mut self) -> Result<Termination, Error> {
        self.closed(None)
    }
}

fn output(channel: Channel) -> Option<OutputStream> {
    match channel {
        Channel::Stdout => Some(OutputStream::Stdout),
        Channel::Stderr => Some(OutputStream::Stderr),
        _ => None,
    }
}
