//! Agents as processes of their own, with parents that attach over their Unix sockets.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "agent/control.rs"]
mod control;
#[path = "agent/embed.rs"]
mod embed;
#[path = "agent/examples.rs"]
mod examples;
#[path = "agent/frames.rs"]
mod frames;
#[path = "agent/grants.rs"]
mod grants;
#[path = "agent/judges.rs"]
mod judges;
#[path = "agent/networks.rs"]
mod networks;
#[path = "agent/p2pmq.rs"]
mod p2pmq;
#[path = "agent/parents.rs"]
mod parents;
#[path = "agent/resume.rs"]
mod resume;
#[path = "agent/rig.rs"]
mod rig;
#[path = "agent/road.rs"]
mod road;
#[path = "agent/shutdown.rs"]
mod shutdown;
#[path = "agent/start.rs"]
mod start;
#[path = "agent/steer.rs"]
mod steer;
