//! Protobuf as frames. Everything that a frame cannot say is refused here, by name.

use std::time::Duration;

use pmq_protocol::wire::message::{
    Ack, AllowList, Credit, Delivered, Done, Granted, Item, Judged, Lost, Mark, Offered, Pause, Ping, Pong, Publish, Published, Refuse,
    Resume, Subscribe, Thresholds, Unjudged, Unsubscribe, Wanted,
};
use pmq_protocol::wire::{
    AllowOp, Cursor, Encoder, Frame, FrameError, GapReason, MarkOp, MessageId, Overflow, PublishStatus, Reason, RefuseCode, Roles,
    SessionId, Ticket, VERSION, Verdict, Window,
};

use super::proto::{self, frame::Body};

/// Why an entry is none.
type Bad = &'static str;

const NETWORK: Bad = "a network's index has 16 bits";
const ROLES: Bad = "unknown roles";

/// The frame that protobuf stands for.
///
/// # Errors
/// [`FrameError::Content`] names the entry and what is wrong with it; [`FrameError::Version`] for a hello or welcome of another version.
pub fn from_proto(encoder: &mut Encoder, frame: &proto::Frame) -> Result<Frame, FrameError> {
    let mut pack = Pack { encoder, session: SessionId(frame.session) };
    match frame.body.as_ref() {
        // A peer of a later version, or a frame of nothing.
        None => Err(FrameError::Kind(0)),
        Some(Body::Hello(it)) => {
            version(it.version)?;
            let software = it.software.as_str();
            let mut first = true;
            pack.all(&it.networks, |it| wanted(it, if std::mem::take(&mut first) { software } else { "" }))
        }
        Some(Body::Welcome(it)) => {
            version(it.version)?;
            pack.all(&it.networks, granted)
        }
        Some(Body::Validate(it)) => pack.all(&it.offers, offer),
        Some(Body::Verdicts(it)) => pack.all(&it.verdicts, verdict),
        Some(Body::Deliver(it)) => pack.all(&it.messages, delivered),
        Some(Body::Gaps(it)) => pack.all(&it.gaps, gap),
        Some(Body::Unverified(it)) => pack.all(&it.records, unverified),
        Some(Body::Acks(it)) => pack.all(&it.acks, |it| Ok(Ack { network: index(it.network)?, counter: it.counter })),
        Some(Body::Credits(it)) => pack.all(&it.credits, credit),
        Some(Body::Publishes(it)) => pack.all(&it.publishes, publish),
        Some(Body::Published(it)) => pack.all(&it.answers, published),
        Some(Body::Subscribe(it)) => {
            pack.all(&it.requests, |it| Ok(Subscribe { network: index(it.network)?, request: it.request, topic: &it.topic }))
        }
        Some(Body::Unsubscribe(it)) => {
            pack.all(&it.requests, |it| Ok(Unsubscribe { network: index(it.network)?, request: it.request, topic: &it.topic }))
        }
        Some(Body::Thresholds(it)) => pack.all(&it.requests, thresholds),
        Some(Body::Marks(it)) => pack.all(&it.requests, mark),
        Some(Body::AllowList(it)) => pack.all(&it.requests, allow),
        Some(Body::Pause(it)) => pack.all(&it.networks, |it| Ok(Pause { network: index(*it)? })),
        Some(Body::Resume(it)) => pack.all(&it.networks, |it| Ok(Resume { network: index(*it)? })),
        Some(Body::Ping(it)) => pack.all(&[it.nonce], |nonce| Ok(Ping { nonce: *nonce })),
        Some(Body::Pong(it)) => pack.all(&[it.nonce], |nonce| Ok(Pong { nonce: *nonce })),
        Some(Body::Refuse(it)) => pack.all(&it.refusals, refuse),
        Some(Body::Done(it)) => pack.all(&it.answers, |it| Ok(Done { network: index(it.network)?, request: it.request })),
    }
}

struct Pack<'e> {
    encoder: &'e mut Encoder,
    session: SessionId,
}

impl Pack<'_> {
    fn all<'a, P, I: Item<'a>>(&mut self, entries: &'a [P], mut from: impl FnMut(&'a P) -> Result<I, Bad>) -> Result<Frame, FrameError> {
        let mut items = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            items.push(from(entry).map_err(|what| FrameError::Content { kind: I::KIND, what: format!("entry {index}: {what}") })?);
        }
        self.encoder.frame(self.session, items)
    }
}

fn version(theirs: u32) -> Result<(), FrameError> {
    if theirs == u32::from(VERSION) { Ok(()) } else { Err(FrameError::Version { theirs: u16::try_from(theirs).unwrap_or(u16::MAX) }) }
}

fn index(network: u32) -> Result<u16, Bad> {
    network.try_into().map_err(|_| NETWORK)
}

fn roles(bits: u32) -> Result<Roles, Bad> {
    u8::try_from(bits).ok().and_then(Roles::from_bits).ok_or(ROLES)
}

/// A code of eight bits.
fn code<T>(number: u32, read: fn(u8) -> Option<T>, bad: Bad) -> Result<T, Bad> {
    u8::try_from(number).ok().and_then(read).ok_or(bad)
}

