#![allow(clippy::unwrap_used)]

use std::time::Duration;

use super::*;
use crate::settings::{ContentHash, NetworkSettings};
use pmq_pipeline::Claims;
use pmq_protocol::wire::MAX_TOPIC;

fn network(name: &str, claims: &[&str], id: MessageIdFunction) -> NetworkOverlay {
    let claims = Claims(claims.iter().map(|&claim| claim.to_owned()).collect());
    NetworkOverlay { id, ..NetworkOverlay::new(name, claims, Duration::from_secs(4), &NetworkSettings::default()) }
}

const CONTENT: MessageIdFunction = MessageIdFunction::Content { hash: ContentHash::Md5, size: 20 };

#[test]
fn the_first_that_claims_a_topic_has_it() {
    let networks = Networks::new(vec![
        network("old", &["old/*", "both/one"], CONTENT),
        network("new", &["new/*", "both/*"], MessageIdFunction::TopicContent),
    ]);
    let name = |topic: &str| networks.of(topic).map(|network| network.name.to_string());
    assert_eq!(name("old/x").as_deref(), Some("old"));
    assert_eq!(name("both/one").as_deref(), Some("old"));
    assert_eq!(name("both/two").as_deref(), Some("new"));
    assert_eq!(name("neither"), None);
    assert_eq!(networks.message_id("old/x", b"hello").len(), 32);
    assert_eq!(networks.message_id("new/x", b"hello").len(), 20);
    assert_eq!(networks.message_id("neither", b"hello").len(), 20);
}

#[test]
fn one_function_for_all_needs_no_claims() {
    let networks = Networks::new(vec![network("a", &["a/*"], CONTENT), network("b", &["b/*"], CONTENT)]);
    assert_eq!(networks.id, Some(CONTENT));
    assert_eq!(Networks::new(Vec::new()).id, Some(MessageIdFunction::TopicContent));
}

#[test]
fn subscriptions_to_unclaimed_empty_or_endless_topics_are_not_kept() {
    let mut filter = Claimed(Networks::new(vec![network("a", &["a/*"], CONTENT)]));
    assert!(filter.can_subscribe(&TopicHash::from_raw("a/x")));
    assert!(!filter.can_subscribe(&TopicHash::from_raw("b/x")));
    let mut all = Claimed(Networks::new(vec![network("all", &["*"], CONTENT)]));
    for (name, kept) in [(String::new(), false), ("a".repeat(MAX_TOPIC), true), ("a".repeat(MAX_TOPIC + 1), false)] {
        assert_eq!(all.can_subscribe(&TopicHash::from_raw(name.as_str())), kept, "{} bytes", name.len());
    }
}

#[test]
fn messages_on_empty_or_endless_topics_are_refused_before_anything_is_compared() {
    let networks = Networks::new(vec![network("a", &["*a*a*a*b"], CONTENT), network("b", &["b/*"], MessageIdFunction::TopicContent)]);
    let none = metrics::Counter::noop;
    let raw = |topic: String| RawMessage {
        source: None,
        data: b"hello".to_vec(),
        sequence_number: None,
        topic: TopicHash::from_raw(topic),
        signature: None,
        key: None,
        validated: false,
    };
    for authored in [None, Some(networks.clone())] {
        let inbound = Inbound { networks: authored, authored: none(), topicless: none() };
        assert!(inbound.inbound_transform(raw("a".repeat(MAX_TOPIC))).is_ok());
        for name in [String::new(), "a".repeat(MAX_TOPIC + 1)] {
            let bytes = format!("this one has {}", name.len());
            let error = inbound.inbound_transform(raw(name)).unwrap_err();
            assert!(error.to_string().contains(&bytes), "{error}");
        }
    }
    // An id all the same, and the one of topics that nobody claims, although "a" would claim this one.
    assert_eq!(networks.message_id(&("a".repeat(MAX_TOPIC) + "b"), b"hello").len(), 20);
    assert_eq!(networks.message_id("aaab", b"hello").len(), 32);
}
