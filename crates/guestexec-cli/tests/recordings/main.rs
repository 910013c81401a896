//! The recordings that the READMEs show are what the program still does. `scripts/record.sh` makes them anew.
#![allow(clippy::unwrap_used, reason = "in a test, an unwrap is an assertion")]

#[path = "../common/mod.rs"]
mod common;
mod screen;
mod svg;

use std::{env, fs, fs::File, path::PathBuf};

use common::Place;
use regex_lite::Regex;
use screen::{Recorder, Session};

/// The longest file, in bytes.
const LONGEST: usize = 60_000;

/// Compares a recording with the file that shows it, or writes the file.
fn check(name: &str, recording: &Recorder) {
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| ".".into(), PathBuf::from);
    let path = package.join("recordings").join(name).with_extension("svg");
    let drawn = svg::draw(recording);
    if env::var_os("GUESTEXEC_RECORD").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let shown = fs::read_to_string(&path).unwrap();
    let length = shown.len();
    assert!(length <= LONGEST, "{name} has {length} bytes in {} frames", recording.frames.len());
    let text =
        |svg: &str| steady(svg.split_once("<desc>").unwrap().1.split_once("</desc>").unwrap().0);
    assert_eq!(text(&shown), text(&drawn), "run scripts/record.sh, and look at {}", path.display());
}

/// A screen without what differs from run to run: times, the widths of columns, the order in which targets end.
fn steady(text: &str) -> Vec<String> {
    let time = Regex::new(r"\b[0-9]+(\.[0-9]+)?(ms|s)\b").unwrap();
    let lines = text.lines().map(|line| time.replace_all(line, "<time>").into_owned());
    let mut lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

#[test]
fn an_interactive_session() {
    let place = Place::new();
    let mut recorder = Recorder::new("A shell in a container of a pod", 80, 18);
    let mut run = |line: &str, keys: &mut dyn FnMut(&mut Session<'_>)| {
        recorder.type_line(&format!("guestexec {line}"));
        let status = recorder.run(place.command(common::words(line)), |session| keys(session));
        recorder.type_line("echo $?");
        recorder.print(&format!("{}\n", status.code().unwrap()));
    };
    run("cci exec -it demo -- sh", &mut |session| {
        session.wait_for_prompt();
        session.keys("stty size\r");
        session.wait_for_prompt();
        session.keys("sleep 1000\r");
        session.pause(900);
        session.keys("\u{3}");
        session.wait_for_prompt();
        session.keys("exit 7\r");
    });
    run("cci exec demo -- sh -c 'echo hello; exit 3'", &mut |_| ());
    check("exec", &recorder);
}

#[test]
fn a_run_on_many_instances() {
    let instances: Vec<String> = (1..=8).map(|number| format!("ins-web{number:05}")).collect();
    let place = Place::with(|builder| {
        instances.iter().fold(builder.tat_instances(0), |builder, id| builder.tat_instance(id))
    });
    let offline = place.sandbox.tat().offline_instance().to_owned();
    let targets = format!("{}\n{offline} # in repair\n", instances.join("\n"));
    fs::write(place.home.path().join("web.txt"), targets).unwrap();
    let script = "sleep $(($$ % 4))\necho patched\n";
    fs::write(place.home.path().join("patch.sh"), script).unwrap();
    let mut recorder = Recorder::new("A script on each of many instances", 92, 26);
    recorder.mask(&offline, "ins-db000001");
    let line = "tat run --targets-from web.txt --file patch.sh";
    recorder.type_line(&format!("guestexec {line}"));
    let mut command = place.command(common::words(line));
    command.current_dir(place.home.path());
    let status = recorder.run(command, |_| ());
    recorder.type_line("echo $?");
    recorder.print(&format!("{}\n", status.code().unwrap()));
    check("fleet", &recorder);
}

#[test]
fn a_copy_shows_how_far_it_is() {
    let place = Place::new();
    let home = place.home.path();
    File::create(home.join("large")).unwrap().set_len(200_000_000).unwrap();
    let mut recorder = Recorder::new("A copy", 80, 5);
    let target = home.join("copy").display().to_string();
    let mut command = place.command(["cci", "cp", "large", &format!("demo:{target}")]);
    command.current_dir(home);
    let status = recorder.run(command, |_| ());
    assert!(status.success());
    let shown: Vec<String> = recorder.frames.iter().map(screen::Frame::text).collect();
    let is_progress = |text: &&String| text.contains(" 1 entry, ") && text.contains("iB/s");
    assert!(shown.iter().any(|text| is_progress(&text)), "{shown:?}");
    // Then it gives way to what was copied.
    let end = recorder.text().replace("\n", "");
    let said = "guestexec: copied 1 file, 0 directories, 0 links: 200000000 bytes to demo:";
    assert!(end.starts_with(said) && !end.contains("iB/s"), "{end}");
    assert_eq!(fs::metadata(target).unwrap().len(), 200_000_000);
}
