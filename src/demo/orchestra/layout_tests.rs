#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;
use pmq_config::{Config, ConfigError, Request};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(line: &[&str]) -> Args {
    Line::parse_from(std::iter::once("demo").chain(line.iter().copied())).args
}

fn load(place: &Place) -> Result<Config, ConfigError> {
    pmq_config::load(&Request { file: Some(place.config()), ..Request::default() })
}

#[test]
fn every_agents_file_is_one_that_the_agent_takes() {
    for line in [
        &[][..],
        &["--rate", "50", "--agents", "7", "--networks", "quakes", "--scoring", "off", "--attach", "zeromq"],
        &["--attach", "mixed"],
        &["--attach", "quic"],
        &["--attach", "grpc"],
        &["--overlay", "quic"],
        &["--overlay", "both", "--networks", "1"],
    ] {
        let args = args(line);
        let topology = Topology::new(&args.networks.0, args.agents);
        let (work, places) = prepare(&args, &topology).unwrap();
        for (spot, place) in topology.spots.iter().zip(&places) {
            let config = load(place).unwrap_or_else(|error| panic!("{}: {error}", spot.name));
            assert_eq!(config.settings.networks.len(), args.networks.0.len() + usize::from(spot.network.is_some()));
            let dialled: BTreeSet<&str> = config.settings.gossip.peers.iter().filter_map(|peer| peer.rsplit('/').next()).collect();
            let neighbours: BTreeSet<&str> = spot.dials.iter().map(|dialled| places[*dialled].peer_id.as_str()).collect();
            assert_eq!(dialled, neighbours);
            assert_eq!(config.settings.gossip.score.enabled, !line.contains(&"--scoring"));
            let setup = Setup::load(&place.setup()).unwrap();
            let mut bound: Vec<String> = config.settings.attach.zeromq.bind.iter().map(ToString::to_string).collect();
            bound.extend(config.settings.attach.grpc.bind.iter().map(ToString::to_string));
            bound.extend(config.settings.attach.quic.bind.iter().map(|at| format!("quic://{at}/{}", place.peer_id)));
            assert_eq!(setup.identity.is_some(), config.settings.attach.grant.iter().any(|grant| grant.peer.is_some()));
            assert!(
                bound.contains(&setup.attach) || setup.attach == format!("unix://{}", config.settings.attach.unix.path.display()),
                "{}",
                setup.attach
            );
            let token = config.settings.attach.zeromq.token.first().or(config.settings.attach.grpc.token.first());
            assert_eq!(setup.token, token.map(|token| token.file.clone()));
            assert_eq!(setup.token.is_some(), ["zmq+tcp://", "grpc://"].iter().any(|scheme| setup.attach.starts_with(scheme)));
            assert_eq!(setup.key.is_some(), spot.role == Role::Honest);
            assert_eq!(std::fs::metadata(&place.dir).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let path = work.path.clone();
        assert!(path.exists());
        drop(work);
        assert!(!path.exists());
    }
}

/// How the addresses of a layout's agents, listened on and dialled, divide into TCP and QUIC.
fn addresses(line: &[&str]) -> [Vec<String>; 4] {
    let args = args(line);
    let topology = Topology::new(&args.networks.0, args.agents);
    let (_work, places) = prepare(&args, &topology).unwrap();
    let configs: Vec<_> = places.iter().map(|place| load(place).unwrap()).collect();
    let of = |addresses: fn(&pmq_gossip::Settings) -> &Vec<String>, part: &str| -> Vec<String> {
        configs.iter().flat_map(|config| addresses(&config.settings.gossip)).filter(|address| address.contains(part)).cloned().collect()
    };
    let listened = ["/tcp/", "/quic-v1"].map(|part| of(|settings| &settings.listen, part));
    for dialled in configs.iter().flat_map(|config| &config.settings.gossip.peers) {
        let bare = dialled.split("/p2p/").next().unwrap().to_owned();
        assert!(listened.iter().flatten().any(|address| *address == bare), "nobody listens at {dialled}");
    }
    let [tcp, quic] = listened;
    [tcp, quic, of(|settings| &settings.peers, "/tcp/"), of(|settings| &settings.peers, "/quic-v1")]
}

#[test]
fn the_overlay_is_what_was_asked_for() {
    let spots = Topology::new(&Network::ALL, 4).spots;
    let (nodes, dials) = (spots.len(), spots.iter().map(|spot| spot.dials.len()).sum::<usize>());
    assert_eq!(addresses(&[]).map(|of| of.len()), [nodes, 0, dials, 0]);
    assert_eq!(addresses(&["--overlay", "quic"]).map(|of| of.len()), [0, nodes, 0, dials]);
    let [tcp, quic, dialled_tcp, dialled_quic] = addresses(&["--overlay", "both"]).map(|of| of.len());
    // Two of three nodes listen on each.
    assert_eq!((tcp, quic), (nodes.div_ceil(3) + nodes / 3, nodes - nodes.div_ceil(3)));
    assert!(dialled_tcp > dials / 2 && dialled_quic > dials / 2 && dialled_tcp + dialled_quic > dials, "{dialled_tcp} {dialled_quic}");
}

#[test]
fn ports_are_distinct_and_free() {
    let ports = free_ports(60).unwrap();
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 60);
    assert!(ports.iter().all(|port| PORTS.contains(port)));
    TcpListener::bind(("127.0.0.1", ports[0])).unwrap();
    UdpSocket::bind(("127.0.0.1", ports[0])).unwrap();
}
