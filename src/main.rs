//! The `pmq` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    pmq::cli::main(std::env::args_os())
}
