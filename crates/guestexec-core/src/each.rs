//! One command on each of many targets.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::{BoxStream, Fuse, SelectAll, once},
};

/// A command on each of many targets: a stream of their results, in the order in which they come.
///
/// A target is asked for when there is room to run the command on it, so a list is read page by page, and the
/// first results come before the last commands begin. In memory are the commands that run, one page of the list,
/// and the names that the list has shown. The commands go on only while the stream is polled. Dropping it ends
/// the waiting for those that run, and begins no other.
///
/// ```
/// use guestexec_core::Each;
///
/// /// Counts what comes of at most four commands at a time.
/// async fn count<'a, I: Send + 'a>(each: Each<'a, I>) -> usize {
///     let mut each = each.concurrency(4);
///     let mut count = 0;
///     while each.next().await.is_some() {
///         count += 1;
///     }
///     count
/// }
/// ```
#[must_use = "nothing runs until it is awaited or its results are taken"]
pub struct Each<'a, I> {
    targets: Box<dyn Targets<'a, I> + 'a>,
    running: SelectAll<Unit<'a, I>>,
    /// The targets that have no result yet.
    open: usize,
    concurrency: usize,
    batch: usize,
    is_listed: bool,
}

/// The results of one command on one or more targets, and on how many of these it runs.
struct Unit<'a, I> {
    results: Fuse<BoxStream<'a, I>>,
    open: usize,
}

/// How many targets have ended, and the result of one; at the end without one, those that have none.
impl<I> Stream for Unit<'_, I> {
    type Item = (usize, Option<I>);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.results.poll_next_unpin(context)) {
            Some(result) => {
                let ended = self.open.min(1);
                self.open -= ended;
                Poll::Ready(Some((ended, Some(result))))
            }
            None => {
                let left = std::mem::take(&mut self.open);
                Poll::Ready((left > 0).then_some((left, None)))
            }
        }
    }
}

/// The next of the targets.
enum Next<'a, I> {
    /// The command was begun on so many of them.
    Begun(usize, BoxStream<'a, I>),
    /// There is a result, and no target.
    Result(I),
}

trait Targets<'a, I>: Send {
    /// Begins the command on the next targets, `size` at a time, unless there is no `room` for them.
    fn poll_begin(
        &mut self,
        context: &mut Context<'_>,
        size: usize,
        room: usize,
    ) -> Poll<Option<Next<'a, I>>>;
}

struct Listed<S, T, B> {
    list: Pin<Box<S>>,
    waiting: Vec<T>,
    begin: B,
    is_over: bool,
}

impl<'a, I, S, T, B> Targets<'a, I> for Listed<S, T, B>
where
    S: Stream<Item = Result<T, I>> + Send,
    T: Send,
    B: Fn(Vec<T>) -> BoxStream<'a, I> + Send,
{
    fn poll_begin(
        &mut self,
        context: &mut Context<'_>,
        size: usize,
        room: usize,
    ) -> Poll<Option<Next<'a, I>>> {
        loop {
            let count = self.waiting.len().min(size);
            if count == size || (self.is_over && count > 0) {
                if count > room {
                    return Poll::Pending;
                }
                let batch = self.waiting.drain(..count).collect();
                return Poll::Ready(Some(Next::Begun(count, (self.begin)(batch))));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            if count >= room {
                return Poll::Pending;
            }
            match self.list.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(target))) => self.waiting.push(target),
                Poll::Ready(Some(Err(result))) => return Poll::Ready(Some(Next::Result(result))),
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<'a, I: Send + 'a> Each<'a, I> {
    /// The commands that `begin` makes, one for each target; an error in the list is a result.
    #[doc(hidden)]
    pub fn one_by_one<T, F>(
        concurrency: usize,
        list: impl Stream<Item = Result<T, I>> + Send + 'a,
        begin: impl Fn(T) -> F + Send + 'a,
    ) -> Self
    where
        T: Send + 'a,
        F: Future<Output = I> + Send + 'a,
    {
        let begin = move |mut targets: Vec<T>| match targets.pop() {
            Some(target) => once(begin(target)).boxed(),
            None => futures_util::stream::empty().boxed(),
        };
        Self::in_batches(concurrency, 1, list, begin)
    }

    /// The commands that `begin` makes, one for at most `batch` targets, of which each has one result.
    #[doc(hidden)]
    pub fn in_batches<T: Send + 'a>(
        concurrency: usize,
        batch: usize,
        list: impl Stream<Item = Result<T, I>> + Send + 'a,
        begin: impl Fn(Vec<T>) -> BoxStream<'a, I> + Send + 'a,
    ) -> Self {
        let list = Box::pin(list);
        Self {
            targets: Box::new(Listed { list, waiting: Vec::new(), begin, is_over: false }),
            running: SelectAll::new(),
            open: 0,
            concurrency,
            batch,
            is_listed: false,
        }
    }

    /// Sets on how many targets the command may run at once, at least 1. What makes the handle states the
    /// default; there is no upper limit but what service and machine can take.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.concurrency = most.max(1);
        self
    }

    /// Waits for the next result; none once every target has one.
    pub async fn next(&mut self) -> Option<I> {
        futures_util::StreamExt::next(self).await
    }
}

impl<I> Stream for Each<'_, I> {
    type Item = I;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<I>> {
        let each = self.get_mut();
        loop {
            while !each.is_listed && each.open < each.concurrency {
                let size = each.batch.min(each.concurrency);
                let room = each.concurrency - each.open;
                match each.targets.poll_begin(context, size, room) {
                    Poll::Ready(Some(Next::Begun(count, results))) => {
                        each.open += count;
                        each.running.push(Unit { results: results.fuse(), open: count });
                    }
                    Poll::Ready(Some(Next::Result(result))) => return Poll::Ready(Some(result)),
                    Poll::Ready(None) => each.is_listed = true,
                    Poll::Pending => break,
                }
            }
            match each.running.poll_next_unpin(context) {
                Poll::Ready(Some((ended, result))) => {
                    each.open -= ended;
                    if result.is_some() {
                        return Poll::Ready(result);
                    }
                }
                Poll::Ready(None) if each.is_listed => return Poll::Ready(None),
                _ => return Poll::Pending,
            }
        }
    }
}

/// All results, in the order in which they come.
impl<'a, I: Send + 'a> IntoFuture for Each<'a, I> {
    type Output = Vec<I>;
    type IntoFuture = Pin<Box<dyn Future<Output = Vec<I>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.collect())
    }
}

impl<I> fmt::Debug for Each<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Each({} running, {} at once)", self.open, self.concurrency)
    }
}

#[cfg(test)]
mod tests;
