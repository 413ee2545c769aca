//! Agents as processes of their own, with parents that attach over their Unix sockets.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod control;
mod embed;
mod examples;
mod frames;
mod grants;
mod judges;
mod logs;
mod networks;
mod order;
mod p2pmq;
mod parents;
mod resume;
mod road;
mod shutdown;
mod start;
mod steer;
mod topics;
mod zeromq;
