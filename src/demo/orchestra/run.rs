//! What happens when: start, warm-up, rounds with two outages, drain, end.

use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::layout::{Place, WorkDir, prepare};
use super::observer::Observer;
use super::processes::{Death, Kind, Processes};
use super::topology::Topology;
use crate::args::Args;
use crate::parent::Order;
use crate::report::account::{Account, Role};
use crate::report::books::{Books, Kill};
use crate::report::facts::{Nanos, now, read};
use crate::report::table::{Foot, Table};

/// From the first process to a formed overlay at most.
const WARM_UP: Duration = Duration::from_secs(30);
/// From the last round to the last delivery at most.
const DRAIN: Duration = Duration::from_secs(10);
/// From SIGTERM to SIGKILL.
const END: Duration = Duration::from_secs(4);
/// Distance of two looks at the agents.
const LOOK: Duration = Duration::from_millis(500);
/// How long the victim's parent is down: within the verdict deadline of 4 s, and beyond it.
const OUTAGES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];

/// Why a run has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interrupted;

/// A run under way.
pub(crate) struct Run {
    pub(crate) args: Args,
    pub(crate) topology: Topology,
    pub(crate) work: WorkDir,
    pub(crate) places: Vec<Place>,
    pub(crate) processes: Processes,
    died: mpsc::Receiver<Death>,
    pub(crate) observer: Observer,
    table: Table,
    /// When rounds began.
    pub(crate) start: Nanos,
    pub(crate) kills: Vec<Kill>,
    /// Deaths that nobody here ordered.
    pub(crate) deaths: Vec<Death>,
}

/// What is done to the victim's parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Kill,
    Restart,
    End,
}

/// Steps with their times after the start. Both outages end while rounds go on.
fn schedule(seconds: u64) -> Vec<(Duration, Step)> {
    let whole = Duration::from_secs(seconds);
    let first = whole.mul_f64(0.15);
    let second = whole.mul_f64(0.4).max(first + OUTAGES[0] + Duration::from_millis(2500));
    vec![
        (first, Step::Kill),
        (first + OUTAGES[0], Step::Restart),
        (second, Step::Kill),
        (second + OUTAGES[1], Step::Restart),
        (whole, Step::End),
    ]
}

impl Run {
    /// Makes all files; starts nothing.
    ///
    /// # Errors
    /// When something cannot be written.
    pub(crate) fn new(args: Args) -> anyhow::Result<Self> {
        let mut topology = Topology::new(&args.networks.0, args.agents);
        topology.in_go(args.go_parents)?;
        let (work, places) = prepare(&args, &topology)?;
        let (processes, died) = Processes::new(places.len())?;
        let observer = Observer::new(&topology, &places, &args.networks.0);
        let (table, start, kills, deaths) = (Table::new(), 0, Vec::new(), Vec::new());
        Ok(Self { args, topology, work, places, processes, died, observer, table, start, kills, deaths })
    }

    /// The whole run. Every process has ended when it answers, however it answers.
    ///
    /// # Errors
    /// When the overlay does not form, or a process cannot be started.
    pub(crate) async fn run(&mut self) -> anyhow::Result<Result<(), Interrupted>> {
        let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let done = tokio::select! {
            done = self.phases() => done.map(Ok),
            interrupt = tokio::signal::ctrl_c() => interrupt.map(|()| Err(Interrupted)).context("cannot listen for Ctrl-C"),
            _ = terminated.recv() => Ok(Err(Interrupted)),
        };
        self.processes.end(END).await;
        done
    }

    async fn phases(&mut self) -> anyhow::Result<()> {
        for kind in [Kind::Agent, Kind::Parent] {
            for (node, place) in self.places.iter().enumerate() {
                self.processes.start(node, kind, place)?;
            }
            if kind == Kind::Agent {
                self.wait("agents answer", |observer| {
                    (observer.answering() < observer.nodes()).then(|| "some agent does not answer".to_owned())
                })
                .await?;
            }
        }
        self.wait("overlay forms", Observer::missing).await?;
        // Soon, and the same for all.
        self.start = now() + 300_000_000;
        for node in 0..self.places.len() {
            self.processes.tell(node, &Order::Start(self.start).line()).await;
        }
        self.rounds().await?;
        self.drain().await?;
        self.observer.look().await;
        self.draw("done");
        Ok(())
    }

