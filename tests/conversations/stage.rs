//! Where a conversation is held, and what of it differs from run to run.

use std::{
    env, fmt,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use guestexec_core::{Request, ResponseFuture, Transport};
use guestexec_testkit::{Operation, Tape};
use insta::Settings;

/// Where a conversation is held.
#[derive(Clone)]
pub struct Stage {
    /// The time of every request.
    pub now: SystemTime,
    /// What is put around the tape.
    pub around: Option<Around>,
}

/// Makes a transport of the tape.
pub type Around = Arc<dyn Fn(Tape) -> Arc<dyn Transport> + Send + Sync>;

impl Default for Stage {
    fn default() -> Self {
        Self { now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_327_461), around: None }
    }
}

impl Stage {
    /// The transport of a client on this stage.
    pub fn transport(&self, tape: &Tape) -> impl Transport + 'static {
        Carrier(match &self.around {
            Some(around) => around(tape.clone()),
            None => Arc::new(tape.clone()),
        })
    }
}

struct Carrier(Arc<dyn Transport>);

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Transport for Carrier {
    fn execute(&self, operation: &'static Operation, request: Request) -> ResponseFuture<'_> {
        self.0.execute(operation, request)
    }
}

/// The text of a conversation, when it is over.
pub type Text = Pin<Box<dyn Future<Output = String>>>;

/// A conversation.
#[derive(Clone, Copy)]
pub struct Talk {
    /// The folder of its snapshot.
    pub provider: &'static str,
    /// The name of its snapshot.
    pub name: &'static str,
    /// What happens in it.
    pub about: &'static str,
    /// Holds it.
    pub hold: fn(Stage) -> Text,
}

/// The conversations of a provider: name, function and what happens.
macro_rules! talks {
    ($provider:literal, $($name:literal: $hold:path, $about:literal;)*) => {
        pub fn talks() -> Vec<$crate::stage::Talk> {
            vec![$($crate::stage::Talk {
                provider: $provider,
                name: $name,
                about: $about,
                hold: |stage| Box::pin($hold(stage)),
            }),*]
        }
    };
}
pub(crate) use talks;

impl Talk {
    /// Holds the conversation on a runtime whose clock is paused.
    pub fn text(&self, stage: &Stage) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime starts");
        runtime.block_on((self.hold)(stage.clone()))
    }

    /// Holds the conversation, and compares it with its snapshot.
    pub fn compare(&self, stage: &Stage) {
        let text = self.text(stage);
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path(folder(self.provider));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_description(self.about);
        settings.bind(|| insta::assert_snapshot!(self.name, text));
    }
}

/// The snapshots of a provider.
pub fn folder(provider: &str) -> PathBuf {
    // At run time, since checkouts may share a target folder; absolute, for insta.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    let folder = package.join("snapshots/conversations").join(provider);
    std::path::absolute(folder).expect("paths can be absolute")
}
