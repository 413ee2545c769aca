//! Frames as protobuf.

use pmq_protocol::wire::message::{
    Ack, AllowList, Credit, Delivered, Done, Granted, Item, Judged, Lost, Mark, Offered, Pause, Ping, Pong, Publish, Published, Refuse,
    Resume, Subscribe, Thresholds, Unjudged, Unsubscribe, Wanted,
};
use pmq_protocol::wire::{Cursor, Frame, FrameError, Kind, VERSION, Window};

use super::proto::{self, frame::Body};

/// The frame in protobuf, its payloads shared.
///
/// # Errors
/// [`FrameError`] for a frame whose content is none.
pub fn into_proto(frame: &Frame) -> Result<proto::Frame, FrameError> {
    let body = match frame.prefix.kind {
        Kind::Hello => hello(frame)?,
        Kind::Welcome => Body::Welcome(proto::Welcome { version: VERSION.into(), networks: all(frame, granted)? }),
        Kind::Validate => Body::Validate(proto::Validate { offers: all(frame, offer)? }),
        Kind::Verdict => Body::Verdicts(proto::Verdicts { verdicts: all(frame, verdict)? }),
        Kind::Deliver => Body::Deliver(proto::Deliver { messages: all(frame, delivered)? }),
        Kind::Gap => Body::Gaps(proto::Gaps { gaps: all(frame, gap)? }),
        Kind::Unverified => Body::Unverified(proto::UnverifiedRecords { records: all(frame, unverified)? }),
        Kind::Ack => {
            Body::Acks(proto::Acks { acks: all(frame, |ack: Ack| proto::Ack { network: ack.network.into(), counter: ack.counter })? })
        }
        Kind::Credit => Body::Credits(proto::Credits { credits: all(frame, credit)? }),
        Kind::Publish => Body::Publishes(proto::Publishes { publishes: all(frame, publish)? }),
        Kind::Published => Body::Published(proto::PublishedAnswers { answers: all(frame, published)? }),
        Kind::Subscribe => {
            Body::Subscribe(proto::Topics { requests: all(frame, |it: Subscribe<'_>| topic(it.network, it.request, it.topic))? })
        }
        Kind::Unsubscribe => {
            Body::Unsubscribe(proto::Topics { requests: all(frame, |it: Unsubscribe<'_>| topic(it.network, it.request, it.topic))? })
        }
        Kind::Thresholds => Body::Thresholds(proto::ThresholdsList { requests: all(frame, thresholds)? }),
        Kind::Mark => Body::Marks(proto::Marks { requests: all(frame, mark)? }),
        Kind::AllowList => Body::AllowList(proto::AllowList { requests: all(frame, allow)? }),
        Kind::Pause => Body::Pause(proto::Networks { networks: all(frame, |it: Pause| it.network.into())? }),
        Kind::Resume => Body::Resume(proto::Networks { networks: all(frame, |it: Resume| it.network.into())? }),
        Kind::Ping => Body::Ping(heartbeat(&all(frame, |it: Ping| it.nonce)?)),
        Kind::Pong => Body::Pong(heartbeat(&all(frame, |it: Pong| it.nonce)?)),
        Kind::Refuse => Body::Refuse(proto::Refusals { refusals: all(frame, refuse)? }),
        Kind::Done => Body::Done(proto::DoneAnswers {
            answers: all(frame, |it: Done| proto::Done { network: it.network.into(), request: it.request })?,
        }),
    };
    Ok(proto::Frame { session: frame.prefix.session.0, body: Some(body) })
}

fn all<'a, I: Item<'a>, P>(frame: &'a Frame, into: impl FnMut(I) -> P) -> Result<Vec<P>, FrameError> {
    Ok(frame.items::<I>()?.map(into).collect())
}

/// Of several in one frame the last one: an answer to it answers the others.
fn heartbeat(nonces: &[u64]) -> proto::Heartbeat {
    proto::Heartbeat { nonce: nonces.last().copied().unwrap_or_default() }
}

fn window(window: Window) -> Option<proto::Window> {
    Some(proto::Window { messages: window.messages, bytes: window.bytes })
}

fn cursor(cursor: Cursor) -> Option<proto::Cursor> {
    Some(proto::Cursor { stream: cursor.stream, counter: cursor.counter })
}

fn hello(frame: &Frame) -> Result<Body, FrameError> {
    let mut software = String::new();
    let wanted = |it: Wanted<'_>| {
        if software.is_empty() {
            it.software.clone_into(&mut software);
        }
        proto::Wanted {
            network: it.network.to_owned(),
            roles: it.roles.bits().into(),
            verify: window(it.verify),
            consume: window(it.consume),
            consumer: it.consumer.to_owned(),
            cursor: cursor(it.cursor),
            policy: it.policy.map_or(0, |policy| policy as u32),
            group: it.group.to_owned(),
        }
    };
    let networks = all(frame, wanted)?;
    Ok(Body::Hello(proto::Hello { version: VERSION.into(), software, networks }))
}

fn granted(it: Granted<'_>) -> proto::Granted {
    proto::Granted {
        network: it.network.to_owned(),
        index: it.index.into(),
        roles: it.roles.bits().into(),
        cursor: cursor(it.cursor),
        deadline_us: micros(it.deadline),
        max_payload: it.max_payload,
        max_window: window(it.max_window),
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn offer(it: Offered<'_>) -> proto::Offer {
    proto::Offer {
        network: it.network.into(),
        ticket: it.ticket.0,
        remaining_us: micros(it.remaining),
        topic: it.topic.to_owned(),
        id: it.id.as_bytes().to_vec().into(),
        payload: it.payload,
    }
}

fn verdict(it: Judged<'_>) -> proto::Verdict {
    proto::Verdict {
        network: it.network.into(),
        ticket: it.ticket.0,
        result: i32::from(it.verdict as u8),
        reason: it.reason.into(),
        text: it.text.to_owned(),
    }
}

fn delivered(it: Delivered<'_>) -> proto::Delivered {
    proto::Delivered {
        network: it.network.into(),
        counter: it.counter,
        topic: it.topic.to_owned(),
        id: it.id.as_bytes().to_vec().into(),
        payload: it.payload,
    }
}

fn gap(it: Lost) -> proto::Gap {
    proto::Gap { network: it.network.into(), from: it.from, to: it.to, count: it.count, reason: it.reason as u32 }
}

fn unverified(it: Unjudged<'_>) -> proto::Unverified {
    proto::Unverified {
        network: it.network.into(),
        counter: it.counter,
        topic: it.topic.to_owned(),
        cause: it.cause as u32,
        count: it.count,
    }
}

fn credit(it: Credit) -> proto::Credit {
    proto::Credit { network: it.network.into(), role: it.role.bits().into(), window: window(it.window) }
}

fn publish(it: Publish<'_>) -> proto::Publish {
    proto::Publish { network: it.network.into(), request: it.request, topic: it.topic.to_owned(), payload: it.payload }
}

fn published(it: Published<'_>) -> proto::Published {
    proto::Published {
        network: it.network.into(),
        request: it.request,
        status: it.status as u32,
        id: it.id.as_bytes().to_vec().into(),
        peers: it.peers,
        text: it.text.to_owned(),
    }
}

fn topic(network: u16, request: u64, topic: &str) -> proto::TopicRequest {
    proto::TopicRequest { network: network.into(), request, topic: topic.to_owned() }
}

fn thresholds(it: Thresholds<'_>) -> proto::Thresholds {
    let Thresholds { network, request, topic, skip, validity } = it;
    proto::Thresholds { network: network.into(), request, topic: topic.to_owned(), skip, validity }
}

fn mark(it: Mark<'_>) -> proto::Mark {
    proto::Mark {
        network: it.network.into(),
        request: it.request,
        topic: it.topic.to_owned(),
        origin: it.origin.to_vec().into(),
        epoch: it.epoch,
        seq: it.seq,
        action: it.action as u32,
    }
}

fn allow(it: AllowList<'_>) -> proto::Allow {
    proto::Allow { network: it.network.into(), request: it.request, action: it.action as u32, peer: it.peer.to_owned() }
}

fn refuse(it: Refuse<'_>) -> proto::Refuse {
    proto::Refuse { network: it.network.into(), code: it.code as u32, fatal: it.fatal, about: it.about, text: it.text.to_owned() }
}
