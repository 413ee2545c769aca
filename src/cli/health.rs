//! `pmq health`: asks a running agent's `/health`.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::output::print;
use super::{Exit, Failure, Globals, Output};

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 1024 * 1024;

/// Arguments of `pmq health`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The agent's HTTP address; else ops.listen of its configuration
    #[arg(long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
    /// How long the agent may take to answer
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

pub(super) fn run(arguments: &Args, globals: &Globals) -> Result<(), Failure> {
    let address = match arguments.address {
        Some(address) => address,
        None => {
            let ops = globals.load()?.settings.ops;
            if !ops.enabled {
                return Err(Failure::new(
                    Exit::Config,
                    "ops.enabled = false: the agent has no HTTP address to ask; set it to true, or give --address",
                ));
            }
            ops.listen
        }
    };
    let unavailable = |what: String| {
        Failure::new(Exit::Unavailable, format!("no health from the agent at {address}: {what}; is it running, with this ops.listen?"))
    };
    let answer = ask(address, arguments.timeout).map_err(|wrong| unavailable(wrong.to_string()))?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).ok_or_else(|| unavailable("not an HTTP answer".to_owned()))?;
    let health: Value = serde_json::from_str(body).map_err(|_| unavailable("not the answer of a PMQ agent".to_owned()))?;
    let ready = health.get("ready").and_then(Value::as_bool).ok_or_else(|| unavailable("not the answer of a PMQ agent".to_owned()))?;
    match globals.output {
        Output::Json => print(&health.to_string())?,
        Output::Text => print(&table(ready, &health))?,
    }
    if ready { Ok(()) } else { Err(Failure::said(Exit::Unavailable)) }
}

fn table(ready: bool, health: &Value) -> String {
    let mut text = String::from(if ready { "ready\n" } else { "not ready\n" });
    for (name, subsystem) in health.get("subsystems").and_then(Value::as_object).into_iter().flatten() {
        let state = if subsystem.get("ready").and_then(Value::as_bool).unwrap_or(false) { "ready" } else { "NOT READY" };
        let detail = match subsystem.get("detail") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(detail)) => detail.clone(),
            Some(detail) => detail.to_string(),
        };
        text += format!("  {name:<16} {state:<10} {detail}").trim_end();
        text.push('\n');
    }
    text
}

/// One HTTP/1.0 request: the answer ends with the connection, and is never chunked.
fn ask(address: SocketAddr, timeout: Duration) -> io::Result<String> {
    let end = Instant::now() + timeout;
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {timeout:?}"));
    let left = || Some(end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero()).ok_or_else(late);
    let mut stream = TcpStream::connect_timeout(&address, left()?)?;
    stream.set_write_timeout(Some(left()?))?;
    // One write: a server may answer and close as soon as it has seen enough.
    stream.write_all(format!("GET /health HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&buffer[..read]),
            Err(wrong) if matches!(wrong.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Err(late()),
            Err(wrong) if wrong.kind() == io::ErrorKind::Interrupted => {}
            Err(wrong) => return Err(wrong),
        }
        if answer.len() as u64 > MAX_ANSWER {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer does not end"));
        }
    }
    String::from_utf8(answer).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the answer is no text"))
}
