#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use tokio::sync::Notify;
use tower::ServiceExt as _;

use super::*;

/// Answers when it is told to; counts the calls that have reached it.
#[derive(Clone, Default)]
struct Slow {
    reached: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

impl Service<http::Request<&'static str>> for Slow {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<&'static str>) -> Self::Future {
        self.reached.fetch_add(1, Ordering::Relaxed);
        let go = self.go.clone();
        Box::pin(async move {
            go.notified().await;
            Ok(http::Response::new((*request.body()).to_owned()))
        })
    }
}

/// Whether it waits. Without a budget: what is counted here is not the runtime's.
fn waits<F: Future + Unpin>(call: &mut F) -> bool {
    tokio::task::unconstrained(call).now_or_never().is_none()
}

fn door(request: &http::Request<&'static str>) -> Result<Arc<str>, Status> {
    match *request.body() {
        "stranger" => Err(Status::unauthenticated("who are you?")),
        owner => Ok(owner.into()),
    }
}

#[tokio::test]
async fn a_caller_whose_calls_stall_holds_up_itself_alone() {
    let slow = Slow::default();
    let (one, two) = (Callers::default(), Callers::default());
    // The services of one address share the places.
    let [control, listen] = [(); 2].map(|()| Calls::new(slow.clone(), one.clone(), door));
    let elsewhere = Calls::new(slow.clone(), two, door);
    let call = |service: &Calls<Slow, _>, owner| Box::pin(service.clone().oneshot(http::Request::new(owner)));
    let mut stalled: Vec<_> = (0..CALLS).map(|_| call(&control, "one")).collect();
    assert!(stalled.iter_mut().all(waits));
    assert_eq!(slow.reached.load(Ordering::Relaxed), CALLS);
    let mut further = call(&listen, "one");
    assert!(waits(&mut further));
    assert_eq!(slow.reached.load(Ordering::Relaxed), CALLS, "one more than it may have");
    let mut others = [call(&control, "other"), call(&elsewhere, "one")];
    assert!(others.iter_mut().all(waits));
    assert_eq!(slow.reached.load(Ordering::Relaxed), CALLS + 2);
    // One that ends makes room, whichever way it ends.
    drop(stalled.pop());
    assert!(waits(&mut further));
    assert_eq!(slow.reached.load(Ordering::Relaxed), CALLS + 3);
    slow.go.notify_one();
    stalled.swap_remove(0).await.unwrap();
}

#[tokio::test]
async fn whom_the_door_refuses_reaches_nothing() {
    let slow = Slow::default();
    let service = Calls::new(slow.clone(), Callers::default(), door);
    let answer = service.oneshot(http::Request::new("stranger")).await.unwrap();
    assert_eq!(Status::from_header_map(answer.headers()).unwrap().message(), "who are you?");
    assert_eq!(slow.reached.load(Ordering::Relaxed), 0);
}
