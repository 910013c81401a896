//! HTTP/1.1 on a port of its own for each service, with limits on what a client can send or hold open.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{Request, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

use crate::{
    connections::Connections,
    cross_site,
    fault::{ConnectionClosed, FaultPlan, answer_with_faults},
    faulty_stream::{FaultyStream, StreamFaults},
    service::{self, Service},
};

/// How long a request's head may take to arrive, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head in bytes; an exec request's URL may have 64 KiB.
const MAX_HEAD: usize = 160 * 1024;

/// Listens on a free port.
pub(crate) async fn listen(address: IpAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((address, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Serves until the future is dropped, and with it every connection.
pub(crate) async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    faults: Arc<FaultPlan>,
) {
    let connections = Arc::new(Connections::default());
    let mut tasks = JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let Ok((tcp, _)) = listener.accept().await else {
            // Most likely out of file descriptors: give other connections time to end.
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        connections.make_room().await;
        // Without it, answers only come later.
        _ = tcp.set_nodelay(true);
        let (service, faults) = (Arc::clone(&service), Arc::clone(&faults));
        let stream_faults = Arc::new(StreamFaults::default());
        let stream = FaultyStream::new(tcp, Arc::clone(&stream_faults));
        connections.open(&mut tasks, Arc::clone(&stream_faults), async move |connection| {
            let answer = service_fn(|mut request: Request<Incoming>| {
                let (service, faults) = (&service, &faults);
                let (stream_faults, connection) = (&stream_faults, &connection);
                async move {
                    if !connection.set_busy() {
                        return Err(ConnectionClosed);
                    }
                    let answer = if cross_site::is_cross_site(request.headers()) {
                        let problem =
                            "The request comes from a web page: its Origin differs from its Host.";
                        Ok(service::text(StatusCode::FORBIDDEN, problem))
                    } else {
                        request.extensions_mut().insert(connection.clone());
                        answer_with_faults(faults, Arc::clone(service), stream_faults, request)
                            .await
                    };
                    connection.set_idle();
                    answer
                }
            });
            // A broken connection is the client's to report.
            _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), answer)
                .with_upgrades()
                .await;
        });
    }
}
