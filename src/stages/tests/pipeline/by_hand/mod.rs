mod onion;
mod own;
mod schedule;
mod world;
mod wraps;

use pmq_pipeline::{Claims, Plan};
use pmq_stages::{NetworkContext, Registry};

/// The plan of a list of stages as it stands in a network's file.
fn plan_with(registry: &Registry, text: &str) -> Plan {
    let network = NetworkContext {
        name: "test".into(),
        claims: Claims(vec!["topic-0".into(), "topic-1".into()]),
        max_message: 1 << 16,
        max_topics: 16,
    };
    Plan::new(registry.parse_list(text, &network).unwrap()).unwrap()
}

fn plan(text: &str) -> Plan {
    plan_with(&Registry::standard(), text)
}
