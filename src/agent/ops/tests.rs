#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::settings::Settings;
use super::{HealthBoard, Ops, OpsError, Status, install};

const SOON: Duration = Duration::from_secs(10);

struct Served {
    address: SocketAddr,
    leave: oneshot::Sender<()>,
    server: JoinHandle<Result<(), OpsError>>,
}

fn settings() -> Settings {
    Settings { listen: "127.0.0.1:0".parse().unwrap(), ..Settings::default() }
}

async fn serve(settings: &Settings, board: &HealthBoard) -> Served {
    let ops = Ops::bind(settings, board.clone(), install().unwrap()).await.unwrap();
    let address = ops.local_addr();
    let (leave, left) = oneshot::channel::<()>();
    let server = tokio::spawn(ops.serve(async {
        // A dropped sender means leave, too.
        let _ = left.await;
    }));
    Served { address, leave, server }
}

/// Status code and body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    timeout(SOON, async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn ready_only_when_every_subsystem_says_so() {
    let board = HealthBoard::new();
    let served = serve(&settings(), &board).await;
    assert_eq!(get(served.address, "/readyz").await, (503, "not ready\n".to_owned()), "nothing is registered yet");

    board.expect(["gossip", "attach"]);
    board.set("gossip", Status::ready(json!({ "peers": 3 })));
    assert_eq!(get(served.address, "/readyz").await, (503, "not ready\nattach: starting\n".to_owned()));

    board.provide("attach", || async { Status::ready(json!({ "sessions": 1 })) });
    assert_eq!(get(served.address, "/readyz").await, (200, "ready\n".to_owned()));

    let (code, body) = get(served.address, "/health").await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &health["ready"]), (200, &json!(true)));
    assert_eq!(health["subsystems"]["gossip"], json!({ "ready": true, "detail": { "peers": 3 } }));
    assert_eq!(health["subsystems"]["attach"]["detail"]["sessions"], json!(1));

    board.set("gossip", Status::not_ready("no address could be bound"));
    assert_eq!(get(served.address, "/readyz").await, (503, "not ready\ngossip: no address could be bound\n".to_owned()));
    assert_eq!(get(served.address, "/health").await.0, 503);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_not_ready() {
    let board = HealthBoard::new();
    board.provide("stuck", std::future::pending);
    let served = serve(&settings(), &board).await;
    assert_eq!(get(served.address, "/readyz").await, (503, "not ready\nstuck: no answer within 1s\n".to_owned()));
}

#[tokio::test]
async fn alive_only_while_the_main_loop_beats() {
    let board = HealthBoard::new();
    let served = serve(&Settings { stalled_after: Duration::from_millis(50), ..settings() }, &board).await;
    let dead = async {
        while get(served.address, "/livez").await.0 == 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, dead).await.unwrap();
    board.beat();
    assert_eq!(get(served.address, "/livez").await, (200, "live\n".to_owned()));
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let served = serve(&settings(), &HealthBoard::new()).await;
    metrics::counter!("pmq_test_messages_total", "result" => "accept").increment(7);
    metrics::histogram!("pmq_test_round_trip_seconds").record(0.002);
    let (code, body) = get(served.address, "/metrics").await;
    assert_eq!(code, 200);
    assert!(body.contains("pmq_test_messages_total{result=\"accept\"} 7\n"), "{body}");
    assert!(body.contains("pmq_test_round_trip_seconds_bucket{le=\"0.003\"} 1\n"), "{body}");
    assert_eq!(get(served.address, "/nothing").await.0, 404);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_would_be_right() {
    let board = HealthBoard::new();
    let first = serve(&settings(), &board).await;
    let taken = Settings { listen: first.address, ..settings() };
    let error = Ops::bind(&taken, board, install().unwrap()).await.unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot bind {}: ", first.address)), "{error}");
    assert!(error.contains("choose another address"), "{error}");
}

#[tokio::test]
async fn leaves_although_a_client_holds_its_connection() {
    let served = serve(&settings(), &HealthBoard::new()).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
    served.leave.send(()).unwrap();
    timeout(SOON, served.server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let served = serve(&Settings { max_connections: 1, ..settings() }, &HealthBoard::new()).await;
    let mut holder = TcpStream::connect(served.address).await.unwrap();
    holder.write_all(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    holder.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    let mut second = tokio::spawn(get(served.address, "/livez"));
    assert!(timeout(Duration::from_millis(200), &mut second).await.is_err(), "the only place is taken");
    drop(holder);
    assert_eq!(timeout(SOON, second).await.unwrap().unwrap().0, 200);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_eq!(Settings::default().check(), Ok(()));
    let open = Settings { listen: "0.0.0.0:9464".parse().unwrap(), ..Settings::default() };
    let refused = open.check().unwrap_err();
    assert_eq!((&*refused.key, refused.value.as_deref()), ("listen", Some("0.0.0.0:9464")));
    assert_eq!(Settings { expose: true, ..open }.check(), Ok(()));
    assert!(Settings { max_connections: 0, ..Settings::default() }.check().is_err());
    assert!(Settings { stalled_after: Duration::ZERO, ..Settings::default() }.check().is_err());
}
