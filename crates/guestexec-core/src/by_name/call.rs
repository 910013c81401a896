//! A call by its name, ready to be sent.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt as _,
    future::{BoxFuture, FutureExt as _},
    stream::BoxStream,
};
use hyper::body::Bytes;

use super::NamedOperation;
use crate::{
    Answer, Error, ErrorKind, Paged, Pages, Part, Place, Sending, Streamed, call::undocumented,
};

type Sent<E, T = Bytes> = Result<Answer<T>, E>;

/// A call of an operation by its name. It was read into the operation's own types; its limits are checked
/// when it is sent.
///
/// The client's methods `call_by_name` begin one.
///
/// ```
/// use guestexec_core::{Error, NamedCall};
///
/// /// Prints an answer or, of a list, each page of it.
/// async fn print<D>(call: NamedCall<'_, Error<D>>) -> Result<(), Error<D>> {
///     if call.operation().is_paged {
///         let mut pages = call.pages()?;
///         while let Some(page) = pages.next().await {
///             println!("{}", String::from_utf8_lossy(&page?));
///         }
///     } else if call.operation().is_streamed {
///         let mut log = call.send_streamed().await?.into_inner();
///         while let Ok(Some(bytes)) = log.chunk().await {
///             print!("{}", String::from_utf8_lossy(&bytes));
///         }
///     } else {
///         println!("{}", String::from_utf8_lossy(&call.send().await?));
///     }
///     Ok(())
/// }
/// ```
#[must_use = "nothing is sent before `send`"]
pub struct NamedCall<'a, E> {
    called: &'static NamedOperation,
    send: BoxFuture<'a, Sent<E>>,
    streamed: Option<BoxFuture<'a, Sent<E, Streamed>>>,
    pages: Option<BoxStream<'a, Sent<E>>>,
}

impl<'a, D> NamedCall<'a, Error<D>> {
    /// A call that its builder has finished.
    #[doc(hidden)]
    pub fn of<C: Sending<Detail = D> + 'a>(called: &'static NamedOperation, call: C) -> Self {
        Self { called, send: call.into_bytes().boxed(), streamed: None, pages: None }
    }

    /// One whose answer is a page of a list.
    #[doc(hidden)]
    pub fn of_list<C>(called: &'static NamedOperation, call: C) -> Self
    where
        C: Paged<Detail = D> + Sending<Detail = D, Content = <C as Paged>::Page> + 'a,
        D: Send + Sync,
    {
        let pages = Pages::new(AsBytes(call.clone())).map(|page| Ok(page?.map(|page| page.bytes)));
        Self { pages: Some(pages.boxed()), ..Self::of(called, call) }
    }

    /// Adds the way to send it that gives the body as it comes.
    #[doc(hidden)]
    pub fn streamed(
        mut self,
        send: impl Future<Output = Sent<Error<D>, Streamed>> + Send + 'a,
    ) -> Self {
        self.streamed = Some(send.boxed());
        self
    }

    /// The operation that is called.
    pub fn operation(&self) -> &'static NamedOperation {
        self.called
    }

    /// Sends the request, and returns the body of the answer as it came, as the `send_raw` of the
    /// operation's builder does.
    ///
    /// # Errors
    /// If a limit is violated (nothing is sent) or the call fails.
    pub async fn send(self) -> Result<Answer<Bytes>, Error<D>> {
        self.send.await
    }

    /// Sends the request, and returns the body of the answer as it comes, however long that takes.
    ///
    /// # Errors
    /// As [`send`](Self::send); `InvalidRequest`, if the operation's answer is no stream
    /// ([`NamedOperation::is_streamed`]).
    pub async fn send_streamed(self) -> Result<Answer<Streamed>, Error<D>> {
        let id = self.called.operation.id;
        match self.streamed {
            Some(streamed) => streamed.await,
            None => Err(without(id, "its answer comes at once: `send` gives it")),
        }
    }

    /// The pages of the list, from the one on that was asked for, each asked for when the one before was
    /// taken.
    ///
    /// # Errors
    /// `InvalidRequest`, if the operation has no pages ([`NamedOperation::is_paged`]).
    pub fn pages(self) -> Result<NamedPages<'a, Error<D>>, Error<D>> {
        let (id, called) = (self.called.operation.id, self.called);
        match self.pages {
            Some(stream) => Ok(NamedPages { called, stream }),
            None => Err(without(id, "its answer is no list that comes in pages")),
        }
    }
}

fn without<D>(id: &'static str, why: &str) -> Error<D> {
    Error::new(ErrorKind::InvalidRequest, why).during(id)
}

impl<E> fmt::Debug for NamedCall<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedCall({})", self.called.operation.id)
    }
}

/// The pages of a list, each as it came. The stream ends after an error.
pub struct NamedPages<'a, E> {
    called: &'static NamedOperation,
    stream: BoxStream<'a, Sent<E>>,
}

impl<E> NamedPages<'_, E> {
    /// The next page; `None` after the last one, and after an error.
    pub async fn next(&mut self) -> Option<Result<Answer<Bytes>, E>> {
        self.stream.next().await
    }
}

impl<E> Stream for NamedPages<'_, E> {
    type Item = Result<Answer<Bytes>, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(context)
    }
}

impl<E> fmt::Debug for NamedPages<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedPages({})", self.called.operation.id)
    }
}

/// A call whose pages stay as they came.
#[derive(Clone)]
struct AsBytes<C>(C);

/// A page as it came, and where its list goes on.
struct PageBytes {
    bytes: Bytes,
    part: Part,
}

impl<C, D: Send + Sync> Paged for AsBytes<C>
where
    C: Paged<Detail = D> + Sending<Detail = D, Content = <C as Paged>::Page>,
{
    type Page = PageBytes;
    type Item = ();
    type Detail = D;

    const OPERATION: &'static str = C::OPERATION;

    async fn fetch(self) -> Result<Answer<PageBytes>, Error<D>> {
        let answer = self.0.clone().into_bytes().await?;
        let read = C::read(Bytes::clone(&answer)).map_err(|error| {
            Error::new(ErrorKind::Protocol, undocumented(answer.len(), &error)).during(C::OPERATION)
        });
        let part = self.0.part(&read?);
        Ok(answer.map(|bytes| PageBytes { bytes, part }))
    }

    fn part(&self, page: &PageBytes) -> Part {
        page.part.clone()
    }

    fn beginning(self, at: Place) -> Self {
        Self(self.0.beginning(at))
    }

    fn begin(&self) -> Option<Place> {
        self.0.begin()
    }

    fn into_items(_: PageBytes) -> Vec<()> {
        Vec::new()
    }
}
