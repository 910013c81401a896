//! A session's streams over SPDY/3.1.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use guestexec_remotecommand::{
    Channel, Streams, Termination,
    spdy::{Client, Event, HEADER},
};
use reqwest::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    failure::{lost, protocol},
    session::{BATCH, Outgoing, READ, Wire},
    shared::{Out, Shared},
};
use crate::Error;

/// Pings of the server's that wait to be answered; it gets no answer to more.
const MAX_PONGS: usize = 16;

pub(super) struct Spdy {
    connection: Upgraded,
    client: Client,
    buffer: Box<[u8]>,
    /// What is being sent, and how much of it has been.
    out: Vec<u8>,
    sent: usize,
    pongs: VecDeque<u32>,
    unflushed: bool,
    /// Outputs that have had their end.
    ended: [bool; 2],
    /// The server is about to close, as it says.
    going_away: bool,
}

impl Spdy {
    pub(super) fn new(connection: Upgraded, streams: Streams) -> Self {
        let mut out = Vec::new();
        let client = Client::open(streams, &mut out);
        Self {
            connection,
            client,
            buffer: vec![0; READ].into(),
            out,
            sent: 0,
            pongs: VecDeque::new(),
            unflushed: false,
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

    /// Appends one thing to what is being sent. What its stream no longer takes is left out.
    fn encode(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Input(mut frame) => {
                if let Ok(header) = self.client.stdin_header(frame.len() - HEADER) {
                    frame[..HEADER].copy_from_slice(&header);
                    self.out = frame;
                }
            }
            Outgoing::Resize(size) => _ = self.client.resize(size, &mut self.out),
            Outgoing::EndOfInput => _ = self.client.close_stdin(&mut self.out),
            // An empty DATA frame would do nothing that the ping does not do.
            Outgoing::EmptyInput => {}
            Outgoing::Ping => _ = self.client.ping(&mut self.out),
        }
    }
}

impl Wire for Spdy {
    const ROOM: usize = HEADER;

    fn is_open(&self) -> bool {
        // Servers drop what comes on a stream they have not answered yet.
        self.client.is_open()
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
            while self.sent < self.out.len() {
                let rest = &self.out[self.sent..];
                match Pin::new(&mut self.connection).poll_write(cx, rest)? {
                    Poll::Pending => return Ok(()),
                    Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(count) => self.sent += count,
                }
                self.unflushed = true;
            }
            self.out.clear();
            self.sent = 0;
            if let Some(id) = self.pongs.pop_front() {
                self.client.pong(id, &mut self.out);
                continue;
            }
            let Some(outgoing) = next(cx, self.is_open()) else { break };
            self.encode(outgoing);
        }
        if self.unflushed && Pin::new(&mut self.connection).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
        }
        Ok(())
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
                Ok(()) => {}
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
                    Event::Opened(_) => {
                        // Input may go now.
                        cx.waker().wake_by_ref();
                        continue;
                    }
                    Event::Ping(id) => {
                        if self.pongs.len() < MAX_PONGS {
                            self.pongs.push_back(id);
                            cx.waker().wake_by_ref();
                        }
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
