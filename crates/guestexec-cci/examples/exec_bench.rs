//! Measures sessions with any server: `exec_bench URL MEASURE TRANSPORT [MiB]`.
//!
//! URL is that of a pod's exec, `http://host:port/apis/cci/v2/namespaces/NS/pods/POD/exec`; the token
//! comes from `GUESTEXEC_EXEC_TOKEN`. MEASURE is `out`, `in`, `true`, `many`, or `raw`, which reads the
//! bytes of an output from a socket and drops them, which is the limit of the server. TRANSPORT is
//! `auto`, `v5`, `v4`, `spdy` or `spdy-get`. Prints one line that ends with the peak memory.

use std::{env, error::Error, time::Instant};

use guestexec_cci::{Client, Credentials, Exec, ExecTransport, Input, Pod};
use guestexec_remotecommand::{Streams, spdy};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The length of one write, in bytes.
const PIECE: usize = 128 * 1024;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let usage = "usage: exec_bench URL out|in|true|many|raw auto|v5|v4|spdy|spdy-get [MiB]";
    let [url, measure, transport, rest @ ..] = &arguments[..] else { return Err(usage.into()) };
    let bytes = rest.first().map_or(Ok(500), |text| text.parse::<u64>())? << 20;
    let transport = match transport.as_str() {
        "v5" => ExecTransport::WebSocketV5,
        "v4" => ExecTransport::WebSocketV4,
        "spdy" => ExecTransport::SpdyPost,
        "spdy-get" => ExecTransport::SpdyGet,
        _ => ExecTransport::Auto,
    };
    let (endpoint, path) = url.split_once("/apis/cci/v2/namespaces/").ok_or(usage)?;
    let mut parts = path.split('/');
    let (Some(namespace), Some(name)) = (parts.next(), parts.nth(1)) else {
        return Err(usage.into());
    };
    let token = env::var("GUESTEXEC_EXEC_TOKEN").unwrap_or_else(|_| "none".to_owned());
    let client = Client::builder()
        .endpoint(endpoint)
        .allow_plain_http()
        .credentials(Credentials::token(&*token))
        .build()?;
    let pod = client.pod(namespace, name);
    let exec = |argv: &[&str]| pod.exec(argv.iter().copied()).transport(transport);
    match measure.as_str() {
        "out" => {
            let begun = Instant::now();
            let count = drain(exec(&["head", "-c", &bytes.to_string(), "/dev/zero"])).await?;
            rate("out", count, begun);
        }
        "in" => {
            let begun = Instant::now();
            send(exec(&["sh", "-c", "cat >/dev/null; echo read"]), transport, bytes).await?;
            rate("in", bytes, begun);
        }
        "raw" => {
            let begun = Instant::now();
            let count = raw([endpoint, namespace, name, &token], transport, bytes).await?;
            rate("raw", count, begun);
        }
        "true" => {
            let mut times = Vec::new();
            for _ in 0..60 {
                let begun = Instant::now();
                exec(&["true"]).output().await?;
                times.push(begun.elapsed());
            }
            times.sort();
            print!("true: median {:.1?}, fastest {:.1?}", times[30], times[0]);
        }
        "many" => {
            let begun = Instant::now();
            many(&pod, transport, 200).await?;
            print!("200 at once: {:.2?}", begun.elapsed());
        }
        _ => return Err(usage.into()),
    }
    println!(", peak memory {}", peak_memory());
    Ok(())
}

/// Counts the bytes of a command's output.
async fn drain(exec: Exec<'_>) -> Result<u64> {
    let mut child = exec.spawn().await?;
    let mut stdout = child.stdout.take().ok_or("no output")?;
    let mut count = 0;
    loop {
        let length = stdout.fill_buf().await?.len();
        if length == 0 {
            break;
        }
        stdout.consume(length);
        count += length as u64;
    }
    child.wait().await?;
    Ok(count)
}

/// Sends zeroes to a command that ignores them. Version 4 cannot end the input, so there the measure ends when all was
/// sent; buffers hold little then.
async fn send(exec: Exec<'_>, transport: ExecTransport, bytes: u64) -> Result<()> {
    if transport != ExecTransport::WebSocketV4 {
        let zeroes = tokio::io::repeat(0).take(bytes);
        let output = exec.stdin(Input::reader(zeroes)).output().await?;
        return if output.stdout == b"read\n" {
            Ok(())
        } else {
            Err("the input was not read".into())
        };
    }
    let mut child = exec.stdin_piped().spawn().await?;
    let mut stdin = child.stdin.take().ok_or("no input")?;
    let piece = vec![0; PIECE];
    let mut left = bytes;
    while left > 0 {
        let length = left.min(piece.len() as u64);
        stdin.write_all(&piece[..length as usize]).await?;
        left -= length;
    }
    Ok(stdin.flush().await?)
}

async fn many(pod: &Pod<'_>, transport: ExecTransport, count: usize) -> Result<()> {
    let runs = (0..count).map(|_| pod.exec(["echo", "hello"]).transport(transport).output());
    for output in futures_util::future::join_all(runs).await {
        if output?.stdout != b"hello\n" {
            return Err("a command said something else".into());
        }
    }
    Ok(())
}

/// Reads and drops what the server sends over a WebSocket or SPDY.
async fn raw(target: [&str; 4], transport: ExecTransport, bytes: u64) -> Result<u64> {
    let [endpoint, namespace, name, token] = target;
    let host = endpoint.strip_prefix("http://").ok_or("the raw measure takes plain http only")?;
    let mut stream = TcpStream::connect(host).await?;
    let (method, upgrade) = match transport {
        ExecTransport::SpdyPost | ExecTransport::SpdyGet => {
            ("POST", "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io")
        }
        _ => (
            "GET",
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: v4.channel.k8s.io",
        ),
    };
    let request = format!(
        "{method} /apis/cci/v2/namespaces/{namespace}/pods/{name}/exec?command=head&command=-c&command={bytes}\
         &command=%2Fdev%2Fzero&stdout=true HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n{upgrade}\r\n\
         X-Auth-Token: {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    if method == "POST" {
        let streams = Streams { stdout: true, ..Streams::default() };
        let mut open = Vec::new();
        spdy::Client::open(streams, &mut open);
        stream.write_all(&open).await?;
    }
    let (mut buffer, mut count) = (vec![0; 128 * 1024], 0);
    while count < bytes {
        match stream.read(&mut buffer).await? {
            0 => break,
            length => count += length as u64,
        }
    }
    Ok(count)
}

fn rate(what: &str, bytes: u64, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    print!("{what}: {:.0} MB/s ({bytes} bytes)", bytes as f64 / 1e6 / seconds);
}

/// The peak of resident memory, which only Linux reports.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |size| size.trim().to_owned())
}
