//! An agent within a program, whose parents attach within the process and over its socket.

use pmq_agent::Agent;
use pmq_client::Client;
use pmq_config::{Request, load};
use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener};

use pmq_testing::{SOON, Setup, soon};

#[tokio::test]
async fn parents_attach_at_every_listener() {
    let setup = Setup::new("4s").more("enabled = false\n");
    // Writes the files.
    drop(setup.command());
    let request = Request { file: Some(setup.dir.path().join("pmq.toml")), ..Request::default() };
    let config = load(&request).unwrap();
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
    let agent = Agent::builder(config.settings).listener(inside).build().run(async { left.await.unwrap() });
    let (ended, ()) = soon("both parents", async { tokio::join!(agent, parents) }).await;
    ended.unwrap();
    assert!(Client::builder("memory:embedded").connect_timeout(std::time::Duration::from_millis(50)).connect().await.is_err());
}
