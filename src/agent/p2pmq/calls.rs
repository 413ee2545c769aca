//! What stands in front of a service: who calls is known by the headers alone, and has so many calls at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tonic::Status;
use tonic::server::NamedService;
use tower::Service;

/// Calls of one caller at a time at one address, over all its connections: each may hold a whole message. A further one waits unread, within HTTP/2's windows, and
/// only for its own caller's.
pub const CALLS: usize = 256;

/// Callers by owner, with their places. There are no more of them than grants name.
#[derive(Debug, Clone, Default)]
pub(super) struct Callers(Arc<Mutex<HashMap<Arc<str>, Arc<Semaphore>>>>);

impl Callers {
    fn of(&self, owner: Arc<str>) -> Arc<Semaphore> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        callers.entry(owner).or_insert_with(|| Arc::new(Semaphore::new(CALLS))).clone()
    }
}

/// A service behind its door.
#[derive(Debug, Clone)]
pub(super) struct Calls<S, D> {
    inner: S,
    callers: Callers,
    door: D,
}

impl<S, D> Calls<S, D> {
    /// `door` answers whose call it is by what stands in front of its message; of one that it refuses no message is read.
    pub(super) fn new(inner: S, callers: Callers, door: D) -> Self {
        Self { inner, callers, door }
    }
}

impl<S: NamedService, D> NamedService for Calls<S, D> {
    const NAME: &'static str = S::NAME;
}

impl<S, D, B, A> Service<http::Request<B>> for Calls<S, D>
where
    S: Service<http::Request<B>, Response = http::Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
    D: Fn(&http::Request<B>) -> Result<Arc<str>, Status>,
    B: Send + 'static,
    A: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let owner = match (self.door)(&request) {
            Ok(owner) => owner,
            Err(refused) => return Box::pin(std::future::ready(Ok(refused.into_http()))),
        };
        let places = self.callers.of(owner);
        // The one that is ready is called; its twin is what is left for the next call.
        let twin = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, twin);
        Box::pin(async move {
            // Never closed: it is held here.
            let place = places.acquire_owned().await;
            let answer = inner.call(request).await;
            drop(place);
            answer
        })
    }
}

#[cfg(test)]
#[path = "calls_tests.rs"]
mod tests;
