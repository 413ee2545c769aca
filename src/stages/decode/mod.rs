//! `decode`: who made this message, and which number does it bear?
//!
//! The codec is named in the network's file and stands behind the trait [`Codec`]; its settings stand beside its name:
//!
//! ```toml
//! [[stage]]
//! use = "decode"
//! codec = "fixed"
//! origin = { offset = 0, length = 20 }
//! sequence = { offset = 20, length = 8, endian = "big" }
//! ```
//! Bytes that the codec cannot read are a Reject. A header that an earlier `decode` has read stays: several codecs may share a network,
//! each reading what the ones before it left alone.

mod codec;
mod codecs;
mod fixed;
mod json;
mod pmq;
mod protobuf;
mod raw;
mod tag;

use std::sync::Arc;
use std::time::Instant;

pub use self::codec::{Codec, CodecSettings, Malformed};
pub use self::codecs::Codecs;
pub use self::fixed::{Endian, FixedSettings, Integer, Range, TagRange};
pub use self::json::{Form, JsonSettings, Pointer};
pub use self::pmq::PmqSettings;
pub use self::protobuf::{Path, ProtobufSettings};
pub use self::raw::RawSettings;
pub use self::tag::ContentTag;
use pmq_pipeline::{Batch, Blueprint, Envelope, Header, Outcome, Stage};
use pmq_protocol::wire::Reason;

const NAME: &str = "decode";

/// A checked `decode`: its codec.
#[derive(Debug, Clone)]
pub struct Decode {
    codec: Arc<dyn Codec>,
}

impl Decode {
    /// With that codec.
    #[must_use]
    pub fn new(codec: Arc<dyn Codec>) -> Self {
        Self { codec }
    }
}

impl Blueprint for Decode {
    fn name(&self) -> &'static str {
        NAME
    }

    fn build(&self) -> Box<dyn Stage> {
        Box::new(DecodeStage { codec: self.codec.clone() })
    }

    fn reads_header(&self) -> bool {
        self.codec.reads_header()
    }

    fn own(&self, topic: &str, payload: &[u8], header: Option<Header>) -> Result<Option<Header>, String> {
        if header.is_some() {
            return Ok(header);
        }
        self.codec.read(topic, payload).map_err(|malformed| malformed.to_string())
    }
}

/// The running stage. It keeps nothing.
struct DecodeStage {
    codec: Arc<dyn Codec>,
}

impl Stage for DecodeStage {
    fn name(&self) -> &'static str {
        NAME
    }

    fn inward(&mut self, batch: &mut Batch, _: Instant) {
        batch.settle_where(|envelope| {
            // A stage further out may have taken something for the header that is there, and gives it back by the same header.
            if envelope.header.is_some() {
                return None;
            }
            match self.codec.read(&envelope.arrival.topic.name, &envelope.arrival.payload) {
                Ok(header) => {
                    envelope.header = header;
                    None
                }
                Err(malformed) => {
                    tracing::debug!(topic = %envelope.arrival.topic.name, id = %envelope.arrival.id, %malformed, "unreadable message");
                    Some(Outcome::reject(Reason::Malformed))
                }
            }
        });
    }

    fn own(&mut self, envelope: &mut Envelope, _: Instant) {
        if envelope.header.is_none() {
            // What our own parent publishes and this codec cannot read bears no number that could be marked.
            envelope.header = self.codec.read(&envelope.arrival.topic.name, &envelope.arrival.payload).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests;
