//! A service whose commands end when a test says so, under a paused clock: for tests of hours, or of
//! thousands of calls. It answers as the service documents, and starts nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use guestexec_core::{Clock, Operation, Request, ResponseFuture, Transport};
use guestexec_tat::{Client, ClientBuilder, Credentials};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// How long an answer takes.
const WAY: Duration = Duration::from_millis(5);

/// An answer of a test's in place of the service's own.
pub enum Answer {
    Refuses(&'static str),
    /// The error page of a gateway.
    Fails,
    /// The refusal of a gateway that asks to wait so many seconds.
    Asks(u64),
    Says(Value),
    /// The service's own answer, after this time.
    Late(Duration),
}

/// Decides the answer, by action, request, and how many requests of the action came before.
pub type Script = Box<dyn FnMut(&str, &Value, usize) -> Option<Answer> + Send>;

/// Whether the command is over on an instance, by its number and the time since the start.
pub type Over = Box<dyn Fn(usize, Duration) -> bool + Send>;

#[derive(Clone)]
pub struct Service(Arc<Mutex<State>>);

struct State {
    over: Over,
    script: Script,
    date: Option<String>,
    started: Vec<(Vec<String>, Instant)>,
    requests: Vec<(String, Value)>,
}

/// The instances `ins-0`, `ins-1` and so on.
pub fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("ins-{number}")).collect()
}

impl Service {
    /// A service whose commands end at once, unless a test says otherwise.
    pub fn new(script: impl FnMut(&str, &Value, usize) -> Option<Answer> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            over: Box::new(|_, _| true),
            script: Box::new(script),
            date: None,
            started: Vec::new(),
            requests: Vec::new(),
        })))
    }

    pub fn plain() -> Self {
        Self::new(|_, _, _| None)
    }

    pub fn ends(self, over: impl Fn(usize, Duration) -> bool + Send + 'static) -> Self {
        self.state().over = Box::new(over);
        self
    }

    /// Sets the `Date` of its answers.
    pub fn dated(self, date: &str) -> Self {
        self.state().date = Some(date.to_owned());
        self
    }

    pub fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub fn builder(&self) -> ClientBuilder {
        Client::builder()
            .credentials(Credentials::new("AKIDexample", "secret"))
            .region("ap-guangzhou")
            .transport(self.clone())
    }

    /// The requests of an action.
    pub fn requests(&self, action: &str) -> Vec<Value> {
        let state = self.state();
        let of_action = state.requests.iter().filter(|(is, _)| is == action);
        of_action.map(|(_, request)| request.clone()).collect()
    }

    pub fn count(&self, action: &str) -> usize {
        self.requests(action).len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

impl Transport for Service {
    fn execute(&self, _: &'static Operation, request: Request) -> ResponseFuture<'_> {
        let action = request.headers()["x-tc-action"].to_str().unwrap().to_owned();
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        let mut state = self.state();
        let before = state.requests.iter().filter(|(is, _)| *is == action).count();
        state.requests.push((action.clone(), body.clone()));
        let (mut way, mut asked) = (WAY, None);
        let answer = match (state.script)(&action, &body, before) {
            Some(Answer::Refuses(code)) => Some(json!({ "Error": { "Code": code } })),
            Some(Answer::Says(answer)) => Some(answer),
            Some(Answer::Fails) => None,
            Some(Answer::Asks(seconds)) => {
                asked = Some(seconds);
                None
            }
            Some(Answer::Late(late)) => {
                way = late;
                Some(state.answer(&action, &body))
            }
            None => Some(state.answer(&action, &body)),
        };
        let date = state.date.clone();
        Box::pin(async move {
            sleep(way).await;
            let mut response = http::Response::builder();
            if let Some(date) = date {
                response = response.header("date", date);
            }
            let response = match (answer, asked) {
                (Some(mut answer), _) => {
                    answer["RequestId"] = "r".into();
                    response
                        .header("content-type", "application/json")
                        .body(json!({ "Response": answer }).to_string())
                }
                (None, Some(seconds)) => {
                    response.status(429).header("retry-after", seconds).body(String::new())
                }
                (None, None) => response.status(502).body("<html>".to_owned()),
            };
            Ok(response.unwrap().into())
        })
    }
}

impl State {
    /// A task, by its invocation and its place in it.
    fn task(&self, invocation: usize, place: usize) -> Value {
        let (instances, begin) = &self.started[invocation];
        let instance = &instances[place];
        let over = (self.over)(number(instance), begin.elapsed());
        json!({
            "InvocationId": format!("inv-{invocation}"),
            "InvocationTaskId": format!("invt-{invocation}-{place}"),
            "InstanceId": instance,
            "TaskStatus": if over { "SUCCESS" } else { "RUNNING" },
            "TaskResult": { "ExitCode": 0, "Output": "aGk=" },
        })
    }

    /// The tasks of an invocation.
    fn tasks(&self, id: &str) -> Vec<Value> {
        let invocation = number(id);
        let count = self.started[invocation].0.len();
        (0..count).map(|place| self.task(invocation, place)).collect()
    }

    fn answer(&mut self, action: &str, request: &Value) -> Value {
        let asked = |member: &str| -> Vec<&str> {
            request[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        match action {
            "RunCommand" => {
                let instances = asked("InstanceIds").into_iter().map(str::to_owned).collect();
                let number = self.started.len();
                self.started.push((instances, Instant::now()));
                json!({ "InvocationId": format!("inv-{number}"), "CommandId": format!("cmd-{number}") })
            }
            "DescribeInvocations" => {
                let one = |id: &str| {
                    json!({
                        "InvocationId": id, "InvocationStatus": "RUNNING",
                        "InvocationTaskBasicInfoSet": self.tasks(id),
                    })
                };
                let set: Vec<Value> = asked("InvocationIds").into_iter().map(one).collect();
                json!({ "TotalCount": set.len(), "InvocationSet": set })
            }
            "DescribeInvocationTasks" => {
                let set: Vec<Value> = match request["Filters"][0]["Values"][0].as_str() {
                    Some(invocation) => self.tasks(invocation),
                    None => asked("InvocationTaskIds")
                        .into_iter()
                        .map(|id| self.task(number(id.rsplit_once('-').unwrap().0), number(id)))
                        .collect(),
                };
                let asked = |member: &str| request[member].as_u64().unwrap_or_default() as usize;
                let page: Vec<&Value> =
                    set.iter().skip(asked("Offset")).take(asked("Limit")).collect();
                json!({ "TotalCount": set.len(), "InvocationTaskSet": page })
            }
            _ => json!({}),
        }
    }
}

/// The number at the end of an id.
fn number(id: &str) -> usize {
    id.rsplit('-').next().unwrap().parse().unwrap()
}

/// A clock that begins at some time and goes as the runtime's.
#[derive(Debug)]
pub struct Ticking(SystemTime, Instant);

impl Ticking {
    pub fn from(begin: SystemTime) -> Self {
        Self(begin, Instant::now())
    }
}

impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        self.0 + self.1.elapsed()
    }
}
