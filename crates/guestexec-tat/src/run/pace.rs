//! When to poll next, and how much at once.
//!
//! DescribeInvocations tells the status of every task of up to [`BATCH`] invocations in one call, so it
//! is what is polled. DescribeInvocationTasks brings the output, and is called for up to [`PAGE`] tasks
//! that are over. The pauses between polls grow with the time a run takes, so that instances that end
//! one after another do not cost a poll each.

use std::time::Duration;

use tokio::time::Instant;

use crate::types::DescribeInvocationTasksRequest;

/// Shortest and longest pause between two polls.
pub(super) const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long the last poll may take, which is made after the deadline.
const LAST_POLL: Duration = Duration::from_secs(10);
/// A caller that polls this late did not poll in the meantime.
const AWAY: Duration = Duration::from_secs(1);
/// After a change, pause for 1/20 of the elapsed time.
const PAUSE_PART: u32 = 20;
/// How long unreadable answers are tolerated.
const UNREADABLE: Duration = Duration::from_secs(30);
/// Calls of one action in flight at once.
const CALLS: usize = 8;
/// Invocations polled in one call, at most. Each answer repeats the whole script.
const BATCH: usize = 20;
/// Tasks a page holds at most.
pub(super) const PAGE: usize = *DescribeInvocationTasksRequest::LIMIT_RANGE.end() as usize;

/// The pace of a run. Its caller gives it the time, and each begin and end of a call.
pub(super) struct Pacer {
    /// Calls in flight that start the command.
    pub(super) starting: usize,
    polling: usize,
    fetching: usize,
    /// Invocations polled in one call.
    pub(super) batch: usize,
    /// Tasks listed or fetched in one call.
    pub(super) page: usize,
    /// Whether a poll of this round was refused, so that batches do not grow after it.
    pub(super) refused: bool,
    /// Since when answers of each kind cannot be read.
    unreadable: [Option<Instant>; 2],
    /// Since when the pauses grow.
    since: Instant,
    pause: Duration,
    pub(super) next_poll: Instant,
    /// Until when the service asks not to be polled.
    held: Instant,
    /// When the waiting ends.
    pub(super) deadline: Instant,
    closing: Closing,
    /// Whether the caller's last poll returned an event.
    pub(super) returned: bool,
}

/// A kind of call that reads.
#[derive(Clone, Copy)]
pub(super) enum Read {
    Poll,
    Fetch,
}

/// How far the end of the waiting has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    /// The deadline has not passed.
    No,
    /// The deadline has passed, and a last poll is due.
    Due,
    /// The last poll is in flight, or was answered.
    Begun,
}

/// The next step when no call has been answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The deadline has passed: make no more calls that start the command, and poll a last time.
    Close,
    /// The last poll is over: everything that is open has failed.
    GiveUp,
    /// Sleep until this time, or until a call is answered.
    Sleep(Instant),
    /// Wait until a call is answered.
    Wait,
}

impl Pacer {
    pub(super) fn new(now: Instant, deadline: Instant) -> Self {
        Self {
            starting: 0,
            polling: 0,
            fetching: 0,
            batch: BATCH,
            page: PAGE,
            refused: false,
            unreadable: [None; 2],
            since: now,
            pause: PAUSE.0,
            next_poll: now + PAUSE.0,
            held: now,
            deadline,
            closing: Closing::No,
            returned: false,
        }
    }

    /// Sets when the waiting ends.
    pub(super) fn wait_until(&mut self, deadline: Instant) {
        self.closing = Closing::No;
        self.deadline = deadline;
    }

