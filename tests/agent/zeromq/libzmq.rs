//! A parent on a libzmq DEALER. It blocks, so it runs on a thread of its own.

use std::time::{Duration, Instant};

use bytes::Bytes;
use pmq_protocol::session::{ParentEnd, ParentEvent, ParentTerms, Want};
use pmq_protocol::wire::{Cursor, Frame, Limits, PREFIX, Prefix, Roles, Window};

use pmq_testing::SOON;

pub const OPEN: &[u8] = b"PMQZ\x01";
pub const LEAVE: &[u8] = b"PMQZ\x00";

pub fn parts_of(frame: &Frame) -> Vec<Vec<u8>> {
    let first = [&frame.prefix.write()[..], &frame.head].concat();
    std::iter::once(first).chain(frame.payloads.iter().map(|payload| payload.to_vec())).collect()
}

pub fn frame_of(parts: Vec<Vec<u8>>) -> Frame {
    let mut parts = parts.into_iter().map(Bytes::from);
    let first = parts.next().unwrap();
    let prefix = Prefix::read(first[..PREFIX].try_into().unwrap(), Limits::default()).unwrap();
    assert_eq!(first.len(), PREFIX + prefix.head_len());
    let payloads: Vec<Bytes> = parts.collect();
    assert_eq!(payloads.iter().map(Bytes::len).sum::<usize>(), prefix.payloads as usize);
    Frame { prefix, head: first.slice(PREFIX..), payloads }
}

pub fn want(roles: Roles) -> Want {
    let window = Window { messages: 100, bytes: 1 << 20 };
    Want {
        network: "weather".into(),
        roles,
        verify: window,
        consume: window,
        consumer: "".into(),
        cursor: Cursor::default(),
        policy: None,
        group: "".into(),
    }
}

pub struct Parent {
    pub socket: zmq2::Socket,
    pub end: ParentEnd,
}

/// The agent has said leave.
#[derive(Debug)]
pub struct Left;

impl Parent {
    /// `url` is the agent's.
    pub fn open(url: &str, token: &[u8], heartbeats: i32) -> Self {
        let socket = zmq2::Context::new().socket(zmq2::DEALER).unwrap();
        socket.set_rcvtimeo(50).unwrap();
        socket.set_linger(500).unwrap();
        socket.set_heartbeat_ivl(heartbeats).unwrap();
        socket.connect(url.strip_prefix("zmq+").unwrap()).unwrap();
        let mut parent = Self { socket, end: end() };
        parent.socket.send_multipart([OPEN, token], 0).unwrap();
        parent.write();
        parent
    }

    pub fn attach(url: &str, token: &[u8]) -> Self {
        let mut parent = Self::open(url, token, 0);
        match parent.event().unwrap() {
            ParentEvent::Welcomed(_) => {}
            other => panic!("no welcome: {other:?}"),
        }
        parent
    }

    pub fn write(&mut self) {
        while let Some(frame) = self.end.poll_frame() {
            self.socket.send_multipart(parts_of(&frame), 0).unwrap();
        }
    }

    pub fn event(&mut self) -> Result<ParentEvent, Left> {
        let started = Instant::now();
        while started.elapsed() < SOON {
            if let Some(event) = self.end.poll_event() {
                return Ok(event);
            }
            match self.socket.recv_multipart(0) {
                Ok(parts) if parts == [LEAVE] => return Err(Left),
                Ok(parts) => self.end.receive(frame_of(parts), Instant::now()).unwrap(),
                Err(zmq2::Error::EAGAIN) => self.end.tick(Instant::now()).unwrap(),
                Err(error) => panic!("{error}"),
            }
            self.write();
        }
        panic!("no event")
    }

    /// Whether leave comes, whatever else does.
    pub fn is_left(&mut self, within: Duration) -> bool {
        let started = Instant::now();
        while started.elapsed() < within {
            match self.socket.recv_multipart(0) {
                Ok(parts) if parts == [LEAVE] => return true,
                Ok(_) | Err(zmq2::Error::EAGAIN) => {}
                Err(error) => panic!("{error}"),
            }
            // Silence is no reason to give up here; pings are what shows that the agent does not know us.
            let _ = self.end.tick(Instant::now());
            self.write();
        }
        false
    }
}

fn end() -> ParentEnd {
    ParentEnd::new(vec![want(Roles::VERIFY | Roles::CONSUME | Roles::PRODUCE)], "libzmq", ParentTerms::default(), Instant::now()).unwrap()
}
