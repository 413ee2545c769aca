//! A parent that takes messages and never answers, to be killed with them in its hands: this very program as a process of its own, or, where
//! agent and parent share one, a runtime that is dropped.

use std::process::{ExitCode, Stdio};

use futures::StreamExt as _;
use pmq_client::{Builder, Client, VerifyOptions};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{oneshot, watch};

use super::{Agent, NETWORK};
use crate::transports::{self, Host};
use pmq_testing::{SOON, soon};

/// Says to this program that it is a parent of the agent at that address.
const VARIABLE: &str = "PMQ_CONFORMANCE_PARENT";
/// Which transport that is, which says what it shows there.
const TRANSPORT: &str = "PMQ_CONFORMANCE_TRANSPORT";

/// Runs as a parent, if that is what the process was started for.
pub fn started_as() -> Option<ExitCode> {
    let url = std::env::var(VARIABLE).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let name = std::env::var(TRANSPORT).unwrap();
    let transport = transports::TRANSPORTS.iter().find(|transport| transport.name == name).unwrap();
    let builder = transport.show(Client::builder(url).connect_timeout(SOON));
    runtime.block_on(hold(builder, |held| println!("{held}")));
    Some(ExitCode::SUCCESS)
}

/// Takes messages and keeps them.
async fn hold(builder: Builder, told: impl Fn(usize)) {
    let client = builder.verify(NETWORK, VerifyOptions::default()).connect().await.unwrap();
    let mut verifier = client.verifier(NETWORK).unwrap();
    let mut held = Vec::new();
    told(0);
    while let Some(message) = verifier.next().await {
        held.push(message);
        told(held.len());
    }
}

/// A parent that will be killed.
#[allow(clippy::large_enum_variant, reason = "there is one of them in a case")]
pub enum Doomed {
    Process(Child, Lines<BufReader<ChildStdout>>),
    Thread(oneshot::Sender<()>, watch::Receiver<Option<usize>>),
}

impl Doomed {
    /// Attached, and ready to take messages.
    pub async fn attach(agent: &Agent) -> Self {
        let mut doomed = match agent.transport.host {
            Host::Process => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command
                    .env(VARIABLE, &agent.url)
                    .env(TRANSPORT, agent.transport.name)
                    .envs(transports::handed_on())
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .kill_on_drop(true);
                let mut child = command.spawn().unwrap();
                let lines = BufReader::new(child.stdout.take().unwrap()).lines();
                Self::Process(child, lines)
            }
            Host::Thread => {
                let (kill, killed) = oneshot::channel();
                let (told, held) = watch::channel(None);
                let builder = agent.builder();
                let body = move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        tokio::select! {
                            () = hold(builder, |held| _ = told.send_replace(Some(held))) => {}
                            // Dropped is killed, too.
                            _ = killed => {}
                        }
                    });
                    runtime.shutdown_background();
                };
                std::thread::Builder::new().name("parent".to_owned()).spawn(body).unwrap();
                Self::Thread(kill, held)
            }
        };
        doomed.holds(0).await;
        doomed
    }

    /// Returns when it holds that many messages.
    pub async fn holds(&mut self, count: usize) {
        let what = format!("a parent with {count} messages");
        match self {
            Self::Process(_, lines) => {
                let holding = async { while lines.next_line().await.unwrap().expect("the parent has ended").parse() != Ok(count) {} };
                soon(&what, holding).await;
            }
            Self::Thread(_, held) => drop(soon(&what, held.wait_for(|held| *held >= Some(count))).await.unwrap()),
        }
    }

    pub async fn kill(self) {
        match self {
            Self::Process(mut child, _) => child.kill().await.unwrap(),
            Self::Thread(kill, _) => drop(kill.send(())),
        }
    }
}
