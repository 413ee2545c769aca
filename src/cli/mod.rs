//! The commands.
//!
//! Data goes to stdout, everything else to stderr. Exit codes are those of sysexits.

mod admin;
#[cfg(feature = "lab")]
mod bench;
mod config;
#[cfg(feature = "lab")]
mod demo;
mod hclog;
mod health;
mod key;
mod logging;
mod output;
mod run;
mod signals;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use logging::{LogError, Logs};
pub(crate) use output::{Exit, Failure, Output};

use pmq_agent::settings::Format;
use pmq_config::{Config, Request};

/// A gossipsub sidecar that forwards only what your node has validated
#[derive(Debug, Parser)]
#[command(name = "pmq", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The agent's file. Else $PMQ_CONFIG, ./pmq.toml, $XDG_CONFIG_HOME/pmq/pmq.toml, /etc/pmq/pmq.toml
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sets one option over environment and file, such as ops.listen=127.0.0.1:0 or network.weather.loopback=false
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Logs more; twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Logs less; twice for errors only
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// How log lines are written
    #[arg(long, global = true, value_enum)]
    pub(crate) log_format: Option<Format>,
    /// Colours in logs
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) color: Color,
    /// How data is written to stdout
    #[arg(long, global = true, value_enum, default_value_t)]
    pub(crate) output: Output,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Globals {
    /// The configuration that file, environment and flags make.
    ///
    /// # Errors
    /// With exit code 78.
    pub(crate) fn load(&self) -> Result<Config, Failure> {
        Ok(pmq_config::load(&self.request())?)
    }

    /// Where the configuration comes from.
    #[must_use]
    pub(crate) fn request(&self) -> Request {
        Request::from_process(self.config.clone(), self.set.clone())
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the agent
    Run(run::Args),
    /// Checks, shows and explains the configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Makes and reads identities
    #[command(subcommand)]
    Key(key::Command),
    /// Asks a running agent how it is
    Health(health::Args),
    /// Shows a running agent's messages with their outcomes, as they happen
    Tap(admin::tap::Args),
    /// Publishes lines of standard input or a file through a running agent
    Publish(admin::publish::Args),
    /// Shows who is attached to a running agent, and how each parent stands
    Parents(admin::parents::Args),
    /// Runs three networks of agents and parents on this machine, and says what became of every message
    #[cfg(feature = "lab")]
    Demo(pmq_demo::Args),
    /// Measures what the agent costs beside raw gossipsub, over each transport, and in memory
    #[command(subcommand)]
    #[cfg(feature = "lab")]
    Bench(pmq_bench::Command),
    /// One of the processes of a benchmark
    #[command(hide = true)]
    #[cfg(feature = "lab")]
    BenchNode(pmq_bench::NodeArgs),
    /// One of the demo's parents
    #[command(hide = true)]
    #[cfg(feature = "lab")]
    DemoParent(demo::ParentArgs),
}

/// Runs the program with its arguments.
#[must_use]
pub(crate) fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => return output::usage(&answer),
    };
    let Cli { globals, command } = cli;
    let done = match command {
        Command::Run(arguments) => run::run(&arguments, &globals),
        Command::Config(command) => config::run(&command, &globals),
        Command::Key(command) => key::run(&command, &globals),
        Command::Health(arguments) => health::run(&arguments, &globals),
        Command::Tap(arguments) => admin::tap::run(&arguments, &globals),
        Command::Publish(arguments) => admin::publish::run(&arguments, &globals),
        Command::Parents(arguments) => admin::parents::run(&arguments, &globals),
        #[cfg(feature = "lab")]
        Command::Demo(arguments) => match demo::run(arguments, &globals) {
            Ok(code) => return code,
            Err(failure) => Err(failure),
        },
        #[cfg(feature = "lab")]
        Command::Bench(command) => bench::run(&command, &globals),
        #[cfg(feature = "lab")]
        Command::BenchNode(arguments) => bench::node(&arguments, &globals),
        #[cfg(feature = "lab")]
        Command::DemoParent(arguments) => demo::parent(&arguments, &globals),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(globals.output),
    }
}
