#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(line: &[&str]) -> Args {
    Line::parse_from(std::iter::once("demo").chain(line.iter().copied())).args
}

#[test]
fn every_agents_file_is_one_that_the_agent_takes() {
    for line in [
        &[][..],
        &["--rate", "50", "--agents", "7", "--networks", "quakes", "--scoring", "off", "--attach", "zeromq"],
        &["--attach", "mixed"],
    ] {
        let args = args(line);
        let topology = Topology::new(&args.networks.0, args.agents);
        let (work, places) = prepare(&args, &topology).unwrap();
        for (spot, place) in topology.spots.iter().zip(&places) {
            let request = crate::config::Request { file: Some(place.config()), ..crate::config::Request::default() };
            let config = crate::config::load(&request).unwrap_or_else(|error| panic!("{}: {error}", spot.name));
            assert_eq!(config.networks.len(), args.networks.0.len() + usize::from(spot.network.is_some()));
            assert_eq!(config.gossip.peers.len(), spot.dials.len());
            assert_eq!(config.gossip.score.enabled, !line.contains(&"--scoring"));
            let setup = Setup::load(&place.setup()).unwrap();
            let bound: Vec<String> = config.attach.zeromq.bind.iter().map(ToString::to_string).collect();
            assert!(
                bound.contains(&setup.attach) || setup.attach == format!("unix://{}", config.attach.unix.path.display()),
                "{}",
                setup.attach
            );
            assert_eq!(setup.token, config.attach.zeromq.token.first().map(|token| token.file.clone()));
            assert_eq!(setup.token.is_some(), setup.attach.starts_with("zmq+tcp://"));
            assert_eq!(setup.key.is_some(), spot.role == Role::Honest);
            assert_eq!(std::fs::metadata(&place.dir).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let path = work.path.clone();
        assert!(path.exists());
        drop(work);
        assert!(!path.exists());
    }
}

#[test]
fn ports_are_distinct_and_free() {
    let ports = free_ports(60).unwrap();
    assert_eq!(ports.iter().collect::<std::collections::BTreeSet<_>>().len(), 60);
    assert!(ports.iter().all(|port| PORTS.contains(port)));
    TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
}
