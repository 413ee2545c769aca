//! What is fuzzed, one function per target: each takes any bytes and panics if something does not hold.
//! It answers whether the bytes got as far as they should: a seed that does not has gone stale.
//!
//! The fuzzers in `fuzz_targets/` run them on nightly; `tests/repository/corpus.rs` runs them on stable, over the corpus that is kept.

mod codecs;
mod config;
mod frame;
mod input;
mod proto;
mod seeds;
mod session;

pub use codecs::{codec_fixed, codec_json, codec_pmq, codec_protobuf, codec_raw};
pub use config::config;
pub use frame::frame;
pub use proto::proto;
pub use seeds::seeds;
pub use session::{session_agent, session_parent};

/// A target and its name, which is that of its corpus too.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("codec_fixed", codec_fixed),
    ("codec_json", codec_json),
    ("codec_pmq", codec_pmq),
    ("codec_protobuf", codec_protobuf),
    ("codec_raw", codec_raw),
    ("config", config),
    ("frame", frame),
    ("proto", proto),
    ("session_agent", session_agent),
    ("session_parent", session_parent),
];
