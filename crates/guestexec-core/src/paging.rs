//! Lists that come in pages.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use futures_util::{Stream, StreamExt as _, stream::unfold};

use crate::{Answer, Error, ErrorKind};

/// The most pages without an item that are read one after another: a filter may leave a page empty, but not
/// all of them.
const MAX_EMPTY: usize = 100;

/// A call whose answer is one page of a list.
///
/// The builders of such operations are of this kind. It is what [`Pages`] and [`PageItems`] work with; a
/// program needs it only for code that serves any list.
pub trait Paged: Clone + Send + Sync {
    /// The content of an answer.
    type Page: Send;
    /// One item of the list.
    type Item: Send;
    /// The service's own account of a failure.
    type Detail: Send + Sync;

    /// The vendor's name of the operation.
    const OPERATION: &'static str;

    /// Asks for the page.
    fn fetch(self) -> impl Future<Output = Result<Answer<Self::Page>, Error<Self::Detail>>> + Send;

    /// How much of the list the page has, and where the next page begins.
    fn part(&self, page: &Self::Page) -> Part;

    /// The call for the part that begins there.
    #[must_use]
    fn beginning(self, at: Place) -> Self;

    /// Where the part that this call asks for begins; `None` at the list's own beginning.
    fn begin(&self) -> Option<Place>;

    /// The items of a page.
    fn into_items(page: Self::Page) -> Vec<Self::Item>;
}

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The number of items before it.
    Offset(u64),
    /// The service's own mark.
    Token(String),
}

/// A page, as a part of its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The items of the page, also those that cannot be read.
    pub count: usize,
    /// Where the next page begins.
    pub next: Option<Place>,
    /// False if the answer has what says where the list goes on, or its items, in a form that cannot be read:
    /// a part of the list would pass for all of it.
    pub is_readable: bool,
}

impl Part {
    /// A page of a list that is asked for by offset and whose length the service may tell.
    pub fn by_offset(offset: Option<u64>, count: usize, total: Option<u64>) -> Self {
        let end = offset.unwrap_or_default().saturating_add(count as u64);
        let is_last = count == 0 || total.is_some_and(|total| end >= total);
        let next = (!is_last).then_some(Place::Offset(end));
        Self { count, next, is_readable: true }
    }

    /// A page that names the mark of the next one; an empty mark is none.
    pub fn by_token(next: Option<&str>, count: usize, is_readable: bool) -> Self {
        let next = next.filter(|token| !token.is_empty());
        Self { count, next: next.map(|token| Place::Token(token.to_owned())), is_readable }
    }
}

type Fetched<C> = Result<Answer<<C as Paged>::Page>, Error<<C as Paged>::Detail>>;

/// The pages of a list, each asked for when the one before was taken. The stream ends after an error.
///
/// Where a list changes while it is read, a service that counts places may show an item twice or not at all.
///
/// ```
/// use guestexec_core::{Error, Paged, Pages};
///
/// /// Counts the pages of a list, such as `client.describe_commands()`.
/// async fn count<C: Paged + Send>(mut pages: Pages<'_, C>) -> Result<usize, Error<C::Detail>> {
///     let mut count = 0;
///     while let Some(page) = pages.next().await {
///         page?;
///         count += 1;
///     }
///     Ok(count)
/// }
/// ```
pub struct Pages<'a, C: Paged> {
    stream: Pin<Box<dyn Stream<Item = Fetched<C>> + Send + 'a>>,
}

/// The part of the list behind a page.
struct Ahead<C> {
    call: Option<C>,
    is_first: bool,
    empty: usize,
}

impl<'a, C: Paged + 'a> Pages<'a, C> {
    /// The pages from the one on that `call` asks for.
    pub fn new(call: C) -> Self {
        let ahead = Ahead { call: Some(call), is_first: true, empty: 0 };
        // An unfolded stream panics when it is polled after its end.
        Self { stream: Box::pin(unfold(ahead, step).fuse()) }
    }

    /// The next page; `None` after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Fetched<C>> {
        self.stream.next().await
    }
}

