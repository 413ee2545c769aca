//! The `pmq` command.

mod cli;

use std::process::ExitCode;

/// A message of the overlay is a dozen allocations, most of them libp2p's: with the C library's allocator they take a sixth of the agent's time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
