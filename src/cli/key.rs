//! `pmq key`: identities. The peer id is shown, the key never.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::output::print;
use super::{Exit, Failure, Globals, Output};
use pmq_gossip::Identity;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a new identity in a new file of mode 0600; never replaces one
    Generate {
        /// The file
        path: PathBuf,
    },
    /// Shows the peer id of an identity
    Inspect {
        /// The file
        path: PathBuf,
    },
}

pub(super) fn run(command: &Command, globals: &Globals) -> Result<(), Failure> {
    let (path, identity) = match command {
        Command::Generate { path } => (path, Identity::generate(path)),
        Command::Inspect { path } => (path, Identity::load(path)),
    };
    let identity = identity.map_err(|wrong| Failure::new(Exit::Config, wrong.to_string()))?;
    match globals.output {
        Output::Text => print(&identity.peer_id()),
        Output::Json => print(&json!({ "path": path, "peer_id": identity.peer_id() }).to_string()),
    }
}
