//! Lists of targets: those of the command line, and those of a file.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use crate::{
    failure::Failure,
    report::{Report, few},
};

/// The longest list, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Targets, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) targets: Vec<String>,
    twice: Vec<String>,
}

impl Listed {
    /// Takes those that were named and, if a file is given, those in it: one a line, with comments from `#` on. `-` is
    /// standard input.
    ///
    /// # Errors
    /// If the file cannot be read, or lists none.
    pub(crate) fn read(named: Vec<String>, from: Option<&Path>) -> Result<Self, Failure> {
        let mut all = named;
        if let Some(path) = from {
            let text = text(path)?;
            let before = all.len();
            all.extend(lines(&text).map(str::to_owned));
            if all.len() == before {
                return Err(Failure::new(format!("{} lists no target", shown(path)))
                    .advise("Write one target a line. What follows a # is a comment."));
            }
        }
        let (mut known, mut twice) = (HashSet::new(), Vec::new());
        all.retain(|target| {
            let is_new = known.insert(target.clone());
            if !is_new && !twice.contains(target) {
                twice.push(target.clone());
            }
            is_new
        });
        Ok(Self { targets: all, twice })
    }

    /// Says which were named more than once.
    pub(crate) async fn tell(&self, report: &mut Report) -> Result<(), Failure> {
        if self.twice.is_empty() {
            return Ok(());
        }
        let named = few(self.twice.iter().cloned());
        report.note(&format!("named more than once, and used once: {named}")).await
    }
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn text(path: &Path) -> Result<String, Failure> {
    let problem = |why: String| {
        Failure::new(format!("the targets of {} cannot be read: {why}", shown(path))).advise(
            "Give --targets-from a text file with one target a line, or - for standard input.",
        )
    };
    let mut bytes = Vec::new();
    let read = match path == Path::new("-") {
        true => io::stdin().lock().take(LONGEST + 1).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes)),
    };
    read.map_err(|error| problem(error.to_string()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(problem(format!("it is longer than {} MiB", LONGEST >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|_| problem("it is not UTF-8".to_owned()))?;
    // Editors of Windows begin a text with a mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    targets.filter(|target| !target.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_target_a_line() {
        let text = "a # the first\r\n\n  b\n#c\nd";
        assert_eq!(lines(text).collect::<Vec<_>>(), ["a", "b", "d"]);
    }

    #[test]
    fn a_target_that_is_named_twice_is_used_once() {
        let named = ["a", "b", "a", "a"].map(str::to_owned).to_vec();
        let listed = Listed::read(named, None).unwrap();
        assert_eq!(
            (&*listed.targets, &*listed.twice),
            (&["a".into(), "b".into()][..], &["a".into()][..])
        );
    }
}
