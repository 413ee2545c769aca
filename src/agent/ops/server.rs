//! The HTTP server.

use std::fmt::Write as _;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::HealthBoard;
use super::guard::Guarded;
use super::settings::Settings;

/// How often the recorder's buffers are folded, which bounds them.
const UPKEEP: Duration = Duration::from_secs(5);
/// Requests under way have this long to finish when the agent leaves.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// The operator's address cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The port is taken, or the address is not ours.
    #[error("cannot bind {listen}: {source}; choose another address or port (0 takes a free one), or ops.enabled = false")]
    Bind {
        /// As configured.
        listen: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The server ended.
    #[error("the server at ops.listen failed: {0}")]
    Serve(#[source] io::Error),
}

/// The bound server, not yet serving.
pub struct Ops {
    listener: TcpListener,
    local: SocketAddr,
    max_connections: usize,
    state: Shown,
}

impl std::fmt::Debug for Ops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ops").field("local", &self.local).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Shown {
    board: HealthBoard,
    metrics: PrometheusHandle,
    stalled_after: Duration,
}

impl Ops {
    /// Binds the address.
    ///
    /// # Errors
    /// [`OpsError::Bind`], which names key and value.
    pub async fn bind(settings: &Settings, board: HealthBoard, metrics: PrometheusHandle) -> Result<Self, OpsError> {
        let refused = |source| OpsError::Bind { listen: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
        let local = listener.local_addr().map_err(refused)?;
        let state = Shown { board, metrics, stalled_after: settings.stalled_after };
        Ok(Self { listener, local, max_connections: settings.max_connections, state })
    }

    /// The address that was bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Serves until `leave` is ready, then lets requests under way finish for at most a second.
    ///
    /// # Errors
    /// [`OpsError::Serve`] when the server fails.
    pub async fn serve(self, leave: impl Future<Output = ()> + Send + 'static) -> Result<(), OpsError> {
        let metrics = self.state.metrics.clone();
        let router = Router::new()
            .route("/metrics", get(metrics_text))
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/health", get(health))
            .with_state(self.state);
        let (left, leaving) = tokio::sync::oneshot::channel();
        let leave = async move {
            leave.await;
            // Nobody listens any more only when the server has ended by itself.
            let _ = left.send(());
        };
        let server = axum::serve(Guarded::new(self.listener, self.max_connections), router).with_graceful_shutdown(leave).into_future();
        let overdue = async {
            if leaving.await.is_ok() {
                tokio::time::sleep(LEAVE_WITHIN).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            served = server => served.map_err(OpsError::Serve),
            () = overdue => Ok(()),
            () = upkeep(metrics) => Ok(()),
        }
    }
}

async fn upkeep(metrics: PrometheusHandle) {
    let mut every = tokio::time::interval(UPKEEP);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        metrics.run_upkeep();
    }
}

async fn metrics_text(State(shown): State<Shown>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shown.metrics.render()).into_response()
}

async fn livez(State(shown): State<Shown>) -> Response {
    let silent = shown.board.since_beat();
    if silent < shown.stalled_after {
        "live\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("the main loop has been silent for {} s\n", silent.as_secs())).into_response()
    }
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let report = shown.board.report().await;
    if report.ready() {
        return "ready\n".into_response();
    }
    let mut body = String::from("not ready\n");
    for (name, detail) in report.missing() {
        // Writing to a string cannot fail.
        let _ = writeln!(body, "{name}: {}", detail.as_str().map_or_else(|| detail.to_string(), str::to_owned));
    }
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn health(State(shown): State<Shown>) -> Response {
    let report = shown.board.report().await;
    let code = if report.ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(header::CONTENT_TYPE, "application/json")], report.to_json().to_string()).into_response()
}
