//! An agent within a program, whose parents attach within the process and over its socket.

use pmq::agent;
use pmq::client::Client;
use pmq::config::{self, Request};
use pmq::transports::{Address, Listener};
use pmq::wire::Limits;

use crate::rig::{SOON, Setup, soon};

#[tokio::test]
async fn parents_attach_at_every_listener() {
    let setup = Setup::new("4s").more("enabled = false\n");
    // Writes the files.
    drop(setup.command());
    let request = Request { file: Some(setup.dir.path().join("pmq.toml")), ..Request::default() };
    let mut config = config::load(&request).unwrap();
    let inside = Listener::bind(&Address::Memory("embedded".into()), 100, Limits::default()).await.unwrap();
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    let parents = async {
        for url in ["memory:embedded".to_owned(), format!("unix://{}", setup.socket.display())] {
            let client = Client::builder(url).connect_timeout(SOON).produce("weather").connect().await.unwrap();
            client.subscribe("weather", "weather/other").await.unwrap();
            client.close().await;
        }
        leave.send(()).unwrap();
    };
    let agent = agent::run_with(&mut config, vec![inside], async { left.await.unwrap() });
    let (ended, ()) = soon("both parents", async { tokio::join!(agent, parents) }).await;
    ended.unwrap();
    assert!(Client::builder("memory:embedded").connect_timeout(std::time::Duration::from_millis(50)).connect().await.is_err());
}
