//! A bare Unix socket between two processes: the same bytes in the same vectored writes, prepared beforehand, read by nobody.

use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::oneshot;

use super::cell::{Cell, Figures};
use super::links::per_frame;
use super::load::Load;
use super::node::{Node, Setup, Work};
use super::sessions::payloads;
use crate::{now, rig};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{Encoder, Frame, Limits, MessageId, Offer, PREFIX, Prefix, SessionId, Ticket, Verdict};

/// Bytes that are read at once.
const READ: usize = 256 * 1024;
/// How long the other end may take to come or to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Nobody looks at it.
const SESSION: SessionId = SessionId(1);

/// Measures one cell.
///
/// # Errors
/// When a process or the socket fails.
pub(super) async fn measure(cell: Cell, dir: &Path, number: usize) -> anyhow::Result<Figures> {
    let path = dir.join(format!("{number}.sock"));
    let listener = tokio::net::UnixListener::bind(&path).with_context(|| format!("cannot bind {}", path.display()))?;
    let setup = Setup {
        work: Work::Raw,
        url: path.display().to_string(),
        key: None,
        window: (cell.in_flight, cell.window().bytes),
        size: cell.size,
    };
    let mut node = Node::start(&setup)?;
    let processes = vec![std::process::id(), node.pid()?];
    let (stream, _) = tokio::select! {
        accepted = listener.accept() => accepted?,
        wrong = node.ended() => return Err(wrong),
    };
    let stream = stream.into_std()?;
    // A thread of its own, so that nothing but the socket is in the way; it ends with its cell, for a thread of the runtime's would end, and take its CPU time along, in
    // somebody else's.
    let (done, figures) = oneshot::channel();
    let thread = std::thread::Builder::new().name("raw".to_owned()).spawn(move || {
        // A run that was given up listens no more.
        let _ = done.send(drive(stream, cell, processes));
    })?;
    let figures = figures.await.context("the driving thread has panicked")??;
    thread.join().map_err(|_| anyhow::anyhow!("the driving thread has panicked"))?;
    node.end().await?;
    Ok(figures)
}

fn drive(mut stream: UnixStream, cell: Cell, processes: Vec<u32>) -> anyhow::Result<Figures> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let batch = per_frame(&cell);
    let frame = offers(&cell, batch)?;
    let prefix = frame.prefix.write();
    let answer = length(&verdicts(batch)?);
    let mut load = Load::begin(cell, cell.window(), processes)?;
    let mut sent: VecDeque<Ticket> = VecDeque::new();
    let (mut ready, mut have, mut buffer) = (0, 0, vec![0; READ]);
    loop {
        let at = now();
        if load.over(at)? {
            return Ok(load.figures());
        }
        while let Some(ticket) = load.offer(at) {
            sent.push_back(ticket);
            ready += 1;
            if ready == batch {
                let parts = [&prefix[..], &frame.head].into_iter().chain(frame.payloads.iter().map(|payload| &payload[..]));
                write_all(&mut stream, &mut parts.map(IoSlice::new).collect::<Vec<_>>())?;
                ready = 0;
            }
        }
        if load.is_last() {
            // What did not fill a frame any more.
            sent.drain(sent.len() - ready..).for_each(|ticket| load.take_back(ticket));
            ready = 0;
            if sent.is_empty() {
                continue;
            }
        }
        if sent.len() == ready {
            let due = load.due().context("nothing is on its way")?;
            std::thread::sleep(Duration::from_nanos(due.saturating_sub(now())));
            continue;
        }
        have += read(&mut stream, &mut buffer)?;
        let at = now();
        while have >= answer {
            have -= answer;
            for ticket in sent.drain(..batch) {
                load.verdict(ticket, at)?;
            }
        }
    }
}

/// The other end: frames are counted by their lengths, and each is answered by as many verdicts as it has messages. Ends when the socket does.
///
/// # Errors
/// When nobody listens.
pub(super) fn answer(path: &Path) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(path).with_context(|| format!("cannot connect to {}", path.display()))?;
    let mut answers: Vec<Option<Vec<u8>>> = Vec::new();
    let mut buffer = vec![0; READ];
    // Of the frame that is coming: its prefix as far as it is there, and the bytes behind it that are missing.
    let (mut prefix, mut missing) = (Vec::with_capacity(PREFIX), 0_usize);
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(gone) if gone.kind() == ErrorKind::ConnectionReset => return Ok(()),
            Err(wrong) => return Err(wrong.into()),
        };
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            if missing == 0 {
                let (part, behind) = rest.split_at(rest.len().min(PREFIX - prefix.len()));
                prefix.extend_from_slice(part);
                rest = behind;
                let Some(bytes) = prefix.first_chunk::<PREFIX>() else { continue };
                let read = Prefix::read(bytes, Limits::default())?;
                missing = read.frame_len() - PREFIX;
            }
            let part = missing.min(rest.len());
            rest = &rest[part..];
            missing -= part;
            if missing == 0 {
                let messages = usize::from(u16::from_le_bytes([prefix[6], prefix[7]]));
                prefix.clear();
                if answers.len() <= messages {
                    answers.resize(messages + 1, None);
                }
                let answer = match &mut answers[messages] {
                    Some(answer) => answer,
                    none => none.insert(flat(&verdicts(messages)?)),
                };
                if let Err(gone) = stream.write_all(answer) {
                    return if matches!(gone.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) {
                        Ok(())
                    } else {
                        Err(gone.into())
                    };
                }
            }
        }
    }
}

fn offers(cell: &Cell, count: usize) -> anyhow::Result<Frame> {
    let (now, id, topic) = (Instant::now(), MessageId::new(&7_u64.to_be_bytes())?, Arc::<str>::from("prices"));
    let payloads = payloads(cell.size);
    let offer = |(at, payload): (u64, &bytes::Bytes)| Offer {
        ticket: Ticket(at),
        topic: topic.clone(),
        id,
        payload: payload.clone(),
        deadline: now + rig::DEADLINE,
    };
    let offers: Vec<Offer> = (0..).zip(payloads.iter().cycle().take(count)).map(offer).collect();
    let mut frames = Vec::with_capacity(1);
    Encoder::default().validate(SESSION, 0, &offers, now, &mut frames)?;
    frames.pop().context("offers make a frame")
}

fn verdicts(count: usize) -> anyhow::Result<Frame> {
    let judged = (0..count as u64).map(|at| Judged { network: 0, ticket: Ticket(at), verdict: Verdict::Accept, reason: 0, text: "" });
    Ok(Encoder::default().frame(SESSION, judged)?)
}

fn length(frame: &Frame) -> usize {
    frame.prefix.frame_len()
}

fn flat(frame: &Frame) -> Vec<u8> {
    [&frame.prefix.write()[..], &frame.head].concat()
}

fn read(stream: &mut UnixStream, buffer: &mut [u8]) -> anyhow::Result<usize> {
    match stream.read(buffer).context("no verdict has come")? {
        0 => bail!("the other end has left"),
        count => Ok(count),
    }
}

fn write_all(stream: &mut UnixStream, mut parts: &mut [IoSlice<'_>]) -> anyhow::Result<()> {
    IoSlice::advance_slices(&mut parts, 0);
    while !parts.is_empty() {
        match stream.write_vectored(parts).context("the other end takes no more")? {
            0 => bail!("the other end has left"),
            count => IoSlice::advance_slices(&mut parts, count),
        }
    }
    Ok(())
}

/// Where the socket is.
pub(super) fn path(url: &str) -> PathBuf {
    PathBuf::from(url)
}
