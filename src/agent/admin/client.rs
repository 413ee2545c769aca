//! One connection: its request, its answers, its end.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::{Answer, Code, LineError, Lines, MAX_REQUEST, Problem};

/// A client that takes nothing for this long is closed. A pager that waits for its reader is no fault; it is only kept from staying for good.
const WRITE_WITHIN: Duration = Duration::from_secs(60);

/// Why a client's request is over before its answer is complete.
#[derive(Debug, thiserror::Error)]
pub(super) enum Over {
    /// It hears why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// It is gone.
    #[error("the client has left")]
    Left,
    /// It does not read.
    #[error("the client took nothing for {WRITE_WITHIN:?}")]
    Stuck,
    /// The socket's error.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<LineError> for Over {
    fn from(wrong: LineError) -> Self {
        match wrong {
            LineError::TooLong(_) => Problem::new(Code::TooLong, wrong.to_string()).into(),
            LineError::Io(wrong) => wrong.into(),
        }
    }
}

/// A client's connection.
pub(super) struct Client {
    pub(super) lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    /// Answers that are not written yet. Bounded: every user of [`Client::say`] flushes before it says more than a few lines.
    out: BytesMut,
}

impl Client {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { lines: Lines::new(reader, MAX_REQUEST), writer, out: BytesMut::new() }
    }

    /// Puts an answer behind the others.
    pub(super) fn say(&mut self, answer: &Answer) {
        match serde_json::to_vec(answer) {
            Ok(line) => {
                self.out.extend_from_slice(&line);
                self.out.extend_from_slice(b"\n");
            }
            // Maps with keys of text and plain values can always be written.
            Err(wrong) => tracing::error!(%wrong, "an answer of the control socket cannot be written"),
        }
    }

    /// Writes what was said. Cancel-safe: what is not out yet stays.
    pub(super) async fn flush(&mut self) -> Result<(), Over> {
        while !self.out.is_empty() {
            match tokio::time::timeout(WRITE_WITHIN, self.writer.write_buf(&mut self.out)).await {
                Ok(written) => written.map(drop)?,
                Err(_) => return Err(Over::Stuck),
            }
        }
        Ok(())
    }
}
