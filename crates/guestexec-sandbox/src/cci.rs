//! Huawei CCI and its IAM: tokens, signatures, pods, and commands in their containers.

mod auth;
mod container;
mod error;
mod exec;
mod kubernetes;
mod list;
mod log;
mod manifest;
mod namespace;
mod pod;
mod process;
mod spdy;
mod store;
mod supervisor;
mod watch;
mod websocket;

use std::{
    borrow::Cow,
    fmt,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use guestexec_cci::{
    operations::{
        CREATE_NAMESPACE, CREATE_POD, CREATE_USER_TOKEN, DELETE_NAMESPACE, DELETE_POD, EXEC_IN_POD,
        EXEC_IN_POD_BY_POST, LIST_NAMESPACES, LIST_PODS, READ_NAMESPACE, READ_POD, READ_POD_LOG,
    },
    sign::{self, QueryPair},
};
use guestexec_core::Operation;
use hyper::{
    Request, StatusCode, Uri,
    body::{Bytes, Incoming},
    http::request::Parts,
};
use serde_json::{Value, json};

use self::{
    auth::Account,
    error::{ErrorAnswer, bad_request, iam, method_not_allowed, no_such, not_found},
    kubernetes::KubernetesPath,
    list::Selectors,
    manifest::Manifest,
    namespace::Namespace,
    pod::{NAMESPACE, Pod},
    store::Store,
    supervisor::Supervisor,
};
use crate::{
    body::{Body, BodyError},
    builder::Builder,
    process::Processes,
    provider::{Provider, RouteError},
    random,
    service::{self, Answer, Service},
    tasks::Tasks,
};

/// The API group and version of CCI's objects.
const API_VERSION: &str = "cci/v2";
/// The pods that are there from the beginning.
const POD: &str = "demo";
const TWO_CONTAINER_POD: &str = "two";
const FINISHED_POD: &str = "done";
/// Longest body of a request, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// The service.
pub(crate) struct Cci {
    address: SocketAddr,
    account: Account,
    token: String,
    store: Arc<Store>,
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
            store: Arc::new(Store::new(vec![
                Pod::fixed(POD, &["main"], true),
                Pod::fixed(TWO_CONTAINER_POD, &["a", "b"], true),
                Pod::fixed(FINISHED_POD, &["main"], false),
            ])),
            v5: builder.cci_v5,
            idle: builder.cci_idle,
            withholds_status: builder.cci_withholds_status,
            processes,
            tasks,
        }
    }

    async fn route(&self, head: Parts, body: &mut Body) -> Result<Answer, ErrorAnswer> {
        if is_iam(&head.uri) {
            if head.method.as_str() != CREATE_USER_TOKEN.method {
                return Err(iam(StatusCode::METHOD_NOT_ALLOWED, "The method is not allowed."));
            }
            let body = body.read_unproven(MAX_BODY).await.map_err(|error| match error {
                BodyError::TooLong => {
                    iam(StatusCode::BAD_REQUEST, "The request body is longer than 64 KiB.")
                }
                BodyError::Incomplete => {
                    iam(StatusCode::BAD_REQUEST, "The request body is invalid.")
                }
            })?;
            return self.account.log_in(&body.bytes);
        }
        // What follows the head of an upgrade is not a body, and reading it would spoil the upgrade.
        let is_upgrade = head.headers.contains_key(hyper::header::UPGRADE);
        let content = if is_upgrade { Bytes::new() } else { read(body).await? };
        let uri = head.uri.clone();
        let query = sign::query_pairs(uri.query().unwrap_or_default())
            .map_err(|error| bad_request(&error.to_string()))?;
        let kubernetes = KubernetesPath::of(uri.path());
        let token = kubernetes.and_then(|kubernetes| {
            kubernetes.token.or_else(|| kubernetes::bearer_token(&head.headers))
        });
        match token {
            Some(token) => self.account.verify_token(token)?,
            None => self.account.verify(&head, &content)?,
        }
        let discovered =
            kubernetes.and_then(|kubernetes| kubernetes::discover(&head.method, kubernetes.path));
        if let Some(answer) = discovered {
            return Ok(answer);
        }
        let api_version = if kubernetes.is_some() { kubernetes::API_VERSION } else { API_VERSION };
        let path = api_path(&uri);
        let (operation, parameters) =
            Self::PROVIDER.route(head.method.as_str(), &path).map_err(|error| match error {
                RouteError::NotFound => not_found(),
                RouteError::MethodNotAllowed => method_not_allowed(),
            })?;
        let pod = |namespace: &str, name: &str| {
            self.store.pod(namespace, name).ok_or_else(|| no_such("pods", name))
        };
        match (*operation, &parameters[..]) {
            (LIST_PODS, &[namespace]) if watch::is_requested(&query) => {
                watch::answer(&self.store, namespace, &query, api_version)
            }
            (LIST_PODS, &[namespace]) => {
                let selectors = Selectors::read(&query)?;
                let (mut pods, version) = self.store.pods(namespace);
                pods.retain(|pod| selectors.choose(pod));
                list::answer("PodList", &pods, version, &query, api_version)
            }
            (READ_POD, &[namespace, name]) => {
                Ok(service::json(StatusCode::OK, &pod(namespace, name)?.to_json(api_version)))
            }
            (CREATE_POD, &[namespace]) => self.create_pod(namespace, &content, &query, api_version),
            (DELETE_POD, &[namespace, name]) => {
                self.delete_pod(&pod(namespace, name)?, &content, &query, api_version)
            }
            (LIST_NAMESPACES, &[]) if watch::is_requested(&query) => {
                Err(bad_request("the sandbox lists namespaces and does not watch them"))
            }
            (LIST_NAMESPACES, &[]) => {
                let selectors = Selectors::read(&query)?;
                let (mut namespaces, version) = self.store.namespaces();
                namespaces.retain(|namespace| selectors.choose(namespace));
                list::answer("NamespaceList", &namespaces, version, &query, api_version)
            }
            (CREATE_NAMESPACE, &[]) => {
                let versions = [API_VERSION, kubernetes::API_VERSION];
                let namespace = Namespace::read(&content, &versions)?;
                let shown = self.store.add_namespace(namespace, is_dry_run(&query)?)?;
                Ok(service::json(StatusCode::CREATED, &list::versioned(&shown, api_version)))
            }
            (READ_NAMESPACE, &[name]) => {
                let shown = self.store.namespace(name)?;
                Ok(service::json(StatusCode::OK, &list::versioned(&shown, api_version)))
            }
            (DELETE_NAMESPACE, &[name]) => {
                let shown = self.store.delete_namespace(name, is_dry_run(&query)?)?;
                Ok(service::json(StatusCode::OK, &list::versioned(&shown, api_version)))
            }
            (READ_POD_LOG, &[namespace, name]) => {
                let pod = pod(namespace, name)?;
                Self::log(&pod, &query)
            }
            (EXEC_IN_POD | EXEC_IN_POD_BY_POST, &[namespace, name]) => {
                let pod = pod(namespace, name)?;
                self.exec(head, &pod, &query)
            }
            _ => Err(not_found()),
        }
    }

    fn create_pod(
        &self,
        namespace: &str,
        body: &[u8],
        query: &[QueryPair<'_>],
        api_version: &str,
    ) -> Result<Answer, ErrorAnswer> {
        if !self.store.has_namespace(namespace) {
            return Err(no_such("namespaces", namespace));
        }
        let manifest = Manifest::read(body, namespace, &[API_VERSION, kubernetes::API_VERSION])?;
        let pod = Pod::new(namespace, manifest);
        let shown = if is_dry_run(query)? {
            self.store.would_add(&pod)?;
            Arc::new(pod.to_json(api_version))
        } else {
            let (pod, shown) = self.store.add(pod)?;
            let (store, processes) = (Arc::clone(&self.store), Arc::clone(&self.processes));
            self.tasks.spawn(Supervisor { pod, store, processes }.run());
            shown
        };
        Ok(service::json(StatusCode::CREATED, &list::versioned(&shown, api_version)))
    }

    fn delete_pod(
        &self,
        pod: &Arc<Pod>,
        body: &[u8],
        query: &[QueryPair<'_>],
        api_version: &str,
    ) -> Result<Answer, ErrorAnswer> {
        let options: Value = match body {
            [] => Value::Null,
            body => serde_json::from_slice(body)
                .map_err(|_| bad_request("the body has to be DeleteOptions, as JSON"))?,
        };
        let given = exec::parameter(query, "gracePeriodSeconds").filter(|text| !text.is_empty());
        let grace = match given.map(str::parse::<u64>) {
            Some(Ok(seconds)) => Some(seconds),
            Some(Err(_)) => {
                return Err(bad_request(
                    "gracePeriodSeconds has to be a number of seconds, 0 or more",
                ));
            }
            None => options["gracePeriodSeconds"].as_u64(),
        };
        if is_dry_run(query)? || options["dryRun"][0] == "All" {
            return Ok(service::json(StatusCode::OK, &pod.to_json(api_version)));
        }
        pod.delete(grace);
        if pod.is_fixed {
            pod.end_fixed();
        }
        let shown = self.store.touch(pod);
        if pod.is_fixed {
            self.store.remove(pod);
        }
        Ok(service::json(StatusCode::OK, &list::versioned(&shown, api_version)))
    }

    fn log(pod: &Pod, query: &[QueryPair<'_>]) -> Result<Answer, ErrorAnswer> {
        let name = exec::container(pod, query)?;
        let container = pod.container(&name).ok_or_else(|| no_such("pods", &pod.name))?;
        let previous = exec::flag(query, "previous");
        if container.is_new() {
            let message = format!(
                "container \"{name}\" in pod \"{}\" is waiting to start: ContainerCreating",
                pod.name
            );
            return Err(bad_request(&message));
        }
        let Some(log) = container.log(previous) else {
            let message = format!(
                "previous terminated container \"{name}\" in pod \"{}\" not found",
                pod.name
            );
            return Err(bad_request(&message));
        };
        log::answer(&pod.name, log, query)
    }
}

/// Whether a change is only checked.
fn is_dry_run(query: &[QueryPair<'_>]) -> Result<bool, ErrorAnswer> {
    match exec::parameter(query, "dryRun") {
        None | Some("") => Ok(false),
        Some("All") => Ok(true),
        Some(_) => Err(bad_request("dryRun: the one supported value is \"All\"")),
    }
}

impl Service for Cci {
    const PROVIDER: Provider = Provider::Cci;

    fn operation(&self, request: &Request<Incoming>) -> Option<&'static Operation> {
        let path = api_path(request.uri());
        Self::PROVIDER.route(request.method().as_str(), &path).ok().map(|(operation, _)| operation)
    }

    fn throttled(&self) -> Answer {
        service::json(
            StatusCode::TOO_MANY_REQUESTS,
            &json!({
                "error_msg": "The throttling threshold has been reached: policy user over ratelimit",
                "error_code": "APIGW.0308",
                "request_id": random::hex32(),
            }),
        )
    }

    fn expire(&self, request: &Request<Incoming>) -> Option<Answer> {
        if is_iam(request.uri()) {
            return None;
        }
        let header = request.headers().get("x-auth-token").and_then(|value| value.to_str().ok());
        let in_path = KubernetesPath::of(request.uri().path()).and_then(|path| path.token);
        match header.or(in_path).or(kubernetes::bearer_token(request.headers())) {
            Some(token) => {
                self.account.revoke(token);
                None
            }
            None => Some(*error::unauthorized("the access key has expired")),
        }
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let is_upgrade = request.headers().contains_key(hyper::header::UPGRADE);
        let (head, mut body) = Body::split(request);
        let answer = self.route(head, &mut body).await.unwrap_or_else(|refused| *refused);
        if !is_upgrade {
            body.discard().await;
        }
        answer
    }
}

fn is_iam(uri: &Uri) -> bool {
    uri.path() == CREATE_USER_TOKEN.path
}

/// The path as the operations have it.
fn api_path(uri: &Uri) -> Cow<'_, str> {
    match KubernetesPath::of(uri.path()) {
        Some(kubernetes) => kubernetes.to_cci().into(),
        None => uri.path().into(),
    }
}

/// Reads the body before its sender is authenticated, since a signature covers it.
async fn read(body: &mut Body) -> Result<Bytes, ErrorAnswer> {
    body.read_unproven(MAX_BODY).await.map(|body| body.bytes).map_err(|error| match error {
        BodyError::TooLong => error::status(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            "the body is longer than 64 KiB",
            Some(json!({})),
        ),
        BodyError::Incomplete => bad_request("the body did not arrive completely"),
    })
}

/// The CCI service of a [`Sandbox`](crate::Sandbox), with its IAM: the endpoints, the credentials, and what it ran.
#[derive(Clone)]
pub struct CciHandle(pub(crate) Arc<Cci>);

impl fmt::Debug for CciHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CciHandle").field("endpoint", &self.endpoint()).finish_non_exhaustive()
    }
}

