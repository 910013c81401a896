//! What to do when a signal asks to end while commands run elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use tokio::io::AsyncReadExt as _;

use crate::{
    report::{Report, Targets},
    signals::{Signal, Signals},
    stdin::Stdin,
};

/// The longest answer, in bytes.
const LONGEST: usize = 4096;

/// What is wished of the commands that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// End them, where that is possible, and this program.
    End,
    /// Leave them running, and end this program.
    Leave,
    /// Wait for them as before.
    GoOn,
}

/// Finds out what a signal means. Ctrl-C with many targets may be meant for none of them, so a person who is there is
/// asked; a second Ctrl-C then is a yes.
pub(crate) async fn wish(
    signal: Signal,
    signals: &mut Signals,
    report: &mut Report,
    question: &str,
) -> Wish {
    let is_person = stdin().is_terminal() && stderr().is_terminal();
    if signal != Signal::Interrupt || report.targets() == Targets::One || !is_person {
        return Wish::End;
    }
    report.pause();
    // Without a terminal to show it there is nobody to answer either, which ends the input.
    let _ = write!(stderr(), "\n{question} ").and_then(|()| stderr().flush());
    let wish = tokio::select! {
        answer = answer() => match answer.as_deref().map(str::trim) {
            Some("y" | "Y" | "yes") | None => Wish::End,
            Some("l" | "L" | "leave") => Wish::Leave,
            Some(_) => Wish::GoOn,
        },
        _ = signals.next() => {
            let _ = writeln!(stderr());
            Wish::End
        }
    };
    report.resume();
    wish
}

/// The line that the person writes; none if nobody does any more.
async fn answer() -> Option<String> {
    let mut line = vec![0; LONGEST];
    // A terminal gives a line at a time.
    let count = Stdin::open().ok()?.read(&mut line).await.ok()?;
    line.truncate(count);
    (count > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}
