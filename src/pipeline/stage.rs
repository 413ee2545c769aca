//! What a stage is, and the glue that lifts it into a tower layer.
//!
//! ```text
//!   Inward(batch)  ---> outer.inward ---> inner.inward ---> core
//!   Inward(batch) <--- outer.outward <--- inner.outward <--+   what the inner stages settled
//!   Outward(batch) -------------------------------------> core
//!   Outward(batch) <--- outer.outward <--- inner.outward <--+   verdicts, expiries, fallbacks
//!   Own(batch) -------> outer.own ------> inner.own ------> core   nothing is settled, nothing is given back
//! ```
//!
//! # Invariants
//! - A message whose outcome a stage meets in [`Stage::outward`] has passed that stage's [`Stage::inward`] before, and was still live
//!   behind it. So what is taken going in is given back coming out, exactly once.
//! - All waiting is in `poll_ready`; `call` is finished when it returns, and its future's type says so.

use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tower::{BoxError, Layer, Service};

use super::{Batch, Command, Envelope, Header, Settled};
use pmq_protocol::InvalidSetting;

/// A synchronous room on a network's pipeline. No IO, no clock of its own, one owner.
pub trait Stage: Send {
    /// Its name in the network's file.
    fn name(&self) -> &'static str;

    /// Messages on their way in: settle what ends here (see [`Batch::settle_where`]), leave the rest live.
    fn inward(&mut self, batch: &mut Batch, now: Instant);

    /// Messages that this stage let pass, on their way out. An outcome may be softened, never hardened.
    fn outward(&mut self, settled: &mut [Settled], now: Instant) {
        let _ = (settled, now);
    }

    /// A message that our own parent has published: it has no outcome and takes no quota. A stage that keeps what it has seen marks it.
    fn own(&mut self, envelope: &mut Envelope, now: Instant) {
        let _ = (envelope, now);
    }

    /// Called about every 10 ms while the pipeline lives.
    fn tick(&mut self, now: Instant) {
        let _ = now;
    }

    /// Orders from the parent or the operator. A stage answers those that are its own and leaves the others alone.
    fn command(&mut self, command: &mut Command, now: Instant) {
        let _ = (command, now);
    }
}

/// What travels through a stack of stages.
#[derive(Debug)]
pub enum Pass {
    /// Messages from the overlay.
    Inward(Box<Batch>, Instant),
    /// Messages whose outcome became known behind the stack.
    Outward(Box<Batch>, Instant),
    /// Messages that our own parent has published, to be marked and handed back.
    Own(Box<Batch>, Instant),
    /// Time.
    Tick(Instant),
    /// An order to whichever stage it concerns.
    Command(Box<Command>, Instant),
}

/// A pipeline that cannot go on. The driver ends, is counted and started anew; a bad *message* is never a fault.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A layer of the library's user failed.
    #[error("a layer around the stages failed: {0}")]
    Layer(#[source] BoxError),
    /// A stage or layer panicked.
    #[error("a stage or a layer around the stages panicked: {0}")]
    Panicked(String),
    /// A layer waited where only `poll_ready` may wait.
    #[error("a layer around the stages waited inside `call`; all waiting belongs into `poll_ready`")]
    Waited,
    /// A layer answered another kind of pass than it was given.
    #[error("a layer around the stages answered a pass of another kind than it was given")]
    Swapped,
    /// A layer answered with fewer or more messages than it was given.
    #[error("a layer around the stages answered with fewer or more messages than it was given; settle a message instead of dropping it")]
    Kept,
}

impl Fault {
    /// What a panic's payload says.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panicked(text.unwrap_or("no message").to_owned())
    }
}

/// The one service type of a pipeline: object-safe, because its future is named.
pub type Stack = Box<dyn Service<Pass, Response = Pass, Error = Fault, Future = Ready<Result<Pass, Fault>>> + Send>;

/// A stage's settings, checked, from which the stage is built as often as the pipeline is (re)started.
pub trait Blueprint: Send + Sync + std::fmt::Debug {
    /// The stage's name in the network's file.
    fn name(&self) -> &'static str;

