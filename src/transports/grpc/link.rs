//! The two halves of a call as a link's.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tonic::{Code, Status, Streaming};

use super::super::LinkError;
use super::super::ends::within;
use super::super::memory::{Closer, Receiver};
use super::from_proto::from_proto;
use super::into_proto::into_proto;
use super::split::split;
use super::{longest, proto};
use pmq_protocol::wire::{Encoder, Frame, FrameError, Limits};

/// How long a call that nobody reads any more may take to end by itself: until then what was sent last is still on its way.
const LINGER: Duration = Duration::from_secs(2);

/// Frames from the other end of a call.
#[derive(Debug)]
pub(in super::super) struct Reader {
    /// `None` when it is over.
    stream: Option<Streaming<proto::Frame>>,
    encoder: Encoder,
    limits: Limits,
    /// Ends the other half, which could go on waiting for an end that is gone.
    other_half: Closer,
    /// Whether a good end of this half is one of the call: a parent's is, for an agent may still have something to say.
    ends_call: bool,
}

impl Reader {
    /// An agent's: what a parent sends.
    #[cfg(feature = "listen")]
    pub(super) fn of_agent(stream: Streaming<proto::Frame>, limits: Limits, other_half: Closer) -> Self {
        Self::new(stream, limits, other_half, false)
    }

    /// A parent's: what the agent answers.
    pub(super) fn of_parent(stream: Streaming<proto::Frame>, limits: Limits, other_half: Closer) -> Self {
        Self::new(stream, limits, other_half, true)
    }

    fn new(stream: Streaming<proto::Frame>, limits: Limits, other_half: Closer, ends_call: bool) -> Self {
        // What fits no frame of any size is refused by the encoder, what is beyond this end's limits by those.
        let encoder = Encoder::new(Limits { head: usize::MAX, payloads: usize::MAX });
        Self { stream: Some(stream), encoder, limits, other_half, ends_call }
    }

    pub(in super::super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, LinkError>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        let error = match ready!(Pin::new(stream).poll_next(cx)) {
            Some(Ok(frame)) => {
                match from_proto(&mut self.encoder, &frame).and_then(|frame| within(&frame.prefix, self.limits).map(|()| frame)) {
                    Ok(frame) => return Poll::Ready(Some(Ok(frame))),
                    Err(error) => Some(error.into()),
                }
            }
            Some(Err(status)) => {
                let error = unreadable(&status, self.limits);
                if error.is_none() {
                    self.other_half.close();
                }
                error
            }
            None => {
                if self.ends_call {
                    self.other_half.close();
                }
                None
            }
        };
        // What comes behind an error is not read. The call goes on until this end has said why.
        self.stream = None;
        Poll::Ready(error.map(Err))
    }
}

/// What a status says about a message that could not be read; `None` if it only says that the other end is gone.
fn unreadable(status: &Status, limits: Limits) -> Option<LinkError> {
    match status.code() {
        // The codec's word for bytes that are no message, tonic's for what is no framing of one.
        Code::InvalidArgument | Code::Internal => Some(FrameError::Protobuf(status.message().to_owned()).into()),
        // tonic's word for a message that is announced longer than allowed; how long that is stands in its text alone.
        Code::OutOfRange => {
            let limit = longest(limits);
            let announced = status.message().split(' ').find_map(|word| word.parse().ok());
            Some(FrameError::TooLarge { part: "message", bytes: announced.unwrap_or(limit as u64 + 1), limit }.into())
        }
        _ => None,
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // Dropped as it stands, the stream would take with it what the other half has not sent yet.
        if let Some(mut stream) = self.stream.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let rest = async move { while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await {} };
            drop(runtime.spawn(tokio::time::timeout(LINGER, rest)));
        }
    }
}

/// Frames for the other end of a call, as far as it takes them. The bound is the pipe's.
#[derive(Debug)]
pub(super) struct Feed {
    frames: Receiver,
    /// What is left of the last frame, which was too long for one message.
    rest: VecDeque<proto::Frame>,
}

impl Feed {
    pub(super) fn new(frames: Receiver) -> Self {
        Self { frames, rest: VecDeque::new() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<proto::Frame, LinkError>>> {
        if let Some(next) = self.rest.pop_front() {
            return Poll::Ready(Some(Ok(next)));
        }
        self.frames.poll_frame(cx).map(|frame| frame.map(|frame| Ok(split(into_proto(&frame?)?, &mut self.rest))))
    }
}

/// The agent's answers.
#[cfg(feature = "listen")]
#[derive(Debug)]
pub(super) struct Answers(pub(super) Feed);

#[cfg(feature = "listen")]
impl Stream for Answers {
    type Item = Result<proto::Frame, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx).map(|frame| frame.map(|frame| frame.map_err(|error| Status::internal(error.to_string()))))
    }
}

/// A parent's requests. One that cannot be written ends them, which the agent sees as the parent's end.
#[derive(Debug)]
pub(super) struct Requests(pub(super) Feed);

impl Stream for Requests {
    type Item = proto::Frame;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx).map(|frame| match frame? {
            Ok(frame) => Some(frame),
            Err(error) => {
                tracing::error!(%error, "a frame cannot be sent");
                None
            }
        })
    }
}
