#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! Credentials against grants.

use super::{Admission, Refusal};
use crate::settings::{Attach, Grant};
use pmq_transports::Credential;

fn admission(grants: Vec<Grant>) -> Admission {
    Admission::new(&Attach { grant: grants, ..Attach::default() }, 7)
}

fn uid(uid: u32) -> Credential {
    Credential::Uid { uid, gid: 0, pid: None }
}

fn token(name: &str) -> Credential {
    Credential::Token(name.into())
}

#[test]
fn the_own_user_and_its_token_are_one() {
    let admission = admission(vec![Grant::default()]);
    for own in [uid(7), token("self"), Credential::Memory("here".into())] {
        assert!(admission.admit(&own).is_ok(), "{own}");
    }
    for other in [uid(8), token("indexer")] {
        assert!(matches!(admission.admit(&other), Err(Refusal::Stranger(_))), "{other}");
    }
    assert_eq!(token("self").owner(), uid(rustix::process::geteuid().as_raw()).owner(), "a consumer is the same over both");
}

#[test]
fn a_token_has_what_its_grant_names() {
    let named = Grant { token: Some("indexer".to_owned()), max_sessions: 1, ..Grant::default() };
    let admission = admission(vec![named]);
    let place = admission.admit(&token("indexer")).unwrap();
    assert!(matches!(admission.admit(&token("indexer")), Err(Refusal::Full(1, _))));
    drop(place);
    admission.admit(&token("indexer")).unwrap();
    for other in [uid(7), token("self"), token("other")] {
        assert!(matches!(admission.admit(&other), Err(Refusal::Stranger(_))), "{other}");
    }
    assert_ne!(token("indexer").owner(), token("other").owner());
}

#[test]
fn who_has_proven_nothing_is_refused_whatever_is_granted() {
    let admission = admission(vec![Grant::default()]);
    assert!(matches!(admission.admit(&Credential::Unproven(([127, 0, 0, 1], 1).into())), Err(Refusal::Unproven(_))));
}
