//! What an operator asks of an agent: its control socket, and the commands that use it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::{Agent, program, soon};

impl Agent {
    pub fn control(&self) -> PathBuf {
        self.setup.socket.with_file_name("control.sock")
    }

    /// A command that asks this agent.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.setup.dir.path()).env_clear().args(arguments).arg("--socket").arg(self.control()).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub async fn asked(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let input = input.to_owned();
        let ran = tokio::task::spawn_blocking(move || {
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        });
        Ran::from(soon("the command's end", ran).await.unwrap())
    }

    /// A tap that sees everything from when this returns on.
    pub async fn tap(&self, request: &str) -> Lines {
        let mut lines = self.ask(request).await;
        assert!(lines.next().await["tapping"]["networks"].is_array());
        lines
    }

    pub async fn ask(&self, request: &str) -> Lines {
        let (reader, mut writer) = UnixStream::connect(self.control()).await.unwrap().into_split();
        writer.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        Lines { lines: BufReader::new(reader).lines(), writer }
    }
}

pub struct Lines {
    lines: tokio::io::Lines<BufReader<tokio::net::unix::OwnedReadHalf>>,
    pub writer: tokio::net::unix::OwnedWriteHalf,
}

impl Lines {
    pub async fn next(&mut self) -> Value {
        self.end().await.expect("the agent has closed the connection")
    }

    pub async fn end(&mut self) -> Option<Value> {
        let line = soon("a line", self.lines.next_line()).await.unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}
