//! A transport that changes what passes it.

use std::{
    fmt,
    io::{self, Write as _},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use futures_util::future::join;
use guestexec_core::{Request, Response, ResponseFuture, Transport};
use guestexec_testkit::{Operation, Tape, Value};
use hyper::{
    client::conn::http1,
    rt::{Read, ReadBufCursor, Write},
};
use reqwest::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::stage::Around;

/// What is changed on the wire.
#[derive(Clone, Copy)]
pub enum Edit {
    /// The request of this number, from 1.
    Request(usize, fn(&mut reqwest::Request)),
    /// It is sent twice.
    Double(usize),
    /// It is not sent, and this is its answer.
    Drop(usize, fn() -> Value),
    /// It is sent after the next one, and this is its answer.
    Swap(usize, fn() -> Value),
    /// The messages that the client sends in a session over a WebSocket, first the byte of the channel; the
    /// frames that it sends over SPDY, first their head of eight bytes. The length stays.
    Session(fn(&mut [u8])),
}

impl Edit {
    /// A transport around a tape that makes the change.
    pub fn around(self) -> Around {
        Arc::new(move |tape| {
            Arc::new(Changing {
                tape,
                edit: self,
                count: AtomicUsize::new(0),
                held: Mutex::default(),
            })
        })
    }
}

struct Changing {
    tape: Tape,
    edit: Edit,
    count: AtomicUsize,
    held: Mutex<Option<(&'static Operation, Request)>>,
}

impl fmt::Debug for Changing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tape.fmt(f)
    }
}

impl Transport for Changing {
    fn execute(&self, operation: &'static Operation, mut request: Request) -> ResponseFuture<'_> {
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            let tape = &self.tape;
            match self.edit {
                Edit::Request(at, edit) if at == number => {
                    let mut changed = request.into_reqwest();
                    edit(&mut changed);
                    request = Request::from_reqwest(changed);
                }
                Edit::Double(at) if at == number => {
                    let copy = request.clone();
                    tape.execute(operation, copy).await?;
                }
                Edit::Drop(at, answer) if at == number => {
                    return Tape::new().reply(answer()).execute(operation, request).await;
                }
                Edit::Swap(at, answer) if at == number => {
                    let other = request.clone();
                    *self.held.lock().unwrap() = Some((operation, request));
                    return Tape::new().reply(answer()).execute(operation, other).await;
                }
                Edit::Session(edit) => {
                    return Ok(rewired(tape.execute(operation, request).await?, edit).await);
                }
                _ => {}
            }
            let response = tape.execute(operation, request).await;
            let held = self.held.lock().unwrap().take();
            if let Some((operation, request)) = held {
                tape.execute(operation, request).await?;
            }
            response
        })
    }
}

/// The same session, with a change of what the client sends.
async fn rewired(response: Response, edit: fn(&mut [u8])) -> Response {
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in response.headers() {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    head.extend(b"\r\n");
    let is_spdy = response.headers().get("upgrade").is_some_and(|to| to == "SPDY/3.1");
    let server = response.into_reqwest().upgrade().await.expect("a session was granted");
    let wire = Wire {
        head,
        server,
        is_spdy,
        edit,
        is_open: false,
        reader: None,
        received: Vec::new(),
        out: Vec::new(),
    };
    let (mut sender, connection) = http1::handshake(wire).await.unwrap();
    let sent = async move { sender.send_request(http::Request::new(String::new())).await };
    let response = join(sent, connection.with_upgrades()).await.0.unwrap();
    response.into()
}

/// The client's connection: an answer, and then the session of `server`.
struct Wire {
    /// What of the answer's head is not read.
    head: Vec<u8>,
    server: Upgraded,
    is_spdy: bool,
    edit: fn(&mut [u8]),
    /// Whether the request, which nobody reads, is over.
    is_open: bool,
    reader: Option<Waker>,
    received: Vec<u8>,
    /// What the server is to read.
    out: Vec<u8>,
}

impl Wire {
    /// Moves whole frames on their way, changed.
    fn forward(&mut self) {
        if !self.is_open {
            let Some(at) = self.received.windows(4).position(|end| end == b"\r\n\r\n") else {
                return;
            };
            self.received.drain(..at + 4);
            self.is_open = true;
        }
        while let Some(end) = self.edit_first() {
            self.out.extend(self.received.drain(..end));
        }
    }

    /// Changes the first frame, once all of it is there, and returns its length.
    fn edit_first(&mut self) -> Option<usize> {
        if self.is_spdy {
            let end = spdy_frame(&self.received)?;
            (self.edit)(&mut self.received[..end]);
            return Some(end);
        }
        let payload = payload(&self.received)?;
        let mask: [u8; 4] = self.received[payload.start - 4..payload.start].try_into().unwrap();
        let end = payload.end;
        let frame = &mut self.received[payload];
        let masked = |bytes: &mut [u8]| {
            bytes.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        };
        masked(frame);
        (self.edit)(frame);
        masked(frame);
        Some(end)
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let sent = ready!(Pin::new(&mut self.server).poll_write(cx, &self.out))?;
            self.out.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }
}

/// The length of the first frame of SPDY, once all of it is there.
fn spdy_frame(bytes: &[u8]) -> Option<usize> {
    let [_, a, b, c] = *bytes.get(4..8)?.first_chunk()?;
    let end = 8 + u32::from_be_bytes([0, a, b, c]) as usize;
    (bytes.len() >= end).then_some(end)
}

/// Where the payload of the first frame of a WebSocket is, once all of it is there. A client masks its frames.
fn payload(bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let (length, start) = match bytes.get(1)? & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 8),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?), 14),
        short => (u64::from(short), 6),
    };
    let end = start + usize::try_from(length).ok()?;
    (bytes.len() >= end).then_some(start..end)
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        if !self.is_open {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut room = [0; 4096];
        let room = &mut room[..buffer.remaining().min(4096)];
        if self.head.is_empty() {
            let mut part = ReadBuf::new(room);
            self.reader = Some(cx.waker().clone());
            ready!(Pin::new(&mut self.server).poll_read(cx, &mut part))?;
            buffer.put_slice(part.filled());
        } else {
            let length = self.head.len().min(room.len());
            buffer.put_slice(&self.head[..length]);
            self.head.drain(..length);
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_sent(cx))?;
        self.received.extend(bytes);
        self.forward();
        // The reader sends what is on its way, too.
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        Pin::new(&mut self.server).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(cx))?;
        Pin::new(&mut self.server).poll_shutdown(cx)
    }
}
