//! What keeps an agent from starting, and what does not.

use std::time::Duration;

use pmq_testing::{Setup, write};

/// One second is promised; two more are for a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_killed_agent_leaves_a_socket_that_the_next_one_takes_over() {
    let agent = Setup::new("4s").start().await;
    let parent = agent.producer("weather").await;
    let setup = agent.killed().await;
    assert!(setup.socket.exists());
    let agent = setup.start().await;
    let _again = agent.producer("weather").await;
    drop(parent);
}

#[tokio::test]
async fn a_second_agent_on_the_same_socket_ends_and_names_it() {
    let first = Setup::new("4s").start().await;
    let mut second = Setup::new("4s");
    second.socket = first.setup.socket.clone();
    let (code, said, took) = second.run_to_end();
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("attach.unix.path") && said.contains(&first.setup.socket.display().to_string()), "{said}");
    assert!(took < AT_ONCE, "{took:?}");
    let _unharmed = first.producer("weather").await;
}

#[tokio::test]
async fn a_port_in_use_is_told_by_file_line_key_and_value() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut setup = Setup::new("4s");
    setup.ops.clone_from(&address);
    let (code, said, took) = setup.run_to_end();
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("pmq.toml:") && said.contains(&format!("ops.listen = \"{address}\": cannot bind")), "{said}");
    assert!(took < AT_ONCE && !setup.socket.exists(), "{took:?}");

    let mut setup = Setup::new("4s");
    setup.listen = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    let (code, said, took) = setup.run_to_end();
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("pmq.toml:") && said.contains("gossip.listen = ") && said.contains(&setup.listen), "{said}");
    assert!(took < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn a_key_file_that_is_none_is_told_and_never_touched() {
    let setup = Setup::new("4s");
    let key = setup.dir.path().join("identity.key");
    write(&key, "this is no key\n", 0o600);
    let (code, said, took) = setup.run_to_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("gossip.identity") && said.contains("identity.key") && !said.contains("no key\n"), "{said}");
    assert!(took < AT_ONCE, "{took:?}");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "this is no key\n");

    std::fs::remove_file(&key).unwrap();
    let agent = setup.start().await;
    let made = std::fs::read(&key).unwrap();
    write(&key, &String::from_utf8(made.clone()).unwrap(), 0o644);
    let setup = agent.killed().await;
    let (code, said, _) = setup.run_to_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("chmod 600"), "{said}");
    assert_eq!(std::fs::read(&key).unwrap(), made);
}

#[tokio::test]
async fn a_mistake_in_a_file_ends_the_start_before_anything_is_bound() {
    let setup = Setup::new("4s").more("[agnet]\n");
    let (code, said, took) = setup.run_to_end();
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("pmq.toml:") && said.contains("agnet"), "{said}");
    assert!(took < AT_ONCE, "{took:?}");
    let left: Vec<_> = std::fs::read_dir(setup.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "two files of configuration, no key and no socket: {left:?}");
}