    /// Polls after the shortest pause again.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.since = now;
        self.pause = PAUSE.0;
        self.next_poll = self.next_poll.min(self.next_after(now));
    }

    /// Polls no more before `until`, except for the last time.
    pub(super) fn hold(&mut self, until: Instant) {
        self.held = self.held.max(until);
    }

    /// When to poll after a pause.
    fn next_after(&self, now: Instant) -> Instant {
        self.held.max(now + self.pause)
    }

    /// The caller polls, after the wake-up at `due` was asked for. The time in which it did not poll
    /// is not the service's, so it does not count towards the last poll.
    pub(super) fn resume(&mut self, now: Instant, due: Instant) {
        let away = std::mem::take(&mut self.returned) || now > due + AWAY;
        if away && self.closing != Closing::No {
            self.deadline = now + LAST_POLL;
        }
    }

    /// Whether there is time and room for one more call that starts the command.
    pub(super) fn may_start(&self, now: Instant) -> bool {
        self.closing == Closing::No && now < self.deadline && self.starting < CALLS
    }

    /// Whether to begin a round of polls now.
    pub(super) fn begin_round(&mut self, now: Instant) -> bool {
        if self.polling > 0 || now < self.next_poll || self.closing == Closing::Begun {
            return false;
        }
        if self.closing == Closing::Due {
            self.closing = Closing::Begun;
        }
        // For a round without polls; the answers to polls set it again.
        self.next_poll = now + self.pause;
        true
    }

    /// How many of the `waiting` tasks to fetch now. A page that is not full is fetched only while no
    /// other is.
    pub(super) fn next_page(&self, waiting: usize) -> Option<usize> {
        let is_full = waiting >= self.page && self.fetching < CALLS;
        (waiting > 0 && (self.fetching == 0 || is_full)).then(|| self.page.min(waiting))
    }

    pub(super) fn sent(&mut self, read: Read) {
        match read {
            Read::Poll => self.polling += 1,
            Read::Fetch => self.fetching += 1,
        }
    }

    /// A poll ended, with or without news. The last of a round sets the time of the next.
    pub(super) fn polled(&mut self, now: Instant, news: bool) {
        self.polling -= 1;
        if news {
            self.pause = (now.duration_since(self.since) / PAUSE_PART).clamp(PAUSE.0, PAUSE.1);
        }
        if self.polling > 0 {
            return;
        }
        // Batches that are refused shrink until they name what is wrong, and may then grow again.
        if !std::mem::take(&mut self.refused) {
            self.batch = (self.batch * 2).min(BATCH);
        }
        self.next_poll = if self.closing == Closing::Due { now } else { self.next_after(now) };
        self.pause = (self.pause * 3 / 2).min(PAUSE.1);
    }

    /// A fetch ended; some of its tasks are to be polled `again`.
    pub(super) fn fetched(&mut self, now: Instant, again: bool) {
        self.fetching -= 1;
        if self.closing == Closing::Due {
            self.next_poll = now;
        } else if again {
            self.next_poll = self.next_poll.max(self.next_after(now));
        }
    }

    /// An answer could be read.
    pub(super) fn readable(&mut self, read: Read) {
        self.unreadable[read as usize] = None;
    }

    /// An answer could not be read; true if this has been so for too long.
    pub(super) fn is_unreadable(&mut self, read: Read, now: Instant) -> bool {
        let since = *self.unreadable[read as usize].get_or_insert(now);
        now.duration_since(since) >= UNREADABLE
    }

    /// A poll of `invocations` was refused: the next ones are smaller.
    pub(super) fn shrink_batch(&mut self, invocations: usize) {
        self.batch = self.batch.min(invocations / 2);
        self.refused = true;
        self.poll_again();
    }

    /// A page of `tasks` was too large, or could not be read: the next ones are smaller.
    pub(super) fn shrink_page(&mut self, tasks: usize) {
        self.page = self.page.min(tasks / 2).max(1);
        self.poll_again();
    }

    /// If this was the last poll, another is due, because it was not made in the right way.
    pub(super) fn poll_again(&mut self) {
        if self.closing == Closing::Begun {
            self.closing = Closing::Due;
        }
    }

    /// Polls a last time, the deadline having passed.
    pub(super) fn close(&mut self, now: Instant) {
        self.closing = Closing::Due;
        self.next_poll = now;
        self.deadline = now + LAST_POLL;
    }

    /// Forgets the calls that read.
    pub(super) fn forget_reads(&mut self) {
        (self.polling, self.fetching) = (0, 0);
    }

    /// The next step while `waiting` tasks are to be fetched and no call is answered.
    pub(super) fn next(&self, now: Instant, waiting: usize) -> Step {
        // A call that starts the command is waited for, because it may have started it.
        let deadline = (self.starting == 0).then_some(self.deadline);
        if deadline.is_some_and(|deadline| now >= deadline) {
            return if self.closing == Closing::No { Step::Close } else { Step::GiveUp };
        }
        let is_closing = self.closing == Closing::Begun;
        if is_closing && self.polling == 0 && self.fetching == 0 && waiting == 0 {
            return Step::GiveUp;
        }
        let next_poll = (self.polling == 0 && !is_closing).then_some(self.next_poll);
        let wake = [next_poll, deadline].into_iter().flatten().min();
        wake.map_or(Step::Wait, Step::Sleep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A pacer whose deadline is a minute after `begin`.
    fn pacer(begin: Instant) -> Pacer {
        Pacer::new(begin, begin + 60 * SECOND)
    }

    #[test]
    fn the_next_step() {
        use Closing::{Begun, Due, No};
        let begin = Instant::now();
        let sleep = |seconds| Step::Sleep(begin + Duration::from_secs_f64(seconds));
        // How far the end has come; calls that start, poll and fetch; tasks that wait; seconds.
        for (case, want) in [
            ((No, 0, 0, 0, 0, 0), sleep(0.1)),
            ((No, 0, 1, 0, 0, 0), sleep(60.0)),
            ((No, 1, 0, 0, 0, 0), sleep(0.1)),
            ((No, 1, 1, 0, 0, 0), Step::Wait),
            ((No, 0, 1, 1, 1, 60), Step::Close),
            ((No, 1, 1, 0, 0, 60), Step::Wait),
            ((Due, 0, 0, 1, 0, 1), sleep(0.1)),
            ((Due, 0, 0, 1, 0, 60), Step::GiveUp),
            ((Begun, 0, 1, 0, 0, 1), sleep(60.0)),
            ((Begun, 0, 0, 1, 0, 1), sleep(60.0)),
            ((Begun, 0, 0, 0, 1, 1), sleep(60.0)),
            ((Begun, 0, 0, 0, 0, 1), Step::GiveUp),
        ] {
            let (closing, starting, polling, fetching, waiting, now) = case;
            let pacer = Pacer { closing, starting, polling, fetching, ..pacer(begin) };
            assert_eq!(pacer.next(begin + now * SECOND, waiting), want, "{case:?}");
            let may_start = closing == No && now < 60;
            assert_eq!(pacer.may_start(begin + now * SECOND), may_start, "{case:?}");
        }
    }

    #[test]
    fn pauses_between_polls() {
        let begin = Instant::now();
        // Seconds at which a poll ends, whether with news, and milliseconds to the next one.
        for polls in [
            &[(0, false, 100), (1, false, 150), (2, false, 225)][..],
            &[(10, true, 500), (11, false, 750), (12, true, 600)],
            &[(1, true, 100), (2, true, 100)],
            &[(40, true, 2000), (41, false, 3000), (44, false, 4500), (49, false, 5000)],
        ] {
            let mut pacer = pacer(begin);
            for (at, news, pause) in polls {
                let now = begin + *at * SECOND;
                pacer.next_poll = now;
                assert!(pacer.begin_round(now), "{polls:?}");
                pacer.sent(Read::Poll);
                pacer.polled(now, *news);
                let due = now + Duration::from_millis(*pause);
                assert_eq!(pacer.next_poll, due, "{polls:?}: {at}");
                assert!(!pacer.begin_round(now), "{polls:?}");
            }
        }
        // A poll that is due later comes soon after a start, one that is due sooner stays so.
        for (due, hurried) in [(5000, 1100), (1050, 1050)] {
            let at = |millis| begin + Duration::from_millis(millis);
            let mut pacer = Pacer { next_poll: at(due), ..pacer(begin) };
            pacer.hurry(at(1000));
            assert_eq!(pacer.next_poll, at(hurried));
        }
    }

    #[test]
    fn polls_are_held_as_long_as_the_service_asks_but_the_last() {
        let begin = Instant::now();
        let at = |seconds: u32| begin + seconds * SECOND;
        let mut pacer = pacer(begin);
        pacer.hold(at(20));
        pacer.hold(at(10));
        pacer.sent(Read::Poll);
        pacer.polled(at(1), true);
        assert_eq!(pacer.next_poll, at(20));
        pacer.hurry(at(2));
        pacer.sent(Read::Fetch);
        pacer.fetched(at(3), true);
        assert_eq!(pacer.next_poll, at(20));
        pacer.close(at(4));
        assert!(pacer.begin_round(at(4)));
    }

    #[test]
    fn pages_and_batches() {
        for (page, fetching, waiting, want) in [
            (100, 0, 0, None),
            (100, 0, 1, Some(1)),
            (100, 0, 250, Some(100)),
            (100, 1, 99, None),
            (100, 1, 100, Some(100)),
            (50, 7, 60, Some(50)),
            (50, 8, 60, None),
        ] {
            let pacer = Pacer { page, fetching, ..pacer(Instant::now()) };
            assert_eq!(pacer.next_page(waiting), want, "{page} {fetching} {waiting}");
        }
        let begin = Instant::now();
        let mut pacer = pacer(begin);
        // The size of a refused batch, if it is, and that of the next.
        for (refused, next) in [(Some(20), 10), (Some(10), 5), (None, 10), (Some(3), 1), (None, 2)]
        {
            pacer.sent(Read::Poll);
            if let Some(batch) = refused {
                pacer.shrink_batch(batch);
            }
            pacer.polled(begin, false);
            assert_eq!(pacer.batch, next, "{refused:?}");
        }
        for (tasks, next) in [(100, 50), (80, 40), (1, 1)] {
            pacer.shrink_page(tasks);
            assert_eq!(pacer.page, next);
        }
    }

    #[test]
    fn the_last_poll() {
        let begin = Instant::now();
        let at = |seconds: u32| begin + seconds * SECOND;
        let mut pacer = pacer(begin);
        pacer.close(at(60));
        assert!(pacer.begin_round(at(60)) && !pacer.begin_round(at(60)), "it is made once");
        pacer.sent(Read::Poll);
        // Unless it was not made in the right way.
        pacer.poll_again();
        pacer.polled(at(61), false);
        assert!(pacer.begin_round(at(61)));
        // When the caller polls, when it was to be woken, whether it had an event: the deadline.
        for (now, due, returned, deadline) in
            [(62, 70, false, 70), (71, 70, false, 70), (72, 70, false, 82), (73, 80, true, 83)]
        {
            pacer.returned = returned;
            pacer.resume(at(now), at(due));
            assert_eq!(pacer.deadline, at(deadline), "{now}");
        }
    }

    #[test]
    fn unreadable_answers_are_tolerated_for_a_while() {
        let begin = Instant::now();
        let mut pacer = pacer(begin);
        for (at, is_too_long) in [(5, false), (34, false), (35, true)] {
            let now = begin + at * SECOND;
            assert_eq!(pacer.is_unreadable(Read::Poll, now), is_too_long, "{at}");
        }
        assert!(!pacer.is_unreadable(Read::Fetch, begin + 35 * SECOND));
        pacer.readable(Read::Poll);
        assert!(!pacer.is_unreadable(Read::Poll, begin + 35 * SECOND));
    }
}
