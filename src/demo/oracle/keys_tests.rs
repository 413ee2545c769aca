#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::os::unix::fs::PermissionsExt;

use super::*;

fn roster(keys: &[NodeKey]) -> Roster {
    Roster::new(&BTreeMap::from([(Network::Quakes, keys.iter().map(NodeKey::public).collect())])).unwrap()
}

#[test]
fn only_the_owner_of_the_key_signs_for_its_node() {
    let keys: Vec<_> = (0..4).map(|_| NodeKey::generate()).collect();
    let roster = roster(&keys);
    let sig = keys[2].sign(b"text");
    assert!(roster.signed(Network::Quakes, 2, b"text", &sig));
    assert!(!roster.signed(Network::Quakes, 1, b"text", &sig));
    assert!(!roster.signed(Network::Quakes, 2, b"Text", &sig));
    assert!(!roster.signed(Network::Quakes, 9, b"text", &sig));
    assert!(!roster.signed(Network::Weather, 2, b"text", &sig));
    assert!(!roster.signed(Network::Quakes, 2, b"text", &Sig([0; 32], [0; 32])));
    assert!(!roster.signed(Network::Quakes, 2, b"text", &Sig([0xff; 32], [0xff; 32])));
}

#[test]
fn a_key_file_is_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let key = NodeKey::generate();
    key.save(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(NodeKey::load(&path).unwrap().public(), key.public());
    assert!(NodeKey::generate().save(&path).is_err());
    assert!(!format!("{key:?}").contains(std::fs::read_to_string(&path).unwrap().as_str()));
}

#[test]
fn the_roster_survives_its_file() {
    let keys: Vec<_> = (0..4).map(|_| NodeKey::generate()).collect();
    let read = Roster::from_json(&roster(&keys).to_json().unwrap()).unwrap();
    assert!(read.signed(Network::Quakes, 3, b"x", &keys[3].sign(b"x")));
    assert_eq!((read.nodes(Network::Quakes), read.faults(Network::Quakes), read.nodes(Network::Weather)), (4, 1, 0));
    assert_ne!(read.origin(Network::Quakes, 0), read.origin(Network::Quakes, 1));
    assert!(Roster::from_json("{\"quakes\":[\"00\"]}").is_err());
}
