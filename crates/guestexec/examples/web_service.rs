//! A web service that runs the body of `POST /tat/INSTANCE` or `/zstack/VM` there, and answers with the result as JSON.
use std::error::Error;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use guestexec::{Error as CallError, ErrorKind, tat, zstack};
use tokio::net::TcpListener;

/// A failure as an answer: the status says whose fault it is, the body whether the command may have run.
struct Failed(CallError);

impl<E: Into<CallError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::InvalidRequest | ErrorKind::Refused => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        };
        (status, Json(self.0)).into_response()
    }
}

async fn on_tat(
    State(client): State<tat::Client>,
    Path(instance): Path<String>,
    script: String,
) -> Result<Json<tat::InstanceResult>, Failed> {
    let run = client.instances([instance]).run(script).await?;
    Ok(Json(run.results()[0].clone()))
}

async fn on_zstack(
    State(client): State<zstack::Client>,
    Path(vm): Path<String>,
    command: String,
) -> Result<Json<zstack::Captured>, Failed> {
    Ok(Json(client.vm(vm).run(command).await?))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let tat = tat::Client::builder().from_env()?.build()?;
    let zstack = zstack::Client::builder().from_env()?.build()?;
    let tat = Router::new().route("/tat/{instance}", post(on_tat)).with_state(tat);
    let zstack = Router::new().route("/zstack/{vm}", post(on_zstack)).with_state(zstack);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, tat.merge(zstack)).await?;
    Ok(())
}
