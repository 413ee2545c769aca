mod onion;
mod own;
mod schedule;
mod world;
mod wraps;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
    let mut document = DeTable::parse(text).unwrap().into_inner();
    let DeValue::Array(stages) = document.remove("stage").unwrap().into_inner() else { panic!("[[stage]] is no array") };
    let parts = stages.into_iter().map(|stage| {
        let span = stage.span();
        let DeValue::Table(mut table) = stage.into_inner() else { panic!("a stage is a table") };
        let name = table.remove("use").unwrap();
        let DeValue::String(text) = name.get_ref() else { panic!("a name is a string") };
        registry.parse(&Spanned::new(name.span(), text.as_ref()), Spanned::new(span, DeValue::Table(table)), &network).unwrap()
    });
    Plan::new(parts.collect()).unwrap()
}

fn plan(text: &str) -> Plan {
    plan_with(&Registry::standard(), text)
}
