//! Texts that no vendor writes: each gives a sentence or a page, in a time that grows with its length.

use xtask::audit::read::{self, Unreadable};

use crate::read::{PAGES, text};

/// What hostile texts repeat.
const PIECES: &[&str] = &[
    "|",
    "| a ",
    "|\n",
    "| a | b |\n",
    "|---|\n",
    "|---|---|\n| a |\n",
    "a | b\n",
    "a | b |\n---|---|\n",
    "| a\n\n",
    "+-+-+\n",
    "+-+-+\n| a\n",
    "== ==\n",
    "== ==\na b\n\n== ==\n",
    "=",
    "=\n",
    "a\n=\n",
    "- ",
    "- a\n",
    "```\n",
    "~~~\n```\n",
    "<",
    "<a ",
    "<ul>",
    "<li>",
    "<table>",
    "<table><tr><td>",
    "<tr><td rowspan=1000 colspan=64>a",
    "</ul>",
    "<nav>",
    "<!--",
    "<a b=\"",
    "<script>",
    "<p>a",
    "<span>a</span>",
    "<table>\n",
    "<br>",
    "</nav>",
    "[",
    "[a](",
    "](",
    "`",
    "``a",
    "`a` ",
    ":ref:`",
    "**",
    "&",
    "&lt;",
    "\\",
    "\\|",
    "Parameter\n",
    "Parameter\nType\n",
    "Parameter Type Description\n",
    "Parameter ",
    "Type ",
    "Yes\n",
    "a String\n",
    "Parameter\nDescription\nType\na\n",
    "Parameter Description Type\na b\n",
    "Used by actions: a\n",
    "Tag\nUsed by actions: a\n",
    "Request Parameters\n",
    "Responses\n",
    "200 OK\n",
    "Table 1 a\n",
    "表 1 参数\n",
    "状态码：200\n",
    "{\n",
    "\"a\": 1,\n",
    "aStringRequired",
    "• aStringRequired\n",
    "AaBb",
    "a.",
    "a.b.",
    "• a.bString\n",
    "└",
    "»",
    "•",
    "• ",
    "：",
    "\u{1f}",
    "\u{a0}",
    "Error Code\nDescription\nA.B\n",
    "GET /a\n",
    "GET ",
    "Updated on 2026-02-25\n",
    "20 requests per second ",
    "1 ",
    "中",
    "中文，",
    ":a: b\n",
    ".. table::\n",
    ".. code::\n",
    ".. code::\n  a\n",
    "\t",
    " ",
    "\r",
    "\r\n",
    "/",
    "a/",
    "Since 1.",
    "\"a\":",
];

/// Behind these the repeated pieces mean something.
const BEGINNINGS: &[&str] = &[
    "",
    "Request Parameters\n\n",
    "Parameter\nMandatory\nType\nDescription\n",
    "Parameter Mandatory Type Description\na Yes String ",
    "| Parameter | Type | Description |\n|---|---|---|\n| a | String | ",
    "Parameter | Type\n---|---\n",
    "<table><tr><th>Parameter<th>Type<th>Description<tr><td>a<td>String<td>",
    "<html><body><h2>Responses</h2><ul>",
    "Responses\n\n  • aString\n\n",
];

#[test]
fn repeated_pieces_are_read_without_a_panic() {
    for beginning in BEGINNINGS {
        for piece in PIECES {
            let bytes = if beginning.is_empty() { 2000 } else { 200 };
            let _ = read::page(&format!("{beginning}{}", piece.repeat(bytes / piece.len() + 1)));
        }
    }
}

/// Lists inside lists, each deeper, are read and dropped without a stack of their own.
#[test]
fn depth_costs_nothing() {
    let deep: String = (0..3000).map(|n| format!("{}• aStringRequired\n", " ".repeat(n))).collect();
    assert!(read::page(&format!("Request Parameters\n\n{deep}")).is_ok());
    let html = "<ul><li><span>a</span><span>String</span>".repeat(20_000);
    assert!(read::page(&format!("<h2>Responses</h2>{html}</ul>")).is_ok());
    let dots = format!("Parameter\tType\n{}a\tString\n", "a.".repeat(60));
    assert!(read::page(&dots).is_ok());
}

/// Every page cut anywhere, and with bytes changed, is a page or a sentence.
#[test]
fn broken_pages_are_read_without_a_panic() {
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for name in PAGES {
        let whole = text(name).into_bytes();
        for _ in 0..60 {
            let mut bytes = whole[..random(whole.len())].to_vec();
            for _ in 0..random(20) {
                let at = random(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = b"|-=<>`\n \t*[]{}&\\:+\xe4\xff\0aA1"[random(24)];
                }
            }
            let _ = read::file(&bytes);
        }
    }
}

#[test]
fn what_is_no_page_is_a_sentence() {
    let cases: [(&[u8], Unreadable, &str); 6] = [
        (b" \n\t\n", Unreadable::Empty, "is empty"),
        (b"\xef\xbb\xbf", Unreadable::Empty, "is empty"),
        (b"ok\n\x89PNG\0", Unreadable::Binary { line: 2 }, "line 2"),
        (b"a\nb\n\xe4\xf6\n", Unreadable::NotUtf8 { line: 3 }, "UTF-8"),
        (b"Hello\n\nThis is a letter.\n", Unreadable::Nothing, "no method with a path"),
        (
            b"<html><body><p>Please log in.</p></body></html>",
            Unreadable::Nothing,
            "nothing was understood",
        ),
    ];
    for (bytes, expected, words) in cases {
        let found = read::file(bytes).expect_err(words);
        assert_eq!(found, expected);
        assert!(found.to_string().contains(words), "{found}");
    }
    let long = vec![b'a'; (8 << 20) + 1];
    assert_eq!(read::file(&long), Err(Unreadable::TooLong { bytes: long.len() }));
}

/// What once grew with the square of the length: this would not end.
#[test]
fn long_pages_end() {
    let grid = "+-+-+\n".repeat(40_000);
    let simple = "== ==\n".repeat(40_000);
    let tables = format!("<table><tr><td>{}", "<table>\n".repeat(40_000));
    for text in [grid, simple, tables] {
        assert_eq!(read::page(&text), Err(Unreadable::Nothing));
    }
}
