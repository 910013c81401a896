//! Measures how quickly a sandbox starts, and how many requests a second it answers.
//!
//!     cargo run --release -p guestexec-sandbox --example speed

use std::{error::Error, time::Instant};

use guestexec_sandbox::Sandbox;
use guestexec_tat::{
    operations::DESCRIBE_REGIONS,
    sign::{self, Canonical, Scope, SigningKey},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

type Failure = Box<dyn Error + Send + Sync>;

/// How many connections are open at once.
const CONNECTIONS: usize = 16;
/// How many requests each connection sends.
const REQUESTS: usize = 2000;

/// A signed DescribeRegions request, valid for five minutes.
fn signed(sandbox: &Sandbox, body: &str) -> Result<Vec<u8>, Failure> {
    let tat = sandbox.tat();
    let host = tat.endpoint().replace("http://", "");
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs().cast_signed();
    let headers = [("content-type", "application/json"), ("host", &*host)];
    let hash = sign::payload_hash(body.as_bytes());
    let canonical = sign::canonical_request(&Canonical {
        method: "POST",
        path: "/",
        query: "",
        signed_headers: &headers,
        payload_hash: &hash,
    });
    let date = sign::utc_date(now)?;
    let scope = Scope { date: &date, service: "tat" };
    let key = SigningKey::derive(tat.secret_key(), scope);
    let signature = sign::signature(&key, &sign::string_to_sign(now, scope, &canonical));
    let names = sign::signed_header_names(&headers);
    let authorization = sign::authorization(tat.secret_id(), scope, &names, &signature);
    Ok(format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nauthorization: {authorization}\r\n\
         x-tc-action: {}\r\nx-tc-version: 2020-10-28\r\nx-tc-timestamp: {now}\r\n\
         x-tc-region: {}\r\ncontent-length: {}\r\n\r\n{body}",
        DESCRIBE_REGIONS.id,
        tat.region(),
        body.len(),
    )
    .into_bytes())
}

/// Sends the same request repeatedly over one connection.
async fn ask(address: String, request: Vec<u8>, times: usize) -> Result<(), Failure> {
    let mut tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    let mut answer = vec![0; 64 * 1024];
    let mut length = 0;
    for turn in 0..times {
        tcp.write_all(&request).await?;
        // All answers are as long as the first one.
        let mut read = 0;
        while read < length.max(1) {
            read += tcp.read(&mut answer[read..]).await?;
        }
        if turn == 0 {
            if !answer.starts_with(b"HTTP/1.1 200") {
                return Err("the request was refused".into());
            }
            length = read;
        }
    }
    Ok(())
}

async fn measure(name: &str, address: &str, request: Vec<u8>) -> Result<(), Failure> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..CONNECTIONS {
        running.spawn(ask(address.to_owned(), request.clone(), REQUESTS));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let rate = (CONNECTIONS * REQUESTS) as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} requests/s over {CONNECTIONS} connections");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let began = Instant::now();
    for _ in 0..100 {
        drop(Sandbox::start().await?);
    }
    let each = began.elapsed() / 100;
    println!("start and end of a sandbox: {each:?}");
    let mut starts = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        let sandbox = Sandbox::start().await?;
        starts.push(began.elapsed());
        drop(sandbox);
    }
    starts.sort();
    println!("start alone: median {:?}, slowest of 100 {:?}", starts[50], starts[99]);

    let sandbox = Sandbox::builder().tat_rate(None).start().await?;
    let (tat, zstack, cci) = (sandbox.tat(), sandbox.zstack(), sandbox.cci());
    let address = |endpoint: String| {
        endpoint.replace("http://", "").split('/').next().unwrap_or_default().to_owned()
    };
    measure("tat, signed", &address(tat.endpoint()), signed(&sandbox, "{}")?).await?;
    let valid = "GET /zstack/v1/accounts/sessions/x/valid HTTP/1.1\r\nhost: x\r\n\r\n";
    measure("zstack, session check", &address(zstack.endpoint()), valid.into()).await?;
    let pods = format!(
        "GET /apis/cci/v2/namespaces/default/pods HTTP/1.1\r\nhost: x\r\nx-auth-token: {}\r\n\r\n",
        cci.token()
    );
    measure("cci, list of pods", &address(cci.endpoint()), pods.into()).await?;
    Ok(())
}
