//! Files that are no cassettes: each is refused with a sentence.

use std::fs;

use guestexec_testkit::Tape;
use proptest::prelude::*;

use crate::{Account, Folder, record, sandbox};

fn refused(folder: &Folder, text: impl AsRef<[u8]>) -> String {
    let path = folder.path("broken.toml");
    fs::write(&path, text).unwrap();
    let error = Tape::replay(&path).unwrap_err().to_string();
    let name = path.display().to_string();
    assert!(error.starts_with("the cassette ") && error.contains(&name), "{error}");
    error.replace(&name, "FILE")
}

#[test]
fn a_file_that_is_no_cassette_is_refused_with_its_name_and_place() {
    let folder = Folder::new();
    let exchange = |members: &str| format!("version = 1\n[[exchange]]\n{members}\n");
    let nested = "[".repeat(100_000);
    for (text, says) in [
        (String::new(), "has no `version`"),
        ("{ \"version\": 1 }".to_owned(), "cannot be read at line 1"),
        ("version = 2\n[[tracks]]\n".to_owned(), "has version 2, and this testkit reads version 1"),
        ("version = \"1\"\n".to_owned(), "has version \"1\""),
        ("version = 1\nmore = 1\n".to_owned(), "at line 2: unknown field `more`"),
        ("version = 1\nexchange = 7\n".to_owned(), "cannot be read at line 2"),
        (exchange("status = 200"), "missing field `request`"),
        (exchange("request = '''\n"), "cannot be read at line"),
        (exchange("request = 7"), "cannot be read at line 3: invalid type"),
        (exchange("request = ''\nstatus = 200"), "broken at exchange 1: its `request` is empty"),
        (exchange("request = 'x'"), "neither a `status` nor"),
        (exchange("request = 'x'\nstatus = 7"), "`status` is 7"),
        (exchange("request = 'x'\nstatus = 101"), "`status` is 101"),
        (exchange("request = 'x'\nstatus = 70000"), "cannot be read at line 4"),
        (exchange("request = 'x'\nstatus = -1"), "cannot be read at line 4"),
        (exchange("request = 'x'\nended = 'somehow'"), "unknown variant"),
        (exchange("request = 'x'\nended = 'lost'\ntext = 'x'"), "an answer without a `status`"),
        (exchange("request = 'x'\nstatus = 200\nended = 'refused'"), "and it has one"),
        (exchange("request = 'x'\nstatus = 200\nheaders = ['ä: b']"), "line 1 of its `headers`"),
        (exchange("request = 'x'\nstatus = 200\nheaders = [\"a: b\\u0001\"]"), "is no header"),
        (exchange("request = 'x'\nstatus = 200\njson = '{\"a\":'"), "`json` is none at line 1"),
        (exchange(&format!("request = 'x'\nstatus = 200\njson = '{nested}'")), "`json` is none"),
        (exchange("request = 'x'\nstatus = 200\nbase64 = '!'"), "its `base64` is none"),
        (exchange("request = 'x'\nstatus = 200\ntext = ''\njson = '1'"), "several of"),
        (format!("version = 1\nx = {nested}"), "cannot be read at line 2"),
        (format!("version = 1\n{}", "[a.b]\n".repeat(2)), "cannot be read at line 3"),
    ] {
        let error = refused(&folder, &text);
        let shown: String = text.chars().take(80).collect();
        assert!(error.contains(says), "{shown}: {error}");
        assert!(error.len() < 400, "{error}");
    }
    assert!(refused(&folder, b"version = 1\n\xff").contains("is no text at byte 12"));
    assert!(refused(&folder, vec![b' '; 100_000_000]).contains("more than 67108864 bytes"));
    let missing = Tape::replay(folder.path("none.toml")).unwrap_err().to_string();
    assert!(missing.contains("there is no cassette ") && missing.contains("`Tape::record`"));
    let error = Tape::replay(folder.path("")).unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn a_cassette_may_be_cut_or_changed_anywhere() {
    let (folder, tape, sandbox) = (Folder::new(), record(), sandbox().await);
    let account = Account::of(sandbox.zstack());
    account.client(&tape).vm(&*account.vm).run("true").await.unwrap();
    let text = folder.save(&tape);
    let path = folder.path("cut.toml");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        Tape::replay(&path).map(drop)
    };
    for end in (0..text.len()).step_by(7) {
        // Cut between two exchanges, it is a shorter one.
        _ = read(&text.as_bytes()[..end]);
    }
    let mut bytes = text.into_bytes();
    for at in (0..bytes.len()).step_by(11) {
        let before = bytes[at];
        bytes[at] = before.wrapping_add(1);
        _ = read(&bytes);
        bytes[at] = before;
    }
    assert!(read(&bytes).is_ok());
    // The ends of lines may be changed by a version-control system.
    let text = String::from_utf8(bytes).unwrap().replace('\n', "\r\n");
    fs::write(&path, text).unwrap();
    let replay = Tape::replay(&path).unwrap();
    account.elsewhere().client(&replay).vm(&*account.vm).run("true").await.unwrap();
    replay.assert_complete();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(text in "(version = 1\n)?([a-z\\[\\]=' \n\"0-9]{0,40}\n){0,4}") {
        let folder = Folder::new();
        fs::write(folder.path("any.toml"), text).unwrap();
        _ = Tape::replay(folder.path("any.toml"));
    }
}
