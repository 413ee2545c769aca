//! The socket's place on disk.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::{LinkError, Listener, SocketMode, UnixSettings};
use pmq_protocol::wire::Limits;

async fn bind(path: &Path) -> Result<Listener, LinkError> {
    bind_as(path, SocketMode::Owner).await
}

async fn bind_as(path: &Path, mode: SocketMode) -> Result<Listener, LinkError> {
    let settings = UnixSettings { path: path.to_owned(), mode, accept_rate: 100 };
    Listener::bind_unix(&settings, Limits::default()).await
}

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pmq/agent.sock");
    (dir, path)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[tokio::test]
async fn directory_and_socket_have_their_modes() {
    for (setting, bits) in [(SocketMode::Owner, 0o600), (SocketMode::Group, 0o660)] {
        let (_dir, path) = place();
        let _listener = bind_as(&path, setting).await.unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&path), bits);
        assert_eq!(fs::metadata(&path).unwrap().uid(), rustix::process::geteuid().as_raw());
    }
}

#[tokio::test]
async fn a_directory_open_to_the_group_for_reading_is_kept() {
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o750)).unwrap();
    let _listener = bind_as(&path, SocketMode::Group).await.unwrap();
    assert_eq!(mode(path.parent().unwrap()), 0o750);
}

#[tokio::test]
async fn a_directory_that_others_can_write_to_is_refused() {
    for bits in [0o770, 0o702, 0o777, 0o1777] {
        let (_dir, path) = place();
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(bits)).unwrap();
        let error = bind(&path).await.unwrap_err();
        assert!(matches!(&error, LinkError::Directory { what, .. } if what.contains("written to by others")), "{error}");
        assert!(!path.exists());
    }
}

#[tokio::test]
async fn a_symlinked_directory_is_refused() {
    let (dir, path) = place();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, path.parent().unwrap()).unwrap();
    let error = bind(&path).await.unwrap_err();
    assert!(matches!(&error, LinkError::Directory { what, .. } if what.contains("symlink")), "{error}");
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_for_a_directory_is_refused() {
    let (_dir, path) = place();
    fs::write(path.parent().unwrap(), "not a directory").unwrap();
    assert!(matches!(bind(&path).await, Err(LinkError::Directory { .. })));
}

#[tokio::test]
async fn another_users_directory_is_refused() {
    // Root's own directory is another user's to everybody but root, who can give one away.
    let (_dir, path) = place();
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    let path = if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(path.parent().unwrap(), Some(12_345), None).unwrap();
        path
    } else {
        PathBuf::from("/etc/agent.sock")
    };
    let error = bind(&path).await.unwrap_err();
    assert!(matches!(&error, LinkError::Directory { what, .. } if what.contains("belongs to uid")), "{error}");
}

#[tokio::test]
async fn a_stale_socket_is_replaced() {
    let (_dir, path) = place();
    drop(bind(&path).await.unwrap());
    // A listener of the standard library leaves its file behind, as a killed agent does.
    drop(StdListener::bind(&path).unwrap());
    let stale = fs::symlink_metadata(&path).unwrap();
    let listener = bind(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
    drop(listener);
    assert!(!path.exists(), "inode {} was replaced, and its successor unlinked", stale.ino());
}

#[tokio::test]
async fn a_listening_socket_of_another_program_is_kept() {
    let (_dir, path) = place();
    drop(bind(&path).await.unwrap());
    let _other = StdListener::bind(&path).unwrap();
    let before = fs::symlink_metadata(&path).unwrap().ino();
    assert!(matches!(bind(&path).await, Err(LinkError::AddressInUse(_))));
    assert_eq!(fs::symlink_metadata(&path).unwrap().ino(), before);
}

#[tokio::test]
async fn a_symlink_in_the_sockets_place_is_refused() {
    let (dir, path) = place();
    drop(bind(&path).await.unwrap());
    // Its target is even a stale socket: what a link points to is never looked at.
    let target = dir.path().join("elsewhere.sock");
    drop(StdListener::bind(&target).unwrap());
    for to in [target.clone(), dir.path().join("nowhere")] {
        symlink(&to, &path).unwrap();
        let error = bind(&path).await.unwrap_err();
        assert!(matches!(error, LinkError::ForeignFile { what: "a symlink", .. }), "{error}");
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        fs::remove_file(&path).unwrap();
    }
    assert!(target.exists());
}

#[tokio::test]
async fn a_foreign_file_is_refused_and_kept() {
    let (_dir, path) = place();
    drop(bind(&path).await.unwrap());
    fs::write(&path, "somebody's notes").unwrap();
    let error = bind(&path).await.unwrap_err();
    assert!(matches!(error, LinkError::ForeignFile { what: "no socket", .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's notes");
}

#[tokio::test]
async fn only_our_own_socket_is_unlinked() {
    let (_dir, path) = place();
    let listener = bind(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "the successor").unwrap();
    drop(listener);
    assert_eq!(fs::read_to_string(&path).unwrap(), "the successor");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_start_at_once_one_wins() {
    for _ in 0..20 {
        let (_dir, path) = place();
        drop(bind(&path).await.unwrap());
        drop(StdListener::bind(&path).unwrap());
        let starting: Vec<_> = (0..4)
            .map(|_| {
                tokio::spawn({
                    let path = path.clone();
                    async move { bind(&path).await }
                })
            })
            .collect();
        let mut won = Vec::new();
        for start in starting {
            match start.await.unwrap() {
                Ok(listener) => won.push(listener),
                Err(LinkError::AddressInUse(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won.len(), 1);
        super::super::connect(won[0].address(), Limits::default()).await.unwrap();
    }
}

#[tokio::test]
async fn a_path_too_long_is_named() {
    let (dir, _) = place();
    let path = dir.path().join("x".repeat(120)).join("agent.sock");
    assert!(matches!(bind(&path).await, Err(LinkError::PathTooLong(_))));
    let address = super::super::Address::Unix(path);
    assert!(matches!(super::super::connect(&address, Limits::default()).await, Err(LinkError::PathTooLong(_))));
}

#[tokio::test]
async fn a_relative_path_is_refused() {
    assert!(matches!(bind(Path::new("agent.sock")).await, Err(LinkError::Directory { .. })));
    assert!(matches!(bind(Path::new("pmq/agent.sock")).await, Err(LinkError::Directory { .. })));
}
