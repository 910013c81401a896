//! Huawei CCI and the IAM before it: tokens, signatures, pods, and commands in their containers.

mod auth;
mod exec;
mod kubernetes;
mod pod;
mod process;
mod spdy;
mod status;
mod watch;
mod websocket;

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use guestexec_cci::sign;
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    http::request::Parts,
};
use serde_json::json;

use self::{
    auth::Account,
    pod::{NAMESPACE, Pod},
    status::{Refused, bad_request, iam, method_not_allowed, no_such_pod, not_found},
};
use crate::{
    builder::Builder,
    fault::Provider,
    process::Processes,
    random,
    server::{self, Answer, Body, BodyError, Service},
    tasks::Tasks,
};

/// The API group and version of CCI's objects.
const API_VERSION: &str = "cci/v2";
/// The operations, as the document names them.
pub(crate) const OPERATIONS: [&str; 5] = [
    "keystoneCreateUserTokenByPassword",
    "listCciV2NamespacedPod",
    "readCciV2NamespacedPod",
    "connectCciV2GetNamespacedPodExec",
    "connectCciV2PostNamespacedPodExec",
];
/// Longest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// Where CCI serves them.
const PREFIX: &str = "/apis/cci/v2/namespaces/";

/// The service.
pub(crate) struct Cci {
    address: SocketAddr,
    account: Account,
    token: String,
    pods: [Arc<Pod>; 3],
    v5: bool,
    idle: Duration,
    withholds_status: bool,
    processes: Arc<Processes>,
    tasks: Arc<Tasks>,
}

impl Cci {
    pub(crate) fn new(
        builder: &Builder,
        address: SocketAddr,
        processes: Arc<Processes>,
        tasks: Arc<Tasks>,
    ) -> Self {
        let account = Account::new();
        let token = account.issue(true).unwrap_or_default();
        Self {
            address,
            account,
            token,
            pods: [
                Arc::new(Pod::new("demo", &["main"], true)),
                Arc::new(Pod::new("two", &["a", "b"], true)),
                Arc::new(Pod::new("done", &["main"], false)),
            ],
            v5: builder.cci_v5,
            idle: builder.cci_idle,
            withholds_status: builder.cci_withholds_status,
            processes,
            tasks,
        }
    }

