//! Conversations with the sandbox are recorded, saved, and replayed without it.

#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod broken;
mod changed;
mod providers;
mod secrets;
mod unfinished;

use std::path::PathBuf;

use guestexec_sandbox::{CciHandle, Sandbox, TatHandle, ZstackHandle};
use guestexec_testkit::Tape;
use tempfile::TempDir;

/// A folder for cassettes, which goes with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Saves a tape and returns the file's text.
    fn save(&self, tape: &Tape) -> String {
        tape.save(self.path("saved.toml")).unwrap();
        std::fs::read_to_string(self.path("saved.toml")).unwrap()
    }

    /// A tape that replays such a text.
    fn replay(&self, text: &str) -> Tape {
        std::fs::write(self.path("played.toml"), text).unwrap();
        Tape::replay(self.path("played.toml")).unwrap()
    }
}

/// A tape that records what is sent to a service on this machine.
fn record() -> Tape {
    Tape::record_http("http://127.0.0.1:1").unwrap()
}

/// An address on this machine where nobody listens.
const NOWHERE: &str = "http://127.0.0.1:9";

fn tat(service: &TatHandle, endpoint: &str, tape: &Tape) -> guestexec_tat::Client {
    let (id, key, token) = service.temporary_key();
    guestexec_tat::Client::builder()
        .credentials(guestexec_tat::Credentials::new(id, key).with_security_token(token))
        .region(service.region())
        .endpoint(endpoint)
        .transport(tape.clone())
        .build()
        .unwrap()
}

/// What a client needs to log in to ZStack.
#[derive(Clone)]
struct Account {
    endpoint: String,
    name: String,
    password: String,
    vm: String,
}

impl Account {
    fn of(service: &ZstackHandle) -> Self {
        Self {
            endpoint: service.endpoint(),
            name: service.account_name().to_owned(),
            password: service.password().to_owned(),
            vm: service.vm_uuid().to_owned(),
        }
    }

    /// The same account elsewhere.
    fn elsewhere(&self) -> Self {
        Self { endpoint: NOWHERE.to_owned(), password: "another".to_owned(), ..self.clone() }
    }

    fn client(&self, tape: &Tape) -> guestexec_zstack::Client {
        guestexec_zstack::Client::builder()
            .endpoint(&*self.endpoint)
            .credentials(guestexec_zstack::Credentials::password(&*self.name, &*self.password))
            .transport(tape.clone())
            .build()
            .unwrap()
    }
}

fn cci(
    [endpoint, iam]: [&str; 2],
    [domain, user, password, project]: [&str; 4],
    tape: &Tape,
) -> guestexec_cci::Client {
    let credentials = guestexec_cci::Credentials::password(domain, user, password, project);
    guestexec_cci::Client::builder()
        .credentials(credentials)
        .endpoint(endpoint)
        .iam_endpoint(iam)
        .transport(tape.clone())
        .build()
        .unwrap()
}

fn cci_user(service: &CciHandle) -> [String; 4] {
    [service.domain(), service.user(), service.password(), service.project()].map(str::to_owned)
}

async fn sandbox() -> Sandbox {
    Sandbox::builder().tat_rate(None).zstack_jobs(true).start().await.unwrap()
}
