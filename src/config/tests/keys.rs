//! Unknown keys: what is offered in their place.

use super::{AGENT, Files, NETWORK};

#[test]
fn only_keys_of_the_same_section_are_offered() {
    let told = |agent: &str| Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", NETWORK)]).load(&[], &[]).unwrap_err().help;
    assert_eq!(told("[gossip.redial]\nmist = \"1s\"\n"), "allowed: min, max");
    assert_eq!(
        told("[[attach.grant]]\nrules = []\n"),
        "did you mean roles? Allowed: uid, token, peer, certificate, roles, networks, max_sessions"
    );
    assert_eq!(told("[opps]\n"), "did you mean ops? Allowed: networks, agent, gossip, attach, control, ops, log, network, version");
}

#[test]
fn a_key_of_another_section_is_sent_there() {
    let told = |agent: &str, network: &str| {
        let network =
            NETWORK.replace("\n[[stage]]\nuse = \"validation-queue\"\n", &format!("{network}\n[[stage]]\nuse = \"validation-queue\"\n"));
        Files::new(&format!("{AGENT}{agent}"), &[("weather.toml", &network)]).load(&[], &[]).unwrap_err().help
    };
    for (agent, network, help) in [
        ("", "message_id = { function = \"content\" }\n", "it belongs to [gossip]: write gossip.message_id"),
        ("", "deadline = \"4s\"\n", "it belongs to [[stage]] with use = \"validation-queue\""),
        ("", "max_topics = 5\n", "it belongs to [agent] of the agent's file: write agent.max_topics"),
        ("", "[gossip]\nexpected_rate = 5.0\n", "it belongs to the top of the file"),
        ("[gossip]\nheartbeat = \"1s\"\n", "", "it belongs to [gossip.mesh]: write gossip.mesh.heartbeat"),
        ("[gossip]\npredecessor = true\n", "", "it belongs to [gossip] of a network's file: write gossip.predecessor"),
        ("topics = [\"weather\"]\n", "", "it belongs to the top of a network's file"),
        ("history_length = 8\n", "", "it belongs to [gossip.mesh]: write gossip.mesh.history_length"),
        ("[attach]\npath = \"/run/x/a.sock\"\n", "", "it belongs to [attach.unix]: write attach.unix.path"),
        ("[attach]\nbind = []\n", "", "it belongs to [attach.zeromq] or [attach.grpc] or [attach.quic]"),
        ("[gossip.mesh]\nlisten = []\n", "", "it belongs to [gossip] or [ops]"),
    ] {
        assert_eq!(told(agent, network), help, "{agent}{network}");
    }
}