    /// Builds the stage with empty tables.
    fn build(&self) -> Box<dyn Stage>;

    /// Whether messages leave it with a [`Header`](super::Header).
    fn reads_header(&self) -> bool {
        false
    }

    /// Whether it cannot work without a [`Header`](super::Header).
    fn needs_header(&self) -> bool {
        false
    }

    /// Whether it acts on outcomes (gives back, commits), which only the stages before the validation queue see.
    fn needs_outcome(&self) -> bool {
        false
    }

    /// Looks at a message of our own before it is sent, as a neighbour's stage of the same settings would at its arrival. Takes the header
    /// that a stage before it has read, and answers the one that stages behind it find. For checks that need no table.
    ///
    /// # Errors
    /// Why neighbours would reject the message, and penalise this agent for it.
    fn own(&self, topic: &str, payload: &[u8], header: Option<Header>) -> Result<Option<Header>, String> {
        let _ = (topic, payload);
        Ok(header)
    }

    /// Settings that work, but probably not as they are meant, where `rate` messages a second come and verdicts have `deadline`.
    fn warnings(&self, rate: f64, deadline: Duration) -> Vec<InvalidSetting> {
        let _ = (rate, deadline);
        Vec::new()
    }

    /// Bytes of memory that the stage takes at most, at `rate` messages a second.
    fn memory(&self, rate: f64) -> u64 {
        let _ = rate;
        0
    }
}

/// The glue: a blueprint as a [`tower::Layer`] around the service behind it.
#[derive(Debug, Clone, Copy)]
pub struct StageLayer<'a>(pub &'a dyn Blueprint);

impl Layer<Stack> for StageLayer<'_> {
    type Service = Stack;

    fn layer(&self, inner: Stack) -> Stack {
        Box::new(StageService { stage: self.0.build(), inner })
    }
}

/// A stage wrapped around the service behind it.
struct StageService {
    stage: Box<dyn Stage>,
    inner: Stack,
}

impl Service<Pass> for StageService {
    type Response = Pass;
    type Error = Fault;
    type Future = Ready<Result<Pass, Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, pass: Pass) -> Self::Future {
        ready(self.pass(pass))
    }
}

impl StageService {
    fn pass(&mut self, pass: Pass) -> Result<Pass, Fault> {
        match pass {
            Pass::Inward(mut batch, now) => {
                self.stage.inward(&mut batch, now);
                // What is settled up to here never reached the inner stages, so this stage gives nothing back for it.
                let mark = batch.settled.len();
                let mut pass = self.inner.call(Pass::Inward(batch, now)).into_inner()?;
                if let Pass::Inward(batch, now) = &mut pass {
                    self.stage.outward(batch.settled.get_mut(mark..).unwrap_or_default(), *now);
                }
                Ok(pass)
            }
            Pass::Outward(batch, now) => {
                let mut pass = self.inner.call(Pass::Outward(batch, now)).into_inner()?;
                if let Pass::Outward(batch, now) = &mut pass {
                    self.stage.outward(&mut batch.settled, *now);
                }
                Ok(pass)
            }
            Pass::Own(mut batch, now) => {
                batch.live.iter_mut().for_each(|envelope| self.stage.own(envelope, now));
                self.inner.call(Pass::Own(batch, now)).into_inner()
            }
            Pass::Tick(now) => {
                self.stage.tick(now);
                self.inner.call(Pass::Tick(now)).into_inner()
            }
            Pass::Command(mut command, now) => {
                self.stage.command(&mut command, now);
                self.inner.call(Pass::Command(command, now)).into_inner()
            }
        }
    }
}

/// The innermost service: hands every pass back as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Core;

impl Service<Pass> for Core {
    type Response = Pass;
    type Error = Fault;
    type Future = Ready<Result<Pass, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, pass: Pass) -> Self::Future {
        ready(Ok(pass))
    }
}