    /// Looks until nothing is missing.
    async fn wait(&mut self, what: &str, missing: impl Fn(&Observer) -> Option<String>) -> anyhow::Result<()> {
        let deadline = Instant::now() + WARM_UP;
        let mut looks = tokio::time::interval(Duration::from_millis(200));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Ok(death) = self.died.try_recv() {
                let name = &self.topology.spots[death.node].name;
                let log = self.work.keep().join(name).join(format!("{}.log", death.kind.as_str()));
                anyhow::bail!("{name}'s {} ended at the start ({}); see {}", death.kind.as_str(), death.how, log.display());
            }
            self.observer.look().await;
            let Some(still) = missing(&self.observer) else { return Ok(()) };
            self.draw(&format!("until {what}: {still}"));
            if Instant::now() >= deadline {
                let logs = self.work.keep().display().to_string();
                anyhow::bail!("after {} s, {still}; logs are in {logs}", WARM_UP.as_secs());
            }
        }
    }

    async fn rounds(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now() + Duration::from_nanos(self.start.saturating_sub(now()));
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut note = "rounds";
        for (after, step) in schedule(self.args.seconds) {
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(begin + after) => break,
                    Some(death) = self.died.recv() => self.note_death(death),
                    _ = looks.tick() => {
                        self.observer.look().await;
                        self.draw(note);
                    }
                }
            }
            note = match step {
                Step::Kill => {
                    self.kill().await;
                    "one parent is down"
                }
                Step::Restart => {
                    self.restart().await?;
                    "rounds"
                }
                Step::End => "draining",
            };
        }
        Ok(())
    }

    async fn kill(&mut self) {
        self.kills.push(Kill { killed: now(), restarted: Nanos::MAX });
        self.processes.kill(self.topology.victim, Kind::Parent).await;
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        let victim = self.topology.victim;
        if let Some(kill) = self.kills.last_mut() {
            kill.restarted = now();
        }
        self.processes.start(victim, Kind::Parent, &self.places[victim])?;
        self.processes.tell(victim, &Order::Start(self.start).line()).await;
        Ok(())
    }

    fn note_death(&mut self, death: Death) {
        if !death.ordered {
            self.deaths.push(death);
        }
    }

    /// Until the books say that everything has come, or a bound is reached.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + DRAIN;
        let mut before = None;
        while Instant::now() < deadline {
            // The last rounds may still be taken over by other transmitters.
            tokio::time::sleep(Duration::from_millis(1200)).await;
            while let Ok(death) = self.died.try_recv() {
                self.note_death(death);
            }
            let books = self.books()?;
            let tallies: Vec<_> = self.args.networks.0.iter().map(|network| books.tally(*network)).collect();
            let settled = tallies.iter().all(|tally| tally.lost == 0).then(|| tallies.iter().map(|tally| tally.published).sum::<u64>());
            if settled.is_some() && settled == before {
                break;
            }
            before = settled;
            self.observer.look().await;
            self.draw("draining");
        }
        Ok(())
    }

    /// Whether both processes of a node lived, but for what was ordered.
    pub(crate) fn live(&self, node: usize) -> bool {
        !self.deaths.iter().any(|death| death.node == node)
    }

    /// What all parents have written so far.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn books(&self) -> anyhow::Result<Books> {
        let beside = self.topology.neighbours(self.topology.dishonest);
        let mut accounts = Vec::new();
        for (node, (spot, place)) in self.topology.spots.iter().zip(&self.places).enumerate() {
            let (beside_dishonest, live) = (beside.contains(&node), self.live(node));
            accounts.push(Account { role: spot.role, beside_dishonest, live, facts: read(&place.facts())? });
        }
        let validity = crate::args::ages(self.args.rate).validity;
        let (victim, witness) = (Some(self.topology.victim), Some(self.topology.witness));
        Ok(Books { accounts, victim, witness, kills: self.kills.clone(), validity })
    }

    /// Seconds into the rounds.
    pub(crate) fn seconds(&self, at: Nanos) -> f64 {
        at.saturating_sub(self.start) as f64 / 1e9
    }

    fn draw(&mut self, note: &str) {
        let rows: Vec<_> = self.args.networks.0.iter().map(|network| self.observer.row(*network)).collect();
        let elapsed = if self.start == 0 { 0.0 } else { self.seconds(now()) };
        let graylisted = self.observer.graylisted(|node| self.live(node)).map(|at| self.seconds(at));
        let mut note = note.to_owned();
        for death in &self.deaths {
            note.push_str(&format!("; {}'s {} is dead", self.topology.spots[death.node].name, death.kind.as_str()));
        }
        self.table.draw(&rows, &Foot { elapsed, note, score: self.observer.score(), graylisted });
    }

    /// Witnesses that did not live, by name: without them it is not known what was forwarded.
    pub(crate) fn lost_witnesses(&self) -> Vec<&str> {
        let witnesses = self.topology.spots.iter().enumerate().filter(|(_, spot)| spot.role == Role::Witness);
        witnesses.filter(|(node, _)| !self.live(*node)).map(|(_, spot)| spot.name.as_str()).collect()
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
