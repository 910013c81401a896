//! A way to the sandbox that loses answers, answers itself, and breaks off: seeded.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It never gets there: the connection breaks off.
    Unsent,
    /// It gets there, and the answer is lost.
    Lost,
    /// It gets there, and half of the answer arrives.
    Half,
    /// It gets there, and there is never an answer.
    Silent,
    /// A gateway answers 502 with HTML, not having passed it on.
    GatewayBefore,
    /// The same, having passed it on.
    GatewayAfter,
    /// It is throttled.
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

/// Faults at random: so many of a hundred requests.
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
    pub endpoint: String,
    log: Arc<Mutex<Vec<(String, Fault)>>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn start(target: &str, plan: Plan) -> Self {
        let target = target.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let state = Arc::new((Mutex::new(plan), log.clone(), target));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = state.clone();
                connections.spawn(async move {
                    let (plan, log, target) = &*state;
                    // Whatever goes wrong here is one more fault.
                    let _ = serve(stream, plan, log, target).await;
                });
            }
        });
        Self { endpoint, log, _tasks: tasks }
    }

    /// The actions that came, and what was done to them.
    pub fn log(&self) -> Vec<(String, Fault)> {
        self.log.lock().unwrap().clone()
    }
}

async fn serve(
    mut client: TcpStream,
    plan: &Mutex<Plan>,
    log: &Mutex<Vec<(String, Fault)>>,
    target: &str,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let request = message(&mut client, &mut buffer).await?;
        let head = String::from_utf8_lossy(&request).to_ascii_lowercase();
        let action = head.split_once("x-tc-action: ").and_then(|(_, rest)| rest.lines().next());
        let action = action.unwrap_or_default().to_owned();
        let fault = {
            let mut log = log.lock().unwrap();
            let fault = plan.lock().unwrap()(&action, log.len());
            log.push((action, fault));
            fault
        };
        let before = match fault {
            Fault::Unsent => return Ok(()),
            Fault::GatewayBefore => Some(gateway()),
            Fault::Throttled => Some(throttled()),
            _ => None,
        };
        if let Some(answer) = before {
            client.write_all(&answer).await?;
            continue;
        }
        let mut server = TcpStream::connect(target).await?;
        server.write_all(&request).await?;
        let answer = message(&mut server, &mut Vec::new()).await?;
        match fault {
            Fault::Lost => return Ok(()),
            Fault::Half => return client.write_all(&answer[..answer.len() / 2]).await,
            Fault::Silent => std::future::pending().await,
            Fault::GatewayAfter => client.write_all(&gateway()).await?,
            _ => client.write_all(&answer).await?,
        }
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

/// One message of HTTP with a `Content-Length`; what came after it stays in `buffer`.
async fn message(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Vec<u8>> {
    loop {
        let text = String::from_utf8_lossy(buffer);
        if let Some(head) = text.find("\r\n\r\n") {
            let lower = text[..head].to_ascii_lowercase();
            let length = lower
                .split_once("content-length:")
                .and_then(|(_, rest)| rest.lines().next()?.trim().parse::<usize>().ok());
            let whole = head + 4 + length.unwrap_or(0);
            if buffer.len() >= whole {
                let rest = buffer.split_off(whole);
                return Ok(std::mem::replace(buffer, rest));
            }
        }
        let mut piece = [0; 8192];
        match stream.read(&mut piece).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => buffer.extend_from_slice(&piece[..count]),
        }
    }
}
