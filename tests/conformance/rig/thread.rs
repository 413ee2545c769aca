//! An agent in a thread of the test, for the transport that ends in one process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pmq_config::{Request, load};
use pmq_protocol::wire::Limits;
use pmq_transports::Listener;
use tokio::sync::oneshot;

use pmq_testing::{Setup, soon};

/// A running agent, on a runtime of its own with a single thread.
pub struct Thread {
    setup: Setup,
    kill: oneshot::Sender<()>,
    dead: oneshot::Receiver<()>,
    thread: std::thread::JoinHandle<()>,
    /// What this agent alone has counted: its metrics go to a recorder of its thread's own.
    pub metrics: PrometheusHandle,
}

impl Thread {
    pub fn start(setup: Setup, url: &str) -> Self {
        // Writes the files.
        drop(setup.command());
        let request = Request { file: Some(setup.dir.path().join("pmq.toml")), ..Request::default() };
        let config = load(&request).unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let (kill, killed) = oneshot::channel();
        let (gone, dead) = oneshot::channel();
        let address = url.parse().unwrap();
        let body = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let agent = async {
                let listener = Listener::bind(&address, 10_000, Limits::default()).await.unwrap();
                tokio::select! {
                    ended = pmq_agent::Agent::builder(config.settings).listener(listener).build().run(std::future::pending()) => panic!("the agent has ended: {ended:?}"),
                    _ = killed => {}
                }
            };
            metrics::with_local_recorder(&recorder, || {
                runtime.block_on(agent);
                // Whatever runs is dropped where it stands.
                runtime.shutdown_background();
            });
            let _ = gone.send(());
        };
        let thread = std::thread::Builder::new().name("agent".to_owned()).spawn(body).unwrap();
        Self { setup, kill, dead, thread, metrics }
    }

    /// Whether it lives. It ends by itself only by a panic, which says why.
    pub fn lives(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Drops the runtime; answers the files for another start.
    pub async fn kill(self) -> Setup {
        // Dropped is killed, too.
        let _ = self.kill.send(());
        soon("the agent's end", self.dead).await.expect("the agent's thread has panicked");
        self.setup
    }
}