impl CciHandle {
    /// Makes a client of this service, with the access key.
    ///
    /// # Errors
    /// Those of [`guestexec_cci::ClientBuilder::build`].
    pub fn client(&self) -> Result<guestexec_cci::Client, guestexec_cci::Error> {
        let credentials =
            guestexec_cci::Credentials::access_key(self.access_key(), self.secret_key());
        guestexec_cci::Client::builder()
            .endpoint(self.endpoint())
            .iam_endpoint(self.iam_endpoint())
            .credentials(credentials)
            .build()
    }

    /// CCI's URL, `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// IAM's URL. The same listener serves both.
    pub fn iam_endpoint(&self) -> String {
        self.endpoint()
    }

    /// The URL at which `kubectl --server=…` finds the same pods.
    ///
    /// It is a secret: it contains the token, since kubectl sends none over plain HTTP.
    pub fn kubernetes_endpoint(&self) -> String {
        format!("{}{}{}", self.endpoint(), kubernetes::ROOT, self.0.token)
    }

    /// A token for the project, valid for 24 hours.
    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// Revokes a token, as a changed password does; later calls with it get 401.
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

    /// Access key, secret key and security token of a temporary key.
    pub fn temporary_key(&self) -> (&str, &str, &str) {
        let [id, secret, token] = &self.0.account.temporary;
        (id, secret, token)
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

    /// A running pod with the one container `main`. Like the other two, it has no main process.
    pub fn pod(&self) -> &'static str {
        POD
    }

    /// A running pod with the containers `a` and `b`.
    pub fn two_container_pod(&self) -> &'static str {
        TWO_CONTAINER_POD
    }

    /// A pod whose container has exited.
    pub fn finished_pod(&self) -> &'static str {
        FINISHED_POD
    }

    fn known(&self, pod: &str) -> Option<Arc<Pod>> {
        self.0.store.pod(NAMESPACE, pod)
    }

    /// Writes to the log of a container of a pod in [`Self::namespace`], as its main process does; false for
    /// an unknown one. A line without its end is complete.
    pub fn write_log(&self, pod: &str, container: &str, text: impl AsRef<[u8]>) -> bool {
        self.known(pod).is_some_and(|pod| pod.write_log(container, text.as_ref()))
    }

    /// How often exactly this command was really started in this pod; 0 for an unknown pod.
    pub fn executions_of(&self, pod: &str, argv: &[&str]) -> usize {
        self.known(pod).map_or(0, |pod| pod.executions_of(argv))
    }

    /// How many commands were really started in this pod; 0 for an unknown pod.
    pub fn executions(&self, pod: &str) -> usize {
        self.known(pod).map_or(0, |pod| pod.executions.load(Ordering::Relaxed))
    }
}
