//! One conversation per handle and way of the three clients: every request, and what it was answered with.
//!
//! Each has a snapshot, `tests/snapshots/conversations/<provider>/<name>.snap`, for review.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

mod cci;
mod mutations;
mod stability;
mod stage;
mod tat;
mod users;
mod zstack;

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
};

use stage::{Stage, Talk};

/// All conversations.
fn talks() -> impl Iterator<Item = Talk> {
    [tat::talks(), zstack::talks(), cci::talks(), users::talks()].into_iter().flatten()
}

/// Holds the conversations of a provider, and compares each with its snapshot.
fn compare(provider: &str) {
    let mut differing = Vec::new();
    let mut expected = BTreeSet::new();
    for talk in talks().filter(|talk| talk.provider == provider) {
        expected.insert(format!("{}.snap", talk.name));
        // The test shows all snapshots that differ, so the first must not end it.
        let check = || talk.compare(&Stage::default());
        if catch_unwind(AssertUnwindSafe(check)).is_err() {
            differing.push(talk.name);
        }
    }
    assert_eq!(differing, Vec::<&str>::new(), "these differ, or have no snapshot");
    let files = fs::read_dir(stage::folder(provider)).expect("the snapshots are there");
    let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    let orphans: Vec<_> =
        names.filter(|name| name.ends_with(".snap") && !expected.contains(name)).collect();
    assert_eq!(orphans, Vec::<String>::new(), "delete the snapshots that belong to none");
}

#[test]
fn every_conversation_with_tat_is_as_its_snapshot() {
    compare("tat");
}

#[test]
fn every_conversation_with_zstack_is_as_its_snapshot() {
    compare("zstack");
}

#[test]
fn every_conversation_with_cci_is_as_its_snapshot() {
    compare("cci");
}

#[test]
fn the_programs_of_users_talk_as_in_their_snapshots() {
    compare("users");
}
