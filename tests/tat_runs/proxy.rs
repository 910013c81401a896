//! A proxy before the sandbox that loses answers, answers itself, and breaks connections, by a seed.

use std::sync::{Arc, Mutex};

use guestexec_testkit::peer::{Peer, Request, forward, read_request};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// What the proxy does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The request is lost: the connection breaks.
    Unsent,
    /// The request arrives, and its answer is lost.
    Lost,
    /// The request arrives, and half of its answer returns.
    Half,
    /// The request arrives, and no answer ever returns.
    Silent,
    /// A gateway answers 502 with HTML and does not forward the request.
    GatewayBefore,
    /// A gateway forwards the request, and answers 502 with HTML.
    GatewayAfter,
    /// The request is throttled.
    Throttled,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Unsent,
        Self::Lost,
        Self::Half,
        Self::Silent,
        Self::GatewayBefore,
        Self::GatewayAfter,
        Self::Throttled,
    ];
}

/// Decides the fault of each request, by its action and its number.
pub type Plan = Box<dyn FnMut(&str, usize) -> Fault + Send>;

/// A small generator with a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// Random faults for `of_hundred` of a hundred requests.
pub fn at_random(seed: u64, of_hundred: u64) -> Plan {
    let mut random = Random(seed);
    Box::new(move |_, _| {
        if random.next() % 100 < of_hundred {
            Fault::ALL[random.next() as usize % Fault::ALL.len()]
        } else {
            Fault::None
        }
    })
}

/// The proxy; it ends when dropped.
pub struct Proxy {
    peer: Peer,
    log: Arc<Mutex<Vec<(String, Fault)>>>,
}

impl Proxy {
    pub async fn start(target: &str, plan: Plan) -> Self {
        let target = target.strip_prefix("http://").unwrap().to_owned();
        let log = Arc::new(Mutex::new(Vec::new()));
        let state = Arc::new((Mutex::new(plan), log.clone(), target));
        let peer = Peer::new(move |request, stream| {
            let state = state.clone();
            async move {
                let (plan, log, target) = &*state;
                // Whatever goes wrong here is one more fault.
                let _ = serve(request, stream, plan, log, target).await;
            }
        });
        Self { peer: peer.await, log }
    }

    pub fn endpoint(&self) -> &str {
        &self.peer.endpoint
    }

    /// The actions requested, and what was done to each.
    pub fn log(&self) -> Vec<(String, Fault)> {
        self.log.lock().unwrap().clone()
    }
}

async fn serve(
    mut request: Request,
    mut client: TcpStream,
    plan: &Mutex<Plan>,
    log: &Mutex<Vec<(String, Fault)>>,
    target: &str,
) -> std::io::Result<()> {
    loop {
        let action = request.header("x-tc-action").unwrap_or_default().to_owned();
        let fault = {
            let mut log = log.lock().unwrap();
            let fault = plan.lock().unwrap()(&action, log.len());
            log.push((action, fault));
            fault
        };
        let answer = match fault {
            Fault::Unsent => return Ok(()),
            Fault::GatewayBefore => gateway(),
            Fault::Throttled => throttled(),
            _ => forward(&request, target).await?,
        };
        match fault {
            Fault::Lost => return Ok(()),
            Fault::Half => return client.write_all(&answer[..answer.len() / 2]).await,
            Fault::Silent => std::future::pending().await,
            Fault::GatewayAfter => client.write_all(&gateway()).await?,
            _ => client.write_all(&answer).await?,
        }
        request = read_request(&mut client).await?;
    }
}

fn http(status: &str, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

fn gateway() -> Vec<u8> {
    http("502 Bad Gateway", "text/html", "<html><h1>502 Bad Gateway</h1></html>")
}

fn throttled() -> Vec<u8> {
    let error = r#"{"Code":"RequestLimitExceeded","Message":"Too many calls."}"#;
    let body = format!(r#"{{"Response":{{"Error":{error},"RequestId":"r"}}}}"#);
    http("200 OK", "application/json", &body)
}
