#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

fn scratch() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.key");
    (dir, path)
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// An Ed25519 key as go-libp2p's `crypto.MarshalPrivateKey` writes it: type 1, 64 bytes of seed and public key. Seed and public key are the first vector of RFC 8032, 7.1.
const RFC_8032: &str = "080112409d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

#[test]
fn made_once_and_loaded_ever_after() {
    let (_dir, path) = scratch();
    let made = Identity::load_or_generate(&path).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(!text.contains('='), "unpadded");
    assert_eq!(Identity::load_or_generate(&path).unwrap().peer_id(), made.peer_id());
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    assert!(made.peer_id().starts_with("12D3KooW"), "an Ed25519 peer id");
}

#[test]
fn a_key_of_the_predecessor_is_read_padded_or_not() {
    let bytes = hex::decode(RFC_8032).unwrap();
    let expected = Keypair::ed25519_from_bytes(bytes[4..36].to_vec()).unwrap().public().to_peer_id().to_base58();
    for text in [STANDARD_NO_PAD.encode(&bytes), STANDARD.encode(&bytes) + "\n"] {
        let (_dir, path) = scratch();
        write(&path, &text, 0o400);
        assert_eq!(Identity::load(&path).unwrap().peer_id(), expected);
    }
}

#[test]
fn nothing_is_ever_replaced() {
    let (_dir, path) = scratch();
    for (text, mode) in [("nonsense!", 0o600), ("", 0o600), ("AAAA", 0o600), ("AAAA", 0o644), ("AAAA", 0o620)] {
        write(&path, text, mode);
        assert!(matches!(Identity::generate(&path), Err(IdentityError::Exists { .. })));
        let error = Identity::load_or_generate(&path).unwrap_err();
        assert!(matches!(error, IdentityError::Malformed { .. } | IdentityError::Open { .. }), "{error:?}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        fs::remove_file(&path).unwrap();
    }
    // Not even what a dangling link points to.
    std::os::unix::fs::symlink(path.with_extension("elsewhere"), &path).unwrap();
    assert!(matches!(Identity::generate(&path), Err(IdentityError::Exists { .. })));
    assert!(!path.with_extension("elsewhere").exists());
}

#[test]
fn others_must_not_read_it() {
    let (_dir, path) = scratch();
    Identity::generate(&path).unwrap();
    for mode in [0o640, 0o604, 0o610, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Identity::load(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("{mode:04o}")) && error.contains("chmod 600"), "{error}");
    }
}

#[test]
fn the_directory_must_exist_and_the_path_be_a_file() {
    let (dir, _path) = scratch();
    assert!(matches!(Identity::load_or_generate(&dir.path().join("no/such/dir")), Err(IdentityError::Io { .. })));
    assert!(matches!(Identity::load(dir.path()), Err(IdentityError::NotAFile { .. })));
}

#[test]
fn it_is_never_printed() {
    let (_dir, path) = scratch();
    let identity = Identity::generate(&path).unwrap();
    let secret = fs::read_to_string(&path).unwrap();
    assert_eq!(format!("{identity:?}"), format!("Identity({})", identity.peer_id()));
    // A broken key's error does not show it either.
    let broken: String = secret.trim().chars().rev().collect();
    write(&path, &broken, 0o600);
    let error = Identity::load(&path).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(&broken[..8]));
}
