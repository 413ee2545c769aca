//! Any tower layer around a pipeline's stages.

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures::FutureExt;
use tower::{BoxError, Layer, Service};

use super::{Fault, Pass, Pipeline, Stack};

/// Fits a service with any future under a pipeline, which never waits in `call`: a future that is not finished at once is a [`Fault::Waited`].
#[derive(Debug)]
pub struct Wrapped<S>(pub S);

impl<S> Service<Pass> for Wrapped<S>
where
    S: Service<Pass, Response = Pass>,
    S::Error: Into<BoxError>,
{
    type Response = Pass;
    type Error = Fault;
    type Future = Ready<Result<Pass, Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.0.poll_ready(cx).map_err(|error| Fault::Layer(error.into()))
    }

    fn call(&mut self, pass: Pass) -> Self::Future {
        ready(match self.0.call(pass).now_or_never() {
            Some(answer) => answer.map_err(|error| Fault::Layer(error.into())),
            None => Err(Fault::Waited),
        })
    }
}

/// Any tower layer whose service is one of passes, and waits in `poll_ready` alone.
pub trait PipelineLayer {
    /// As [`Pipeline::wrap`].
    #[must_use]
    fn wrap(&self, pipeline: Pipeline) -> Pipeline;
}

impl<L> PipelineLayer for L
where
    L: Layer<Stack>,
    L::Service: Service<Pass, Response = Pass> + Send + 'static,
    <L::Service as Service<Pass>>::Error: Into<BoxError>,
    <L::Service as Service<Pass>>::Future: Send,
{
    fn wrap(&self, pipeline: Pipeline) -> Pipeline {
        pipeline.wrap(self)
    }
}
