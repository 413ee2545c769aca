//! An agent's sessions, with a bench in the place of a network's driver.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::cell::{Cell, Door, Figures, Transport};
use super::load::Load;
use super::node::{Node, Setup, Work, verify};
use crate::{Pace, now, rig};
use pmq_pipeline::{BATCH_MESSAGES, DriverMessage, LinkMessage, LinkPort, VerifierTerms};
use pmq_protocol::wire::message::Judged;
use pmq_protocol::wire::{MessageId, Offer};

/// Frames and orders that the driver has not taken yet, as in the agent.
const UPS: usize = 1_024;
/// Different payloads that are handed out in turn, by count and by bytes: more than one, since no two messages lie in the same memory.
const PAYLOADS: (usize, usize) = (64, 16 << 20);

/// Measures one cell.
///
/// # Errors
/// When a process or a socket fails, or a verdict is missing.
pub(super) async fn measure(transport: Transport, cell: Cell, dir: &Path, number: usize) -> anyhow::Result<Figures> {
    let Door { listener, key, grants } = transport.open(dir, number).await?;
    let url = listener.address().to_string();
    let (ups, mut up) = mpsc::channel(UPS);
    let host = rig::Host::start(vec![rig::network(Arc::new(rig::plan(rig::EMPTY)?), ups)], vec![listener], grants).await?;
    let setup = Setup { work: Work::Verify, url, key, window: (cell.in_flight, cell.window().bytes), size: cell.size };
    if transport == Transport::Memory {
        let (stop, stopped) = oneshot::channel::<()>();
        let parent = tokio::spawn(async move {
            tokio::select! {
                ended = verify(&setup) => ended,
                _ = stopped => Ok(()),
            }
        });
        let figures = drive(&mut up, cell, vec![std::process::id()]).await?;
        // What the parent's end causes is of no interest, and must not hold up its session.
        drop(up);
        host.end().await?;
        drop(stop);
        parent.await??;
        return Ok(figures);
    }
    let mut node = Node::start(&setup)?;
    let processes = vec![std::process::id(), node.pid()?];
    let figures = tokio::select! {
        figures = drive(&mut up, cell, processes) => figures?,
        wrong = node.ended() => return Err(wrong),
    };
    node.end().await?;
    drop(up);
    host.end().await?;
    Ok(figures)
}

async fn attached(ups: &mut mpsc::Receiver<DriverMessage>) -> anyhow::Result<(LinkPort, VerifierTerms)> {
    loop {
        match ups.recv().await.context("the sessions have ended")? {
            DriverMessage::Attach { port, verify: Some(terms), opened, .. } => {
                if opened.send(None).is_ok() {
                    return Ok((port, terms));
                }
            }
            other => tracing::debug!(?other, "not a verifier's attachment"),
        }
    }
}

/// What a driver does with its links, without its pipeline.
async fn drive(ups: &mut mpsc::Receiver<DriverMessage>, cell: Cell, processes: Vec<u32>) -> anyhow::Result<Figures> {
    let (port, terms) = attached(ups).await?;
    let (topic, id) = (Arc::<str>::from("prices"), MessageId::new(&7_u64.to_be_bytes())?);
    let mut payloads = payloads(cell.size).into_iter().cycle();
    let begun = now();
    // An index of this pace is a nanosecond.
    let pace = Pace::new(begun, 1e9)?;
    let mut load = Load::begin(cell, terms.window, processes)?;
    let mut burst = Vec::with_capacity(BATCH_MESSAGES);
    loop {
        let at = now();
        if load.over(at)? {
            return Ok(load.figures());
        }
        let deadline = Instant::now() + rig::DEADLINE;
        while let Some(ticket) = load.offer(at) {
            let payload = payloads.next().context("there is a payload")?;
            let offer = Offer { ticket, topic: topic.clone(), id, payload, deadline };
            port.down.try_send((port.index, LinkMessage::Offer(offer))).context("the session has ended, or takes less than it said")?;
        }
        tokio::select! {
            biased;
            count = ups.recv_many(&mut burst, BATCH_MESSAGES) => anyhow::ensure!(count > 0, "the sessions have ended"),
            waited = pace.wait(load.due().unwrap_or(begun).saturating_sub(begun)), if load.due().is_some() => waited?,
        }
        let at = now();
        for up in burst.drain(..) {
            match up {
                DriverMessage::Verdicts(_, _, frame, _) => {
                    frame.items::<Judged<'_>>()?.try_for_each(|judged| load.verdict(judged.ticket, at))?;
                }
                DriverMessage::Gone(_) => bail!("the parent has left"),
                other => tracing::debug!(?other, "not a verdict"),
            }
        }
    }
}

/// What is handed out in turn.
pub(super) fn payloads(size: usize) -> Vec<Bytes> {
    let count = (PAYLOADS.1 / size.max(1)).clamp(1, PAYLOADS.0);
    (0..count).map(|_| Bytes::from(vec![7; size])).collect()
}
