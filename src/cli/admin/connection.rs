//! The client's end of the control socket.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use crate::cli::{Exit, Failure};
use pmq_agent::admin::{Answer, Ask, Code, Lines, Problem, write};

/// Longest line of an answer, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// An agent that was asked.
pub(super) struct Connection {
    path: PathBuf,
    lines: Lines<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Connection {
    /// Connects and asks.
    pub(super) async fn ask(path: &Path, ask: &Ask) -> Result<Self, Failure> {
        let stream = UnixStream::connect(path).await.map_err(|wrong| refused(path, &wrong))?;
        let (reader, writer) = stream.into_split();
        let mut connection = Self { path: path.to_owned(), lines: Lines::new(reader, MAX_ANSWER), writer };
        // An agent that does not listen to us closes at once, after it has said why: the answer tells more than this error.
        let _ = connection.send(write(ask).as_bytes()).await;
        Ok(connection)
    }

    /// Sends a line.
    pub(super) async fn send(&mut self, line: &[u8]) -> io::Result<()> {
        self.writer.write_all(line).await?;
        self.writer.write_all(b"\n").await
    }

    /// No further line will follow.
    pub(super) async fn finish(&mut self) {
        // It fails when the agent has closed already, and then the answer says so.
        let _ = self.writer.shutdown().await;
    }

    /// The next answer, and its line as it came. Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<(Answer, Bytes), Failure> {
        let closed = |what: &str| {
            Failure::new(
                Exit::Unavailable,
                format!("the agent at {} {what} before its answer was complete; is it still running?", self.path.display()),
            )
        };
        let line = match self.lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return Err(closed("has closed the connection")),
            Err(wrong) => return Err(closed(&format!("cannot be heard ({wrong})"))),
        };
        match serde_json::from_slice(&line) {
            Ok(Answer::Error(problem)) => Err(failure(problem)),
            Ok(answer) => Ok((answer, line)),
            Err(_) => Err(self.foreign()),
        }
    }

    /// Something else was answered than was asked for.
    pub(super) fn foreign(&self) -> Failure {
        let text = format!(
            "what listens at {} does not answer as an agent of this version does; use the `pmq` of the agent's own version",
            self.path.display()
        );
        Failure::new(Exit::Protocol, text)
    }
}

fn refused(path: &Path, wrong: &io::Error) -> Failure {
    let path = path.display();
    match wrong.kind() {
        io::ErrorKind::PermissionDenied => {
            let text = format!("not permitted to ask the agent at {path}: {wrong}; run this command as the agent's user, or as root");
            Failure::new(Exit::NoPermission, text)
        }
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Failure::new(
            Exit::Unavailable,
            format!("no agent answers at {path}: {wrong}; is it running, with this control.path? --socket names another"),
        ),
        _ => Failure::new(Exit::Unavailable, format!("the agent at {path} cannot be asked: {wrong}")),
    }
}

fn failure(problem: Problem) -> Failure {
    let exit = match problem.code {
        Code::Version | Code::Other => Exit::Protocol,
        Code::NotPermitted => Exit::NoPermission,
        Code::BadRequest | Code::TooLong | Code::UnknownNetwork | Code::UnknownTopic => Exit::Usage,
        Code::Busy | Code::TooSlow | Code::ShuttingDown => Exit::Unavailable,
    };
    Failure::new(exit, problem.text)
}
