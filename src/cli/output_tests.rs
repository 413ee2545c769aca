#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::Path;

use anyhow::Context as _;

use super::{Exit, Failure};
use pmq_config::{ConfigError, Place};
use pmq_gossip::{GossipError, Identity};
use pmq_transports::LinkError;

#[test]
fn exit_codes_follow_the_cause_however_deep() {
    let exit = |error: anyhow::Error| Failure::from(error.context("while starting")).exit;
    let place = Place::Path("pmq.toml".into());
    let config = ConfigError { place, key: None, value: None, what: "wrong".to_owned(), help: "right".to_owned() };
    let failure = Failure::from(anyhow::Error::new(config).context("while starting"));
    assert_eq!((failure.exit, failure.text.as_str(), failure.detail.is_some()), (Exit::Config, "pmq.toml: wrong; right", true));
    let missing = Identity::load(Path::new("/nowhere/identity.key")).context("the identity").unwrap_err();
    assert_eq!(exit(missing), Exit::Config);
    assert_eq!(exit(LinkError::Closed.into()), Exit::Unavailable);
    assert_eq!(
        exit(GossipError::Listen { address: "/ip4/0.0.0.0/tcp/1".to_owned(), reason: "in use".to_owned() }.into()),
        Exit::Unavailable
    );
    assert_eq!(exit(anyhow::anyhow!("a bug")), Exit::Internal);
}
