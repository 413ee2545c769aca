//! Who is ready and who is not.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A live provider has this long to answer; then it counts as not ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// One subsystem's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Whether it does its work.
    pub ready: bool,
    /// What there is to say about it.
    pub detail: Value,
}

impl Status {
    /// Does its work.
    #[must_use]
    pub fn ready(detail: Value) -> Self {
        Self { ready: true, detail }
    }

    /// Does not, and why.
    #[must_use]
    pub fn not_ready(detail: impl Into<Value>) -> Self {
        Self { ready: false, detail: detail.into() }
    }
}

type Answer = Pin<Box<dyn Future<Output = Status> + Send>>;
type Provider = Arc<dyn Fn() -> Answer + Send + Sync>;

#[derive(Clone)]
enum Entry {
    Known(Status),
    Live(Provider),
}

/// Gathers the state of every subsystem; a clone is another handle to the same board.
///
/// # Invariants
/// - Ready only when at least one subsystem is registered and all of them say so: name those that are still to come with
///   [`expect`](Self::expect) first, and readiness cannot show too early.
/// - Bounded by the number of subsystems that the agent is made of.
#[derive(Clone)]
pub struct HealthBoard {
    inner: Arc<Inner>,
}

struct Inner {
    entries: Mutex<BTreeMap<String, Entry>>,
    started: Instant,
    /// Milliseconds from `started` to the last beat.
    beat: AtomicU64,
}

impl std::fmt::Debug for HealthBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthBoard").field("subsystems", &self.entries().keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl Default for HealthBoard {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthBoard {
    /// An empty board, which is not ready. Its birth counts as the first beat.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner { entries: Mutex::default(), started: Instant::now(), beat: AtomicU64::new(0) }) }
    }

    /// Names subsystems that are still to come; until they report they are not ready.
    pub fn expect<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let mut entries = self.entries();
        for name in names {
            entries.entry(name.to_owned()).or_insert_with(|| Entry::Known(Status::not_ready("starting")));
        }
    }

    /// Sets a subsystem's state.
    pub fn set(&self, name: &str, status: Status) {
        self.entries().insert(name.to_owned(), Entry::Known(status));
    }

    /// Asks `provider` for the subsystem's state whenever somebody looks. It has one second to answer.
    pub fn provide<F, A>(&self, name: &str, provider: F)
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Status> + Send + 'static,
    {
        self.entries().insert(name.to_owned(), Entry::Live(Arc::new(move || Box::pin(provider()))));
    }

    /// The main loop lives. Call it at least once a second.
    pub fn beat(&self) {
        let at = u64::try_from(self.inner.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.inner.beat.store(at, Ordering::Relaxed);
    }

    /// Time since the last beat.
    #[must_use]
    pub fn since_beat(&self) -> Duration {
        self.inner.started.elapsed().saturating_sub(Duration::from_millis(self.inner.beat.load(Ordering::Relaxed)))
    }

    /// Asks every subsystem, all at once.
    pub async fn report(&self) -> Report {
        let entries: Vec<_> = self.entries().iter().map(|(name, entry)| (name.clone(), entry.clone())).collect();
        let asked = entries.into_iter().map(|(name, entry)| async {
            let status = match entry {
                Entry::Known(status) => status,
                Entry::Live(provider) => tokio::time::timeout(ANSWER_WITHIN, provider())
                    .await
                    .unwrap_or_else(|_| Status::not_ready(format!("no answer within {ANSWER_WITHIN:?}"))),
            };
            (name, status)
        });
        Report { subsystems: futures::future::join_all(asked).await, uptime: self.inner.started.elapsed() }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        // No code that can panic runs under the lock.
        self.inner.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The board at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Every subsystem by name.
    pub subsystems: Vec<(String, Status)>,
    /// Time since the board was made.
    pub uptime: Duration,
}

impl Report {
    /// Whether every subsystem is ready, and there is one.
    #[must_use]
    pub fn ready(&self) -> bool {
        !self.subsystems.is_empty() && self.subsystems.iter().all(|(_, status)| status.ready)
    }

    /// The subsystems that are not ready, with what they say.
    pub fn missing(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.subsystems.iter().filter(|(_, status)| !status.ready).map(|(name, status)| (name.as_str(), &status.detail))
    }

    /// As `/health` shows it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let subsystems: serde_json::Map<_, _> = self
            .subsystems
            .iter()
            .map(|(name, status)| (name.clone(), json!({ "ready": status.ready, "detail": status.detail })))
            .collect();
        json!({
            "ready": self.ready(),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime_s": self.uptime.as_secs_f64(),
            "subsystems": subsystems,
        })
    }
}
