//! What all agents under test have around them: a neighbour that sends, and one behind them that sees what they forward.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use pmq_client::{Client, VerifyOptions};
use tokio::sync::{OnceCell, watch};

use pmq_testing::{Agent, Setup, soon};

const WORLD: &str = "world";

/// Started with the first case that runs.
#[derive(Default)]
pub struct Surroundings(OnceCell<Arc<Around>>);

impl Surroundings {
    pub async fn get(&self) -> Arc<Around> {
        self.0.get_or_init(async || Arc::new(Around::start().await)).await.clone()
    }
}

/// Two agents that are not each other's peers.
pub struct Around {
    pub neighbour: Agent,
    pub behind: Agent,
    publisher: Client,
    witness: Client,
    /// What came to the agent behind, by topic.
    seen: Arc<Mutex<HashMap<String, Vec<Bytes>>>>,
    news: watch::Receiver<()>,
}

fn setup() -> Setup {
    let network = format!(
        "version = 1\nname = \"{WORLD}\"\ntopics = [\"*\"]\nmax_message = \"2MiB\"\n\
         [[stage]]\nuse = \"validation-queue\"\ndeadline = \"5s\"\n[[stage]]\nuse = \"delivery\"\n"
    );
    Setup::with(&[&network]).agent("max_topics = 4096\n")
}

impl Around {
    async fn start() -> Self {
        let (neighbour, behind) = tokio::join!(setup().start(), setup().start());
        let publisher = neighbour.producer(WORLD).await;
        let witness = behind.builder().verify(WORLD, VerifyOptions::default()).produce(WORLD).connect().await.unwrap();
        let seen = Arc::new(Mutex::new(HashMap::<String, Vec<Bytes>>::new()));
        let (told, news) = watch::channel(());
        let book = seen.clone();
        let note = move |batch: &mut [pmq_client::Incoming]| {
            let mut book = book.lock().unwrap();
            for message in batch {
                book.entry(message.topic.to_string()).or_default().push(message.payload.clone());
                message.accept();
            }
            // Whoever hears of it looks into the book at once.
            drop(book);
            told.send_replace(());
        };
        witness.verify(WORLD, note).unwrap();
        Self { neighbour, behind, publisher, witness, seen, news }
    }

    /// The agent behind joins a topic.
    pub async fn listen_behind(&self, topic: &str) {
        self.witness.subscribe(WORLD, topic).await.unwrap();
    }

    pub async fn publish(&self, topic: &str, payload: Bytes) {
        let sent = self.publisher.publish(WORLD, topic, payload).await.unwrap();
        assert!(sent.peers > 0 && !sent.duplicate, "{sent:?}");
    }

    /// What the agent behind has of a topic, in order, once it is `count` messages.
    pub async fn payloads(&self, topic: &str, count: usize) -> Vec<Bytes> {
        let mut news = self.news.clone();
        let all = || self.seen.lock().unwrap().get(topic).cloned().unwrap_or_default();
        let enough = news.wait_for(|()| all().len() >= count);
        drop(soon(&format!("message {count} behind the agent"), enough).await.unwrap());
        all()
    }
}
