//! Finds the sandbox's processes in `/proc`, including those that have left their process group.
//!
//! A process can leave its group, session and parent, and clear its environment, but it seldom does all of that. Whatever
//! still meets one criterion belongs to the sandbox, with its children, its group and its session.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

/// A process, as `/proc/<id>/stat` describes it.
///
/// A parent, group or session leader outside of this PID namespace has the id 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    has_terminal: bool,
    /// Dead, perhaps a zombie.
    pub(crate) is_dead: bool,
}

/// By what the sandbox recognises its processes. Meeting one criterion is enough.
#[derive(Debug)]
pub(crate) struct Criteria<'a> {
    /// An entry of the environment.
    pub(crate) variable: &'a str,
    /// The working directory, or a parent of it.
    pub(crate) directory: &'a Path,
    /// The process groups that the sandbox started.
    pub(crate) groups: &'a HashSet<i32>,
    /// The sessions that the sandbox started.
    pub(crate) sessions: &'a HashSet<i32>,
    /// The children of this process that are not the sandbox's, where all others are.
    pub(crate) foreign_children: Option<&'a HashSet<i32>>,
}

fn entry(path: PathBuf) -> Option<Entry> {
    let id = path.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read(path.join("stat")).ok()?;
    // The program's name stands in parentheses, and may contain anything.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let fields = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let mut fields = fields.split_ascii_whitespace();
    let is_dead = matches!(fields.next()?, "Z" | "X" | "x");
    let mut number = || fields.next()?.parse::<i32>().ok();
    Some(Entry {
        id,
        parent: number()?,
        group: number()?,
        session: number()?,
        has_terminal: number()? != 0,
        is_dead,
    })
}

/// `/proc`, if it exists and belongs to this PID namespace: in another, its ids are those of other processes.
fn own_proc() -> Option<&'static Path> {
    let own = fs::read_link("/proc/self").ok()?;
    (own.to_str()? == std::process::id().to_string()).then_some(Path::new("/proc"))
}

/// Whether a process leads a session.
pub(crate) fn leads_session(id: i32) -> bool {
    let entry = own_proc().and_then(|proc| entry(proc.join(id.to_string())));
    entry.is_some_and(|entry| entry.session == id)
}

/// All processes; none where there is no `/proc` of this PID namespace.
pub(crate) fn processes() -> Vec<Entry> {
    let Some(Ok(entries)) = own_proc().map(fs::read_dir) else { return Vec::new() };
    entries.flatten().filter_map(|file| entry(file.path())).collect()
}

/// The children of this process.
pub(crate) fn children() -> impl Iterator<Item = Entry> {
    let own = std::process::id().cast_signed();
    processes().into_iter().filter(move |entry| entry.parent == own)
}

impl Criteria<'_> {
    fn match_one(&self, entry: &Entry) -> bool {
        let path = Path::new("/proc").join(entry.id.to_string());
        if self.groups.contains(&entry.group) || self.sessions.contains(&entry.session) {
            return true;
        }
        // It is empty while the process executes its program.
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|entry| entry == self.variable.as_bytes()) {
            return true;
        }
        // A process with a terminal is more likely a person's shell in that directory.
        !entry.has_terminal
            && fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(self.directory))
    }

    /// The living processes that meet a criterion, and all that belong to those.
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
            .filter(|entry| is_child(entry) || self.match_one(entry))
            .map(|entry| entry.id)
            .collect();
        loop {
            let before = found.len();
            // A group or session is the sandbox's if its leader is, or has ended. Its id is 0 if its leader is outside
            // of this PID namespace.
            let is_sandboxed = |leader: i32, own_leader: i32| {
                leader != 0
                    && leader != own_leader
                    && (found.contains(&leader) || !others.iter().any(|entry| entry.id == leader))
            };
            let chosen = |entry: &&Entry| found.contains(&entry.id);
            let groups: HashSet<i32> = others
                .iter()
                .filter(chosen)
                .map(|entry| entry.group)
                .filter(|group| is_sandboxed(*group, this.group))
                .collect();
            let sessions: HashSet<i32> = others
                .iter()
                .filter(chosen)
                .map(|entry| entry.session)
                .filter(|session| is_sandboxed(*session, this.session))
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
        let living = others.iter().filter(|entry| !entry.is_dead && found.contains(&entry.id));
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
        assert!(processes().iter().any(|entry| entry.id == own && !entry.is_dead));
        let nothing = HashSet::new();
        let criteria = Criteria {
            variable: "GUESTEXEC_SANDBOX=nobody",
            directory: Path::new("/nonexistent"),
            groups: &nothing,
            sessions: &nothing,
            foreign_children: None,
        };
        assert!(criteria.find().is_empty());
    }
}
