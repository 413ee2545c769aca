//! The frame reader: a stream of bytes in arbitrary pieces, and the entries of every frame in it.

use bytes::Bytes;
use pmq_protocol::wire::message::{
    Ack, AllowList, Credit, Delivered, Done, Granted, Judged, Lost, Mark, Offered, Pause, Ping, Pong, Publish, Published, Refuse, Resume,
    Subscribe, Thresholds, Unjudged, Unsubscribe, Wanted,
};
use pmq_protocol::wire::{Encoder, Frame, FrameBuffer, FrameError, Kind, Limits, Prefix};

/// Small, so that the fuzzer finds their edges.
const LIMITS: Limits = Limits { head: 4096, payloads: 4096 };

/// What a buffer may hold beyond one frame: one read, doubled as growing buffers are.
const SLACK: usize = 256 * 1024;

/// The first byte says in which pieces the rest comes.
///
/// - Nothing panics, and no more memory is held than the limits allow.
/// - The frames and what is left of the stream are the stream, byte by byte, however it was cut.
/// - What can be read can be written again: to the same bytes, or where a topic was spelled twice to fewer, and to the same entries.
///
/// Answers whether there was a frame, and every one could be read.
pub fn frame(data: &[u8]) -> bool {
    let Some((&pieces, stream)) = data.split_first() else { return false };
    let (frames, error) = read(stream, pieces);
    let (whole, same_error) = read(stream, 0);
    assert_eq!(frames.len(), whole.len(), "the pieces made a difference");
    assert_eq!(error, same_error, "the pieces made a difference");
    let mut good = !frames.is_empty();
    let mut seen = Vec::with_capacity(stream.len());
    for (frame, same) in frames.iter().zip(&whole) {
        let bytes = bytes(frame);
        assert_eq!(bytes, self::bytes(same), "the pieces made a difference");
        seen.extend_from_slice(&bytes);
        good &= entries(frame);
    }
    assert!(stream.starts_with(&seen), "the frames are not what came");
    assert!(error.is_some() || seen.len() == stream.len(), "bytes were swallowed");
    good
}

fn read(stream: &[u8], pieces: u8) -> (Vec<Frame>, Option<FrameError>) {
    let mut buffer = FrameBuffer::new(LIMITS);
    let mut frames = Vec::new();
    let mut rest = stream;
    // Any sequence will do that the one byte sets going.
    let mut size = pieces;
    while !rest.is_empty() {
        size = size.wrapping_mul(73).wrapping_add(41);
        let piece = if pieces == 0 { rest.len() } else { usize::from(size).min(rest.len()).max(1) };
        let (now, later) = rest.split_at(piece);
        buffer.room().extend_from_slice(now);
        rest = later;
        loop {
            match buffer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        // What a prefix announces is reserved when there is room made for it.
        let held = buffer.room().capacity();
        assert!(held <= LIMITS.head + LIMITS.payloads + SLACK + stream.len(), "{held} bytes are held");
    }
    (frames, buffer.finish().err())
}

/// The whole frame as it stands on a stream.
pub fn bytes(frame: &Frame) -> Vec<u8> {
    let mut out = frame.prefix.write().to_vec();
    out.extend_from_slice(&frame.head);
    frame.payloads.iter().for_each(|payload| out.extend_from_slice(payload));
    assert_eq!(out.len(), frame.prefix.frame_len(), "the prefix says another length");
    out
}

/// Reads a frame whole, as a stream transport hands it over. `None` for bytes that are not exactly one.
pub fn parse(bytes: &[u8], limits: Limits) -> Option<Frame> {
    let prefix = Prefix::read(bytes.first_chunk()?, limits).ok().filter(|prefix| prefix.frame_len() == bytes.len())?;
    let body = Bytes::copy_from_slice(&bytes[pmq_protocol::wire::PREFIX..]);
    let (head, payloads) = (body.slice(..prefix.head_len()), body.slice(prefix.head_len()..));
    Some(Frame { prefix, head, payloads: vec![payloads] })
}

/// Reads the entries of a frame as what its kind says, writes them, and reads that. `false` if they cannot be read.
pub fn entries(frame: &Frame) -> bool {
    // What is written again takes no more room than what was read.
    let limits = Limits { head: frame.prefix.head_len(), payloads: frame.prefix.payloads as usize };
    macro_rules! again {
        ($($kind:ident: $item:ty,)*) => { match frame.prefix.kind { $(Kind::$kind => {
            let Ok(items) = frame.items::<$item>() else { return false };
            assert_eq!(items.len(), usize::from(frame.prefix.count));
            let items: Vec<$item> = items.collect();
            assert_eq!(items.len(), usize::from(frame.prefix.count), "an entry was lost");
            let written = Encoder::new(limits).frame(frame.prefix.session, items.iter().cloned());
            let written = bytes(&written.unwrap_or_else(|error| panic!("{error}: {items:?}")));
            if !matches!(frame.prefix.kind, Kind::Validate | Kind::Deliver) || written.len() == frame.prefix.frame_len() {
                assert_eq!(written, bytes(frame), "written differently: {items:?}");
            }
            let parsed = parse(&written, limits).unwrap_or_else(|| panic!("no frame: {written:?}"));
            let same: Vec<$item> = parsed.items::<$item>().unwrap_or_else(|error| panic!("{error}")).collect();
            assert_eq!(items, same, "read differently");
        })* } };
    }
    again! {
        Hello: Wanted<'_>,
        Welcome: Granted<'_>,
        Validate: Offered<'_>,
        Verdict: Judged<'_>,
        Deliver: Delivered<'_>,
        Gap: Lost,
        Unverified: Unjudged<'_>,
        Ack: Ack,
        Credit: Credit,
        Publish: Publish<'_>,
        Published: Published<'_>,
        Subscribe: Subscribe<'_>,
        Unsubscribe: Unsubscribe<'_>,
        Thresholds: Thresholds<'_>,
        Mark: Mark<'_>,
        AllowList: AllowList<'_>,
        Pause: Pause,
        Resume: Resume,
        Ping: Ping,
        Pong: Pong,
        Refuse: Refuse<'_>,
        Done: Done,
    }
    true
}