fn id(bytes: &[u8]) -> Result<MessageId, Bad> {
    MessageId::new(bytes).map_err(|_| "an id has at most 64 bytes")
}

fn window(window: Option<proto::Window>) -> Window {
    window.map_or(Window { messages: 0, bytes: 0 }, |window| Window { messages: window.messages, bytes: window.bytes })
}

fn cursor(cursor: Option<proto::Cursor>) -> Cursor {
    cursor.map_or_else(Cursor::default, |cursor| Cursor { stream: cursor.stream, counter: cursor.counter })
}

fn wanted<'a>(it: &'a proto::Wanted, software: &'a str) -> Result<Wanted<'a>, Bad> {
    Ok(Wanted {
        network: &it.network,
        roles: roles(it.roles)?,
        verify: window(it.verify),
        consume: window(it.consume),
        consumer: &it.consumer,
        group: &it.group,
        cursor: cursor(it.cursor),
        policy: if it.policy == 0 { None } else { Some(code(it.policy, Overflow::from_code, "unknown policy")?) },
        software,
    })
}

fn granted(it: &proto::Granted) -> Result<Granted<'_>, Bad> {
    Ok(Granted {
        network: &it.network,
        index: index(it.index)?,
        roles: roles(it.roles)?,
        cursor: cursor(it.cursor),
        deadline: Duration::from_micros(it.deadline_us),
        max_payload: it.max_payload,
        max_window: window(it.max_window),
    })
}

fn offer(it: &proto::Offer) -> Result<Offered<'_>, Bad> {
    Ok(Offered {
        network: index(it.network)?,
        ticket: Ticket(it.ticket),
        remaining: Duration::from_micros(it.remaining_us),
        topic: &it.topic,
        id: id(&it.id)?,
        payload: it.payload.clone(),
    })
}

fn verdict(it: &proto::Verdict) -> Result<Judged<'_>, Bad> {
    let result = u32::try_from(it.result).map_err(|_| "unknown verdict")?;
    Ok(Judged {
        network: index(it.network)?,
        ticket: Ticket(it.ticket),
        verdict: code(result, Verdict::from_code, "unknown verdict: take ACCEPT, IGNORE or REJECT")?,
        reason: it.reason.try_into().map_err(|_| "a reason has 16 bits")?,
        text: &it.text,
    })
}

fn delivered(it: &proto::Delivered) -> Result<Delivered<'_>, Bad> {
    Ok(Delivered { network: index(it.network)?, counter: it.counter, topic: &it.topic, id: id(&it.id)?, payload: it.payload.clone() })
}

fn gap(it: &proto::Gap) -> Result<Lost, Bad> {
    let reason = code(it.reason, GapReason::from_code, "unknown reason")?;
    Ok(Lost { network: index(it.network)?, from: it.from, to: it.to, count: it.count, reason })
}

fn unverified(it: &proto::Unverified) -> Result<Unjudged<'_>, Bad> {
    let cause = code(it.cause, Reason::from_code, "unknown cause")?;
    Ok(Unjudged { network: index(it.network)?, counter: it.counter, topic: &it.topic, cause, count: it.count })
}

fn credit(it: &proto::Credit) -> Result<Credit, Bad> {
    let role = roles(it.role)?;
    if role != Roles::VERIFY && role != Roles::CONSUME {
        return Err("credit is for verify (1) or consume (2)");
    }
    Ok(Credit { network: index(it.network)?, role, window: window(it.window) })
}

fn publish(it: &proto::Publish) -> Result<Publish<'_>, Bad> {
    Ok(Publish { network: index(it.network)?, request: it.request, topic: &it.topic, payload: it.payload.clone() })
}

fn published(it: &proto::Published) -> Result<Published<'_>, Bad> {
    Ok(Published {
        network: index(it.network)?,
        request: it.request,
        status: code(it.status, PublishStatus::from_code, "unknown status")?,
        id: id(&it.id)?,
        peers: it.peers,
        text: &it.text,
    })
}

fn thresholds(it: &proto::Thresholds) -> Result<Thresholds<'_>, Bad> {
    let proto::Thresholds { network, request, topic, skip, validity } = it;
    Ok(Thresholds { network: index(*network)?, request: *request, topic, skip: *skip, validity: *validity })
}

fn mark(it: &proto::Mark) -> Result<Mark<'_>, Bad> {
    Ok(Mark {
        network: index(it.network)?,
        request: it.request,
        topic: &it.topic,
        origin: it.origin[..].try_into().map_err(|_| "an origin has 32 bytes")?,
        epoch: it.epoch,
        seq: it.seq,
        action: code(it.action, MarkOp::from_code, "unknown action")?,
    })
}

fn allow(it: &proto::Allow) -> Result<AllowList<'_>, Bad> {
    let action = code(it.action, AllowOp::from_code, "unknown action")?;
    Ok(AllowList { network: index(it.network)?, request: it.request, action, peer: &it.peer })
}

fn refuse(it: &proto::Refuse) -> Result<Refuse<'_>, Bad> {
    let code = u16::try_from(it.code).ok().and_then(RefuseCode::from_code).ok_or("unknown code")?;
    Ok(Refuse { network: index(it.network)?, code, fatal: it.fatal, about: it.about, text: &it.text })
}
