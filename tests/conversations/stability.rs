//! Conversations are the same on every run and machine.

use std::{
    env,
    process::Command,
    time::{Duration, SystemTime},
};

use crate::{stage::Stage, talks};

/// The variable that holds the time of a run, in seconds.
const NOW: &str = "CONVERSATIONS_NOW";
/// What begins the output, and ends it.
const BOUND: &str = "=====";

#[test]
#[ignore = "the next test runs it, in other circumstances each time"]
fn printed() {
    let Ok(seconds) = env::var(NOW) else { return };
    let seconds = seconds.parse().unwrap();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let stage = Stage { now, ..Stage::default() };
    println!("{BOUND}");
    for talk in talks() {
        println!("{}/{}\n\n{}\n", talk.provider, talk.name, talk.text(&stage));
    }
    println!("{BOUND}");
}

/// What all conversations print in a process that is started so.
fn print(mut command: Command, seconds: u64, variables: &[(&str, &str)]) -> Option<String> {
    command.args(["--exact", "stability::printed", "--ignored", "--nocapture"]);
    command.env(NOW, seconds.to_string()).envs(variables.iter().copied());
    let output = command.output().ok()?;
    let printed = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| printed.split(BOUND).nth(1).unwrap().to_owned())
}

#[test]
fn conversations_are_the_same_in_every_zone_of_time_on_every_machine() {
    let this = || Command::new(env::current_exe().unwrap());
    let first = print(this(), 1_795_327_461, &[("TZ", "UTC"), ("HOSTNAME", "one")]).unwrap();
    assert!(first.matches("\n\n→ ").count() > 100, "{first}");
    let others: [(u64, &[(&str, &str)]); 2] = [
        (
            1_000_000_000,
            &[("TZ", "Pacific/Kiritimati"), ("HOSTNAME", "two"), ("LANG", "zh_CN.GB18030")],
        ),
        (
            2_000_000_123,
            &[
                ("TZ", "America/St_Johns"),
                ("HOSTNAME", "three"),
                ("HOME", "/nowhere"),
                ("HTTPS_PROXY", "http://127.0.0.1:9"),
                ("HTTP_PROXY", "http://127.0.0.1:9"),
            ],
        ),
    ];
    for (seconds, variables) in others {
        let again = print(this(), seconds, variables).expect("the conversations are held");
        same(&first, &again);
    }
    // A host of another name, where a user may have one.
    let mut elsewhere = Command::new("unshare");
    elsewhere.args(["--map-root-user", "--uts", "sh", "-c", "hostname four && exec \"$@\"", "sh"]);
    elsewhere.arg(env::current_exe().unwrap());
    match print(elsewhere, 1_234_567_890, &[]) {
        Some(again) => same(&first, &again),
        None => eprintln!("skipped: this machine gives a process no host name of its own"),
    }
}

fn same(first: &str, again: &str) {
    let different = first.lines().zip(again.lines()).find(|(first, again)| first != again);
    assert_eq!(different, None, "a line differs");
    assert!(first == again, "one is longer");
}
