//! A session's streams over SPDY/3.1.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use guestexec_remotecommand::{
    Channel, Pongs, Streams, Termination,
    spdy::{Client, Event, HEADER},
};
use reqwest::Upgraded;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::{
    failure::{lost, protocol},
    outbox::Outbox,
    pulse::Heard,
    session::{BATCH, Outgoing, READ, Wire},
    shared::{Out, Shared},
};
use crate::Error;

pub(super) struct Spdy {
    connection: Upgraded,
    client: Client,
    buffer: Box<[u8]>,
    outbox: Outbox,
    pongs: Pongs<u32>,
    heard: Heard,
    /// Outputs that have had their end.
    ended: [bool; 2],
    /// The server is about to close, as it says.
    going_away: bool,
}

impl Spdy {
    pub(super) fn new(connection: Upgraded, streams: Streams) -> Self {
        let mut outbox = Outbox::default();
        let client = Client::open(streams, outbox.append());
        Self {
            connection,
            client,
            buffer: vec![0; READ].into(),
            outbox,
            pongs: Pongs::default(),
            heard: Heard::default(),
            ended: [!streams.stdout, !streams.stderr],
            going_away: false,
        }
    }

    /// The connection is over, or a stream without which the session cannot go on: is it known how
    /// the command ended?
    fn closed(&mut self, how: Option<String>) -> Result<Termination, Error> {
        let how = how.or_else(|| self.going_away.then(|| "the server went away".to_owned()));
        match self.client.finish() {
            Ok(Termination::Unknown) => Err(lost(how)),
            Ok(known) => Ok(known),
            Err(error) => Err(protocol(error.to_string())),
        }
    }

    /// Puts the frames of one thing into the outbox. What its stream no longer takes is left out.
    fn encode(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Input(mut frame) => {
                if let Ok(header) = self.client.stdin_header(frame.len() - HEADER) {
                    frame[..HEADER].copy_from_slice(&header);
                    self.outbox.put(frame, 0);
                }
            }
            Outgoing::Resize(size) => _ = self.client.resize(size, self.outbox.append()),
            Outgoing::EndOfInput => _ = self.client.close_stdin(self.outbox.append()),
            // An empty DATA frame would do nothing that the ping does not do.
            Outgoing::EmptyInput => {}
            // Its pings count from 1 in steps of two, as their numbers do from 0 in steps of one.
            Outgoing::Ping(_) => _ = self.client.ping(self.outbox.append()),
        }
    }
}

impl Wire for Spdy {
    const ROOM: usize = HEADER;
    // Servers hand frames to a few workers, and a ping to any of them: it may overtake input, or wait
    // behind it.
    const IN_ORDER: bool = false;

    fn is_open(&self) -> bool {
        // Servers drop what comes on a stream they have not answered yet.
        self.client.is_open()
    }

    fn heard(&mut self) -> Heard {
        std::mem::take(&mut self.heard)
    }

    fn status(&mut self) -> Option<&Termination> {
        self.client.status()
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>, bool) -> Option<Outgoing>,
    ) -> io::Result<()> {
        loop {
            match self.outbox.poll_empty(cx, &mut self.connection) {
                Poll::Pending => return Ok(()),
                Poll::Ready(result) => result?,
            }
            if let Some(id) = self.pongs.pop() {
                self.client.pong(id, self.outbox.append());
                continue;
            }
            let Some(outgoing) = next(cx, self.is_open()) else { break };
            self.encode(outgoing);
        }
        self.outbox.flush(cx, &mut self.connection)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
    ) -> Poll<Result<Termination, Error>> {
        for _ in 0..BATCH {
            if !shared.has_room() {
                // A reader that makes room wakes the task.
                return Poll::Pending;
            }
            let mut buffer = ReadBuf::new(&mut self.buffer);
            match ready!(Pin::new(&mut self.connection).poll_read(cx, &mut buffer)) {
                Err(error) => {
                    return Poll::Ready(self.closed(None).map_err(|lost| lost.with_source(error)));
                }
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(self.closed(None)),
                Ok(()) => self.heard.anything = true,
            }
            let mut input = buffer.filled();
            loop {
                let event = match self.client.next(&mut input) {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => return Poll::Ready(Err(protocol(error.to_string()))),
                };
                let over = match event {
                    Event::Data(Channel::Stdout, bytes) => {
                        shared.push(Out::Stdout, bytes);
                        continue;
                    }
                    Event::Data(_, bytes) => {
                        shared.push(Out::Stderr, bytes);
                        continue;
                    }
                    // Output may follow.
                    Event::Terminated(_) => continue,
                    Event::Opened(_) | Event::Reset(Channel::Resize, _) => {
                        // Input may go now.
                        cx.waker().wake_by_ref();
                        continue;
                    }
                    Event::Ping(id) => {
                        if let Err(flood) = self.pongs.push(id) {
                            return Poll::Ready(Err(protocol(format!(
                                "the server does not want an answer: {flood}"
                            ))));
                        }
                        cx.waker().wake_by_ref();
                        continue;
                    }
                    Event::Pong(id) => {
                        self.heard.pong = Some(id / 2);
                        continue;
                    }
                    Event::Reset(Channel::Stdin, _) => {
                        shared.refuse_input();
                        cx.waker().wake_by_ref();
                        continue;
                    }
                    Event::Fin(Channel::Stdout) => {
                        self.ended[Out::Stdout as usize] = true;
                        continue;
                    }
                    Event::Fin(Channel::Stderr) => {
                        self.ended[Out::Stderr as usize] = true;
                        continue;
                    }
                    // What comes on the streams there are is still good.
                    Event::GoAway(0) => {
                        self.going_away = true;
                        continue;
                    }
                    Event::GoAway(code) => format!("the server went away with status {code}"),
                    Event::Reset(Channel::Stdout, _) if self.ended[Out::Stdout as usize] => {
                        continue;
                    }
                    Event::Reset(Channel::Stderr, _) if self.ended[Out::Stderr as usize] => {
                        continue;
                    }
                    Event::Reset(
                        channel @ (Channel::Error | Channel::Stdout | Channel::Stderr),
                        code,
                    ) => {
                        self.ended[Out::Stdout as usize] |= channel == Channel::Stdout;
                        self.ended[Out::Stderr as usize] |= channel == Channel::Stderr;
                        format!("the {} stream was reset, code {code}", channel.stream_type())
                    }
                    Event::Fin(Channel::Error) => "its stream ended empty".to_owned(),
                    _ => continue,
                };
                // Streams are reset in any order when all is over, but then the status is here.
                if self.client.status().is_none() {
                    return Poll::Ready(self.closed(Some(over)));
                }
            }
            if self.ended == [true; 2] && self.client.status().is_some() {
                return Poll::Ready(self.closed(None));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
