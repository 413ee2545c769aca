//! `pmq config`: checks, shows and explains the configuration.

use std::fmt::Write as _;

use bytesize::ByteSize;
use clap::Subcommand;
use serde_json::json;

use super::output::print;
use super::{Failure, Globals, Output};
use pmq_config::{Config, ConfigError, REFERENCE, REFERENCE_NETWORK, Setting, show};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Checks all files and says what the settings cost in memory
    Check,
    /// Prints every option of the agent's file beside its default
    Default {
        /// Those of a network's pipeline file instead
        #[arg(long)]
        network: bool,
    },
    /// Prints what is in force and where it comes from
    Show,
}

pub(super) fn run(command: &Command, globals: &Globals) -> Result<(), Failure> {
    match (command, globals.output) {
        (Command::Check, output) => {
            let config = globals.load()?;
            config.check_files()?;
            match output {
                Output::Text => print(&checked(&config)),
                Output::Json => print(&checked_json(&config)),
            }
        }
        (Command::Default { network }, output) => {
            let text = if *network { REFERENCE_NETWORK } else { REFERENCE };
            match output {
                Output::Text => print(text),
                Output::Json => print(&json!({ "text": text }).to_string()),
            }
        }
        (Command::Show, output) => {
            let settings = show(&globals.request())?;
            match output {
                Output::Text => print(&shown(&settings)),
                Output::Json => print(&shown_json(&settings)),
            }
        }
    }
}

fn checked(config: &Config) -> String {
    let mut text = format!(
        "{}: ok, {} network{}\n",
        config.file.display(),
        config.settings.networks.len(),
        if config.settings.networks.len() == 1 { "" } else { "s" }
    );
    for warning in &config.warnings {
        text += &format!("warning: {warning}\n");
    }
    for note in config.notes() {
        text += &format!("note: {note}\n");
    }
    text += "\nmemory:\n";
    let (mut expected, mut bound) = (0_u64, 0_u64);
    for estimate in config.memory() {
        let name = if estimate.network.is_empty() { "agent".to_owned() } else { format!("network {}", estimate.network) };
        text += &format!("  {name}\n");
        for item in &estimate.items {
            let most = if item.bound { "at most " } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "    {:<20} {:>20}  {}", item.what, format!("{most}{}", size(item.bytes)), item.basis);
        }
        expected = expected.saturating_add(estimate.total(false));
        bound = bound.saturating_add(estimate.total(true));
    }
    text + &format!("  in all {} at the expected rate, and at most {} more for what a flood may fill\n", size(expected), size(bound))
}

fn size(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

fn checked_json(config: &Config) -> String {
    let memory: Vec<_> = config
        .memory()
        .iter()
        .map(|estimate| {
            let items: Vec<_> =
                estimate.items.iter().map(|item| json!({ "what": item.what, "bytes": item.bytes, "bound": item.bound, "basis": item.basis })).collect();
            json!({ "network": (!estimate.network.is_empty()).then_some(&estimate.network), "expected_bytes": estimate.total(false), "bound_bytes": estimate.total(true), "items": items })
        })
        .collect();
    let files = config.network_files.iter();
    let networks: Vec<_> = config
        .settings
        .networks
        .iter()
        .zip(files)
        .map(|(network, file)| json!({ "name": network.name, "file": file, "topics": network.claims.0, "subscribe": network.subscribe }))
        .collect();
    let warnings: Vec<_> = config.warnings.iter().map(ConfigError::to_json).collect();
    json!({ "ok": true, "file": config.file, "networks": networks, "warnings": warnings, "notes": config.notes(), "memory": memory })
        .to_string()
}

fn shown(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut network = None;
    for setting in settings {
        if network != Some(&setting.network) && !setting.network.is_empty() {
            text += &format!("\n# network {}\n", setting.network);
        }
        network = Some(&setting.network);
        let origin = setting.place.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string);
        let _ = writeln!(text, "{:<60} # {origin}", format!("{} = {}", setting.key, setting.value));
    }
    text
}

fn shown_json(settings: &[Setting]) -> String {
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| {
            let network = (!setting.network.is_empty()).then_some(&setting.network);
            json!({ "network": network, "key": setting.key, "value": setting.value, "from": setting.place.as_ref().map(ToString::to_string) })
        })
        .collect();
    json!({ "settings": settings }).to_string()
}