async fn step<C: Paged>(ahead: Ahead<C>) -> Option<(Fetched<C>, Ahead<C>)> {
    let call = ahead.call?;
    let end = Ahead { call: None, is_first: false, empty: 0 };
    let page = match call.clone().fetch().await {
        Ok(page) => page,
        Err(error) => return Some((Err(expired(error, ahead.is_first)), end)),
    };
    let part = call.part(&page);
    let odd = |message| Error::new(ErrorKind::Protocol, message).during(C::OPERATION);
    if !part.is_readable {
        return Some((Err(odd("the list has a form that cannot be read")), end));
    }
    let empty = if part.count == 0 { ahead.empty + 1 } else { 0 };
    let is_stuck = part.next.is_some() && (part.next == call.begin() || empty > MAX_EMPTY);
    if is_stuck {
        let says = "the service says that the list goes on, and gives nothing more of it";
        return Some((Err(odd(says)), end));
    }
    let call = part.next.map(|next| call.beginning(next));
    Some((Ok(page), Ahead { call, is_first: false, empty }))
}

/// Says of a list that expired what to do.
fn expired<D>(error: Error<D>, is_first: bool) -> Error<D> {
    let is_gone = error.status().is_some_and(|status| status.as_u16() == 410);
    match is_gone && !is_first {
        true => error.with_advice(
            "the service does not keep the rest of a list for so long: begin the list anew",
        ),
        false => error,
    }
}

impl<C: Paged> Stream for Pages<'_, C> {
    type Item = Fetched<C>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl<C: Paged> fmt::Debug for Pages<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({})", C::OPERATION)
    }
}

/// The items of a list, whose pages are asked for one after another. The stream ends after an error.
///
/// ```
/// use guestexec_core::{Error, PageItems, Paged};
///
/// /// Returns the first item of a list that is `wanted`; the pages after it are not asked for.
/// async fn find<C: Paged>(
///     mut items: PageItems<'_, C>,
///     wanted: impl Fn(&C::Item) -> bool,
/// ) -> Result<Option<C::Item>, Error<C::Detail>> {
///     while let Some(item) = items.next().await {
///         let item = item?;
///         if wanted(&item) {
///             return Ok(Some(item));
///         }
///     }
///     Ok(None)
/// }
/// ```
pub struct PageItems<'a, C: Paged> {
    pages: Pages<'a, C>,
    ready: vec::IntoIter<C::Item>,
}

impl<'a, C: Paged + 'a> PageItems<'a, C> {
    /// The items from the page on that `call` asks for.
    pub fn new(call: C) -> Self {
        Self { pages: Pages::new(call), ready: Vec::new().into_iter() }
    }

    /// The next item; `None` after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Result<C::Item, Error<C::Detail>>> {
        loop {
            if let Some(item) = self.ready.next() {
                return Some(Ok(item));
            }
            match self.pages.next().await? {
                Ok(page) => self.ready = C::into_items(page.into_inner()).into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// All items, in memory.
    ///
    /// # Errors
    /// The first one; what came before it is lost, unlike with [`next`](Self::next).
    pub async fn all(mut self) -> Result<Vec<C::Item>, Error<C::Detail>> {
        let mut all = Vec::new();
        while let Some(item) = self.next().await {
            all.push(item?);
        }
        Ok(all)
    }
}

impl<C: Paged> Stream for PageItems<'_, C>
where
    C::Item: Unpin,
{
    type Item = Result<C::Item, Error<C::Detail>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(item) = self.ready.next() {
                return Poll::Ready(Some(Ok(item)));
            }
            match Pin::new(&mut self.pages).poll_next(context) {
                Poll::Ready(Some(Ok(page))) => {
                    self.ready = C::into_items(page.into_inner()).into_iter();
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<C: Paged> fmt::Debug for PageItems<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageItems({}, {} ready)", C::OPERATION, self.ready.len())
    }
}
