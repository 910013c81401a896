//! Commands in CCI's containers.

mod exec;
mod faults;
mod pods;
mod reads;

use guestexec_cci::{
    Client, ClientBuilder, Credentials, Pod,
    operations::{EXEC_IN_POD as BY_GET, EXEC_IN_POD_BY_POST as BY_POST},
};
use guestexec_testkit::{ExecScript, Tape};

use crate::stage::{Stage, talks};

talks! { "cci",
    "choose-container": reads::choose, "The pod is read for its container, and a command runs there.";
    "pods-over-pages": reads::pages, "Pods over three pages, selected by label and field.";
    "token-by-password": reads::password, "One token for two calls.";
    "token-by-access-key": reads::key_token, "A token for an access key, in a project that is named by its id.";
    "token-renewed": reads::renewed, "A token at the end of its life is renewed.";
    "token-refused": reads::refused_token, "A refused token is forgotten: the next call gets another.";
    "access-key": reads::access_key, "Requests that are signed, with a temporary access key.";
    "pod-of-its-own": pods::whole, "A pod is created, waited for, and deleted.";
    "pod-taken": pods::taken, "There is such a pod already.";
    "pod-lost": pods::lost, "The answers to a creation and a deletion are lost: neither is sent again.";
    "log": reads::log, "A log is followed, and its end read again.";
    "operations": reads::operations, "Operations that have no short way.";
    "exec-v5": exec::v5, "A command over a WebSocket with version 5.";
    "exec-v4": exec::v4, "The same with version 4.";
    "exec-spdy-post": exec::spdy_post, "The same over SPDY, by POST.";
    "exec-spdy-get": exec::spdy_get, "The same over SPDY, by GET.";
    "exec-argv": exec::argv, "Arguments that need care.";
    "exec-stdin-v5": exec::stdin_v5, "Input with an end.";
    "exec-stdin-spdy": exec::stdin_spdy, "Input with an end over SPDY.";
    "exec-stdin-piped": exec::piped, "Input that the program writes bit by bit.";
    "exec-terminal-v5": exec::terminal_v5, "A terminal that is resized.";
    "exec-terminal-v4": exec::terminal_v4, "A terminal with version 4.";
    "exec-terminal-spdy": exec::terminal_spdy, "A terminal over SPDY.";
    "exec-resized": exec::resize, "Of two sizes that are set at once, the last is sent.";
    "exec-resized-v4": exec::resize_v4, "The same with version 4.";
    "exec-resized-spdy": exec::resize_spdy, "The same over SPDY.";
    "exec-stdin-unread": exec::unread, "Input that the command does not read.";
    "exec-stdin-unread-spdy": exec::unread_spdy, "The same over SPDY.";
    "exec-terminal-stdin": exec::terminal_stdin, "The input of a terminal ends with ^D.";
    "exec-killable": exec::killable, "A command that is killed.";
    "exec-falls-back": exec::falls_back, "A server that has SPDY alone: Auto tries what there is.";
    "exec-remembered": exec::remembered, "What worked is tried first the next time.";
    "exec-forbidden": exec::forbidden, "A caller who may not get sessions, but create them.";
    "exec-not-started": faults::not_started, "The container has no such program.";
    "exec-cut-v5": faults::cut_v5, "The connection is lost within the session.";
    "exec-cut-spdy": faults::cut_spdy, "The same over SPDY.";
    "exec-closed": faults::closed, "The session ends without a status.";
    "exec-dead": faults::dead, "A connection on which nothing answers any more.";
    "exec-hangs": faults::hangs, "A command that outlives its time limit.";
    "exec-output-limit": faults::limit, "More output than the program takes.";
    "exec-no-answer": faults::no_answer, "The handshake is never answered.";
    "exec-lost": faults::lost, "The answer to the handshake is lost.";
    "exec-throttled": faults::throttled, "Too many requests: the command is retried.";
    "exec-refused": faults::refused, "The pod does not exist.";
    "exec-connection-refused": faults::refused_connection, "Nothing was sent, so the command is retried.";
    "exec-broken-server": faults::broken, "A server that sends no frames.";
    "read-lost": faults::lost_read, "The answer to a read is lost, each time.";
}

fn builder(stage: &Stage, tape: &Tape) -> ClientBuilder {
    Client::builder().region("cn-north-4").clock(stage.now).transport(stage.transport(tape))
}

fn client(stage: &Stage, tape: &Tape) -> Client {
    builder(stage, tape).credentials(Credentials::token("token")).build().unwrap()
}

fn pod(client: &Client) -> Pod<'_> {
    client.pod("default", "web").container("nginx")
}

/// A tape with one session by GET, or by POST.
fn session(script: ExecScript) -> Tape {
    Tape::new().reply_to(BY_GET, script)
}

fn session_by_post(script: ExecScript) -> Tape {
    Tape::new().reply_to(BY_POST, script)
}

/// All that was said.
fn told(tape: &Tape) -> String {
    tape.assert_complete();
    tape.to_string()
}
