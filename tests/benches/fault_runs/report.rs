//! What callers were told, and what really happened.

use std::{collections::BTreeMap, fmt};

use guestexec_sandbox::{Provider, Sandbox};

/// The number of wrong runs that are printed in full.
const EXAMPLES: usize = 10;

/// What a caller was told of its command.
#[derive(Debug)]
pub(crate) enum Told {
    /// It succeeded and printed what it should.
    Right,
    /// It ended with an impossible outcome.
    Otherwise(String),
    /// An error.
    Error { may_have_run: bool, is_retryable: bool, text: String },
    /// Nothing until the bound on a run's time.
    Hung,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => write!(f, "it is said to have ended well"),
            Self::Otherwise(how) => write!(f, "it is said to have ended so: {how}"),
            Self::Error { may_have_run, is_retryable, text } => write!(
                f,
                "may_have_run() is {may_have_run}, is_retryable() is {is_retryable}: {text}"
            ),
            Self::Hung => write!(f, "it hangs"),
        }
    }
}

/// The runs of one provider.
#[derive(Debug)]
pub(crate) struct Report {
    provider: Provider,
    runs: usize,
    faults: BTreeMap<&'static str, usize>,
    right: usize,
    not_run: usize,
    open: usize,
    open_and_ran: usize,
    twice: usize,
    hangs: usize,
    wrong: usize,
    examples: Vec<String>,
}

impl Report {
    pub(crate) fn new(provider: Provider) -> Self {
        Self {
            provider,
            runs: 0,
            faults: BTreeMap::new(),
            right: 0,
            not_run: 0,
            open: 0,
            open_and_ran: 0,
            twice: 0,
            hangs: 0,
            wrong: 0,
            examples: Vec::new(),
        }
    }

    /// The number of faults that struck.
    pub(crate) fn faults(&self) -> usize {
        self.faults.values().sum()
    }

    /// The figures that matter, on one line.
    pub(crate) fn so_far(&self) -> String {
        format!(
            "{} runs, {} faults, {} double runs, {} hangs, {} wrong verdicts",
            self.runs,
            self.faults(),
            self.twice,
            self.hangs,
            self.wrong
        )
    }

    /// Whether there was no wrong run.
    pub(crate) fn is_good(&self) -> bool {
        self.runs > 0 && self.twice + self.hangs + self.wrong == 0
    }

    /// Counts the faults that struck.
    pub(crate) fn struck(&mut self, sandbox: &Sandbox) {
        for (fault, count) in sandbox.faults(self.provider) {
            *self.faults.entry(fault.kind().name()).or_default() += count;
        }
    }

    /// Compares what a caller was told with the number of starts of its command. `run` identifies the run.
    pub(crate) fn held(&mut self, run: &str, told: &Told, started: usize) {
        self.runs += 1;
        let mut is_bad = started > 1;
        self.twice += usize::from(started > 1);
        match (told, started) {
            (Told::Hung, _) => {
                self.hangs += 1;
                is_bad = true;
            }
            (Told::Right, 1..) => self.right += 1,
            (Told::Error { may_have_run: true, is_retryable: false, .. }, 1..) => {
                self.open += 1;
                self.open_and_ran += 1;
            }
            (Told::Error { may_have_run: true, .. }, 0) => self.open += 1,
            (Told::Error { may_have_run: false, .. }, 0) => self.not_run += 1,
            _ => {
                self.wrong += 1;
                is_bad = true;
            }
        }
        if is_bad && self.examples.len() < EXAMPLES {
            self.examples.push(format!("{run}: started {started} times; {told}"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.provider.name();
        writeln!(f, "{name}: {} runs, {} faults", self.runs, self.faults())?;
        let kinds: Vec<String> =
            self.faults.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        writeln!(f, "  {}", kinds.join(", "))?;
        writeln!(
            f,
            "  {} ended well, {} did not run and were told so, {} may have run ({} of them did)",
            self.right, self.not_run, self.open, self.open_and_ran
        )?;
        write!(
            f,
            "  {} double runs, {} hangs, {} wrong verdicts",
            self.twice, self.hangs, self.wrong
        )?;
        self.examples.iter().try_for_each(|example| write!(f, "\n  ! {example}"))
    }
}
