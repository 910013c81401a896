//! Finds the processes that belong to the sandbox, though they have left what it started.
//!
//! A process can leave its group, its session and its parent, and can clear its environment, but seldom does all of
//! it. Whoever still has one of the sandbox's marks is its own, and so are that process's children, group and session.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// A line of the table of processes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    has_terminal: bool,
    /// Dead, though nobody has waited for it.
    pub(crate) dead: bool,
}

/// What the sandbox's own processes are known by.
#[derive(Debug)]
pub(crate) struct Marks<'a> {
    /// An entry of their environment.
    pub(crate) variable: &'a str,
    /// Their working directory, or one above it.
    pub(crate) directory: &'a Path,
    /// Groups that were started for them.
    pub(crate) groups: &'a HashSet<i32>,
    /// Sessions that were started for them.
    pub(crate) sessions: &'a HashSet<i32>,
    /// Children of this process that are not the sandbox's, where all the others are.
    pub(crate) foreign_children: Option<&'a HashSet<i32>>,
}

fn entry(path: PathBuf) -> Option<Entry> {
    let id = path.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read(path.join("stat")).ok()?;
    // The program's name stands in brackets, and may hold anything.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let dead = matches!(fields.next()?, "Z" | "X" | "x");
    let mut number = || fields.next()?.parse::<i32>().ok();
    Some(Entry {
        id,
        parent: number()?,
        group: number()?,
        session: number()?,
        has_terminal: number()? != 0,
        dead,
    })
}

/// Whether a process leads a session of its own.
pub(crate) fn leads_session(id: i32) -> bool {
    entry(Path::new("/proc").join(id.to_string())).is_some_and(|entry| entry.session == id)
}

/// All processes; none where there is no `/proc`.
pub(crate) fn processes() -> Vec<Entry> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|file| entry(file.path())).collect()
}

/// The children of this process.
pub(crate) fn children() -> impl Iterator<Item = Entry> {
    let own = std::process::id().cast_signed();
    processes().into_iter().filter(move |entry| entry.parent == own)
}

impl Marks<'_> {
    fn are_on(&self, entry: &Entry) -> bool {
        let path = Path::new("/proc").join(entry.id.to_string());
        if self.groups.contains(&entry.group) || self.sessions.contains(&entry.session) {
            return true;
        }
        // Empty for a process that is just becoming its program.
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|entry| entry == self.variable.as_bytes()) {
            return true;
        }
        // With a terminal it is rather somebody who looks around in there.
        !entry.has_terminal
            && fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.directory))
    }

    /// The living processes that have one of the marks, and all that belong to those.
    pub(crate) fn find(&self) -> Vec<i32> {
        let own = std::process::id().cast_signed();
        let all = processes();
        let Some(this) = all.iter().find(|entry| entry.id == own).copied() else {
            return Vec::new();
        };
        let others: Vec<Entry> = all.into_iter().filter(|entry| entry.id != own).collect();
        let is_child = |entry: &Entry| {
            self.foreign_children
                .is_some_and(|foreign| entry.parent == own && !foreign.contains(&entry.id))
        };
        let mut found: HashSet<i32> = others
            .iter()
            .filter(|entry| is_child(entry) || self.are_on(entry))
            .map(|entry| entry.id)
            .collect();
        loop {
            let before = found.len();
            // A leader that is gone, or is one of them: nobody else can have led it. A leader outside of this
            // container has the id 0.
            let is_theirs = |leader: i32, of_this: i32| {
                leader != 0
                    && leader != of_this
                    && (found.contains(&leader) || !others.iter().any(|entry| entry.id == leader))
            };
            let chosen = |entry: &&Entry| found.contains(&entry.id);
            let groups: HashSet<i32> = others
                .iter()
                .filter(chosen)
                .map(|entry| entry.group)
                .filter(|group| is_theirs(*group, this.group))
                .collect();
            let sessions: HashSet<i32> = others
                .iter()
                .filter(chosen)
                .map(|entry| entry.session)
                .filter(|session| is_theirs(*session, this.session))
                .collect();
            let belongs = |entry: &Entry| {
                found.contains(&entry.parent)
                    || groups.contains(&entry.group)
                    || sessions.contains(&entry.session)
            };
            let more: Vec<i32> =
                others.iter().filter(|entry| belongs(entry)).map(|entry| entry.id).collect();
            found.extend(more);
            if found.len() == before {
                break;
            }
        }
        let living = others.iter().filter(|entry| !entry.dead && found.contains(&entry.id));
        living.map(|entry| entry.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_in_the_table_and_a_stranger_is_not_ours() {
        if !cfg!(target_os = "linux") {
            return;
        }
        let own = std::process::id().cast_signed();
        assert!(processes().iter().any(|entry| entry.id == own && !entry.dead));
        let nothing = HashSet::new();
        let marks = Marks {
            variable: "GUESTEXEC_SANDBOX=nobody",
            directory: Path::new("/nonexistent"),
            groups: &nothing,
            sessions: &nothing,
            foreign_children: None,
        };
        assert!(marks.find().is_empty());
    }
}
