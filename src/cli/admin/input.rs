//! Lines of a file or of standard input, from a thread of their own: reading cannot be cancelled, and must not hold up answers.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::sync::mpsc;

use crate::cli::{Exit, Failure};

/// Lines that are read ahead.
const AHEAD: usize = 64;

/// How a line stands for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is.
    Raw,
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl Encoding {
    /// The bytes of a line.
    pub(super) fn decode(self, line: Vec<u8>) -> Result<Vec<u8>, String> {
        match self {
            Self::Raw => Ok(line),
            Self::Base64 => BASE64.decode(line.trim_ascii()).map_err(|wrong| format!("is no base64: {wrong}")),
            Self::Hex => hex::decode(line.trim_ascii()).map_err(|wrong| format!("is no hex: {wrong}")),
        }
    }
}

/// Opens a file, or standard input where there is none, or it is called `-`.
pub(super) fn open(file: Option<&Path>) -> Result<Box<dyn Read + Send>, Failure> {
    match file.filter(|file| file.as_os_str() != "-") {
        None => Ok(Box::new(io::stdin())),
        Some(path) => match File::open(path) {
            Ok(file) => Ok(Box::new(file)),
            Err(wrong) => Err(Failure::new(Exit::NoInput, format!("{}: cannot be read: {wrong}", path.display()))),
        },
    }
}

/// Reads lines of at most `bound` bytes, without their newlines. The thread ends with the input, or with the receiver.
pub(super) fn lines(input: Box<dyn Read + Send>, bound: usize) -> Result<mpsc::Receiver<io::Result<Vec<u8>>>, Failure> {
    let (sender, lines) = mpsc::channel(AHEAD);
    let read = move || {
        let mut input = BufReader::new(input);
        while let Some(line) = next(&mut input, bound).transpose() {
            let last = line.is_err();
            if sender.blocking_send(line).is_err() || last {
                return;
            }
        }
    };
    let started = std::thread::Builder::new().name("input".to_owned()).spawn(read);
    started.map(|_| lines).map_err(|wrong| Failure::new(Exit::Internal, format!("cannot start a thread: {wrong}")))
}

fn next(input: &mut impl BufRead, bound: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // One more than the newline, which tells a line that is too long from one that just fits.
    let read = input.take(bound as u64 + 2).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > bound {
        let what = format!("has more than {bound} bytes, which no message of this network has");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(Some(line))
}
