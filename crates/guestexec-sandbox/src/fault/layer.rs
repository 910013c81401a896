//! The layer in front of the three services, in which faults strike.
//!
//! The services do not know of faults, so their counts tell what really ran.

use std::sync::Arc;

use hyper::{
    Request, StatusCode,
    body::{Body as _, Incoming},
    header::{DATE, HeaderValue},
};
use tokio::time::sleep;

use super::{FaultKind, plan::FaultPlan};
use crate::{
    clock,
    faulty_stream::StreamFaults,
    service::{self, Answer, Content, Service},
};

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct ConnectionClosed;

/// Answers a request, with what the faults make of the answer.
pub(crate) async fn answer_with_faults<S: Service>(
    plan: &FaultPlan,
    service: Arc<S>,
    stream_faults: &Arc<StreamFaults>,
    mut request: Request<Incoming>,
) -> Result<Answer, ConnectionClosed> {
    if plan.is_empty() {
        return Ok(service.answer(request).await);
    }
    stream_faults.clear();
    let strike = plan.draw(service.operation(&request));
    if !strike.latency.is_zero() {
        sleep(strike.latency).await;
    }
    if strike.has(FaultKind::LoseRequest) {
        return Err(ConnectionClosed);
    }
    let mut answer = if strike.has(FaultKind::BadGateway) {
        gateway(StatusCode::BAD_GATEWAY)
    } else if strike.has(FaultKind::Throttle) {
        service.throttled()
    } else if let Some(error) =
        strike.has(FaultKind::Expire).then(|| service.expire(&request)).flatten()
    {
        error
    } else {
        request.extensions_mut().insert(Arc::clone(stream_faults));
        clock::with_offset(strike.clock, service.answer(request)).await
    };
    if strike.clock != 0
        && let Ok(date) = HeaderValue::try_from(clock::http_date(clock::now() + strike.clock))
    {
        answer.headers_mut().insert(DATE, date);
    }
    let upgrades = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
    if strike.has(FaultKind::GatewayTimeout) && !upgrades {
        answer = gateway(StatusCode::GATEWAY_TIMEOUT);
    }
    if strike.has(FaultKind::LoseAnswer) || (strike.has(FaultKind::GatewayTimeout) && upgrades) {
        // The session starts only once the answer is written, so the client's view of it is muted instead.
        if !upgrades {
            return Err(ConnectionClosed);
        }
        stream_faults.mute();
    }
    if strike.has(FaultKind::Drip) {
        stream_faults.drip();
    }
    if strike.has(FaultKind::Reset) {
        if upgrades {
            // The answer itself is the first write, each frame another.
            stream_faults.reset_in_write(2 + (strike.position * 3.0) as usize);
        } else {
            stream_faults
                .reset_after(head_len(&answer) + position_in(answer.body(), strike.position));
        }
    }
    Ok(answer)
}

/// A position inside a body, from its first to its last byte.
fn position_in(body: &Content, position: f64) -> usize {
    let length = body.size_hint().exact().unwrap_or_default();
    (length as f64 * position) as usize
}

/// The length of the head that hyper writes before the body.
fn head_len(answer: &Answer) -> usize {
    let reason = answer.status().canonical_reason().unwrap_or_default();
    let given: usize = answer
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    let length = answer.body().size_hint().exact().unwrap_or_default().to_string();
    let date = if answer.headers().contains_key(DATE) {
        0
    } else {
        "date: Sun, 22 Nov 2026 10:38:39 GMT\r\n".len()
    };
    "HTTP/1.1 200 \r\n".len()
        + reason.len()
        + given
        + "content-length: \r\n".len()
        + length.len()
        + date
        + "\r\n".len()
}

/// The answer of a gateway that cannot reach its service.
fn gateway(status: StatusCode) -> Answer {
    let body = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
    );
    service::answer(status, "text/html", body)
}