    async fn route(&self, head: Parts, body: &mut Body) -> Result<Answer, Refused> {
        if head.uri.path() == auth::PATH {
            if head.method != Method::POST {
                return Err(iam(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed."));
            }
            let body = body.read_unproven(MAX_BODY).await.map_err(|error| match error {
                BodyError::TooLong => {
                    iam(StatusCode::BAD_REQUEST, "The request body is longer than 64 KiB.")
                }
                BodyError::Broken => iam(StatusCode::BAD_REQUEST, "The request body is invalid."),
            })?;
            return self.account.log_in(&body.bytes);
        }
        // What an upgraded connection carries is no body, and the request has to stay whole.
        let is_upgrade = head.headers.contains_key(hyper::header::UPGRADE);
        let content = if is_upgrade { Bytes::new() } else { read(body).await? };
        let uri = head.uri.clone();
        let query = sign::query_pairs(uri.query().unwrap_or_default())
            .map_err(|error| bad_request(&error.to_string()))?;
        let (path, api_version) = match kubernetes::path(uri.path()) {
            Some((token, path)) => {
                self.account.verify_token(token)?;
                if let Some(answer) = kubernetes::discover(&head.method, path) {
                    return Ok(answer);
                }
                (path.strip_prefix(kubernetes::PREFIX), kubernetes::API_VERSION)
            }
            None if kubernetes::is_path(uri.path()) => {
                match kubernetes::bearer(&head.headers) {
                    Some(token) => self.account.verify_token(token)?,
                    None => self.account.verify(&head, &content)?,
                }
                if let Some(answer) = kubernetes::discover(&head.method, uri.path()) {
                    return Ok(answer);
                }
                (uri.path().strip_prefix(kubernetes::PREFIX), kubernetes::API_VERSION)
            }
            None => {
                self.account.verify(&head, &content)?;
                (uri.path().strip_prefix(PREFIX), API_VERSION)
            }
        };
        let path = path.ok_or_else(not_found)?;
        let segments: Vec<&str> = path.split('/').collect();
        let pod = |namespace: &str, name: &str| {
            let found = self.pods.iter().find(|pod| namespace == NAMESPACE && pod.name == name);
            found.ok_or_else(|| no_such_pod(name))
        };
        let only_get = || {
            if head.method == Method::GET { Ok(()) } else { Err(method_not_allowed()) }
        };
        match segments[..] {
            [namespace, "pods"] => {
                only_get()?;
                let pods: Vec<&Pod> = self
                    .pods
                    .iter()
                    .filter(|_| namespace == NAMESPACE)
                    .map(AsRef::as_ref)
                    .collect();
                pod::list(&pods, &query, api_version)
            }
            [namespace, "pods", name] => {
                only_get()?;
                Ok(server::json(StatusCode::OK, &pod(namespace, name)?.to_json(api_version)))
            }
            [namespace, "pods", name, "exec"] => {
                let pod = pod(namespace, name)?;
                self.exec(head, pod, &query)
            }
            _ => Err(not_found()),
        }
    }
}

impl Service for Cci {
    const PROVIDER: Provider = Provider::Cci;

    fn operation(&self, request: &Request<Incoming>) -> &'static str {
        let [log_in, list, read, exec_by_get, exec_by_post] = OPERATIONS;
        let path = request.uri().path();
        if path == auth::PATH {
            return log_in;
        }
        let segments = path.split_once("/namespaces/").map_or("", |(_, rest)| rest);
        match (segments.split('/').count(), request.method() == Method::POST) {
            (2, false) => list,
            (3, false) => read,
            (4, false) => exec_by_get,
            (4, true) => exec_by_post,
            _ => "",
        }
    }

    fn throttled(&self) -> Answer {
        server::json(
            StatusCode::TOO_MANY_REQUESTS,
            &json!({
                "error_msg": "The throttling threshold has been reached: policy user over ratelimit",
                "error_code": "APIGW.0308",
                "request_id": random::hex32(),
            }),
        )
    }

    fn expire(&self, request: &Request<Incoming>) -> Option<Answer> {
        let path = request.uri().path();
        if path == auth::PATH {
            return None;
        }
        let header = request.headers().get("x-auth-token").and_then(|value| value.to_str().ok());
        let in_path = kubernetes::path(path).map(|(token, _)| token);
        match header.or(in_path).or(kubernetes::bearer(request.headers())) {
            Some(token) => {
                self.account.revoke(token);
                None
            }
            None => Some(*status::unauthorized("the access key has expired")),
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let is_upgrade = request.headers().contains_key(hyper::header::UPGRADE);
        let (head, mut body) = Body::of(request);
        let answer = self.route(head, &mut body).await.unwrap_or_else(|refused| *refused);
        if !is_upgrade {
            body.discard().await;
        }
        answer
    }
}

/// A body whose sender proves itself with a signature over it, or with its head alone. None of the operations needs
/// a long one.
async fn read(body: &mut Body) -> Result<Bytes, Refused> {
    body.read_unproven(MAX_BODY).await.map(|body| body.bytes).map_err(|error| match error {
        BodyError::TooLong => status::status(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "the body is longer than 64 KiB",
            Some(json!({})),
        ),
        BodyError::Broken => bad_request("the body did not arrive whole"),
    })
}

/// The CCI service of a [`Sandbox`](crate::Sandbox), and its IAM: where they are, who may use them, what they did.
#[derive(Clone)]
pub struct CciHandle(pub(crate) Arc<Cci>);

impl fmt::Debug for CciHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CciHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl CciHandle {
    /// CCI's URL, `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// IAM's URL. The same listener serves both.
    pub fn iam_endpoint(&self) -> String {
        self.endpoint()
    }

    /// Where `kubectl --server=…` finds the same pods. The URL holds the token, as kubectl sends none over plain
    /// HTTP: treat it as a secret.
    pub fn kubernetes_endpoint(&self) -> String {
        format!("{}{}{}", self.endpoint(), kubernetes::ROOT, self.0.token)
    }

    /// A token for the project, good for 24 hours.
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// Ends a token before its time, as a changed password does; calls with it then get 401.
    pub fn revoke(&self, token: &str) {
        self.0.account.revoke(token);
    }

    /// The access key (AK).
    pub fn access_key(&self) -> &str {
        &self.0.account.access_key
    }

    /// The secret key (SK).
    pub fn secret_key(&self) -> &str {
        &self.0.account.secret_key
    }

    /// The project's id.
    pub fn project_id(&self) -> &str {
        &self.0.account.project_id
    }

    /// The project's name, which is the region's.
    pub fn project(&self) -> &str {
        &self.0.account.project
    }

    /// The account's name, which IAM calls domain.
    pub fn domain(&self) -> &str {
        &self.0.account.domain
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.0.account.user
    }

    /// The user's password.
    pub fn password(&self) -> &str {
        &self.0.account.password
    }

    /// The namespace of the pods, `default`.
    pub fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    /// A running pod with the one container `main`.
    pub fn pod(&self) -> &'static str {
        self.0.pods[0].name
    }

    /// A running pod with the containers `a` and `b`.
    pub fn two_container_pod(&self) -> &'static str {
        self.0.pods[1].name
    }

    /// A pod whose container has exited.
    pub fn finished_pod(&self) -> &'static str {
        self.0.pods[2].name
    }

    /// How many times exactly this command was really started in this pod; 0 for an unknown one.
    pub fn executions_of(&self, pod: &str, argv: &[&str]) -> usize {
        let pod = self.0.pods.iter().find(|known| known.name == pod);
        pod.map_or(0, |pod| pod.executions_of(argv))
    }

    /// How many commands were really started in this pod; 0 for an unknown one.
    pub fn executions(&self, pod: &str) -> usize {
        let pod = self.0.pods.iter().find(|known| known.name == pod);
        pod.map_or(0, |pod| pod.executions.load(Ordering::Relaxed))
    }
}
