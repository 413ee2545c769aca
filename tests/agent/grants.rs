//! Who may attach as what. Everything else is refused by name.

use pmq_client::{Client, ClientError, ConsumeOptions, RefuseCode, VerifyOptions};

use crate::frames::refusal;
use pmq_testing::Setup;

pub fn refused(result: Result<Client, ClientError>) -> (RefuseCode, String) {
    match result {
        Err(ClientError::Refused { code, text }) => (code, text),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_role_or_network_that_is_not_granted_is_refused_by_name() {
    let agent = Setup::new("4s").more("[[attach.grant]]\nroles = [\"consume\"]\n").start().await;
    let (_client, _consumer) = agent.consumer("weather", ConsumeOptions::default()).await;
    let (code, text) = refused(agent.builder().verify("weather", VerifyOptions::default()).connect().await);
    assert_eq!(code, RefuseCode::RoleNotGranted);
    assert!(text.contains("verify") && text.contains("\"weather\""), "{text}");
    let (code, text) = refused(agent.builder().consume("quakes", ConsumeOptions::default()).connect().await);
    assert_eq!(code, RefuseCode::NetworkUnknown);
    assert!(text.contains("\"quakes\"") && text.contains("it has weather"), "{text}");
}

#[tokio::test]
async fn a_user_without_a_grant_is_refused_before_it_says_anything() {
    let other = rustix::process::geteuid().as_raw() + 1;
    let agent = Setup::new("4s").more(&format!("[[attach.grant]]\nuid = {other}\n")).start().await;
    let (code, text) = refusal(&agent, &[]).await;
    assert_eq!(code, RefuseCode::RoleNotGranted);
    assert!(text.contains("attach.grant") && text.contains(&(other - 1).to_string()), "{text}");
    let (code, _) = refused(agent.builder().consume("weather", ConsumeOptions::default()).connect().await);
    assert_eq!(code, RefuseCode::RoleNotGranted);
}

#[tokio::test]
async fn sessions_beyond_the_bound_are_refused_until_one_ends() {
    let agent = Setup::new("4s").more("[[attach.grant]]\nmax_sessions = 2\n").start().await;
    let first = agent.producer("weather").await;
    let second = agent.producer("weather").await;
    let (code, text) = refusal(&agent, &[]).await;
    assert_eq!(code, RefuseCode::TooManySessions);
    assert!(text.contains("2 sessions") && text.contains("max_sessions"), "{text}");
    first.close().await;
    // A client goes on trying, and there is a place now.
    let _third = agent.producer("weather").await;
    assert!(second.status().borrow().is_connected());
}
