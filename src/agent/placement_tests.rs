#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::thread::current;

use super::*;

async fn thread_of(placement: Placement) -> thread::ThreadId {
    let home = SwarmHome::new(placement).unwrap();
    home.spawn(async { tokio::spawn(async { current().id() }).await.unwrap() }).await.unwrap()
}

#[tokio::test]
async fn together_is_the_thread_of_everything_else() {
    assert_eq!(thread_of(Placement::Together).await, current().id());
}

#[tokio::test]
async fn apart_is_another_thread_for_what_is_spawned_there_too() {
    assert_ne!(thread_of(Placement::Apart).await, current().id());
}

#[tokio::test]
async fn the_thread_ends_with_its_home() {
    let home = SwarmHome::new(Placement::Apart).unwrap();
    let never = home.spawn(std::future::pending::<()>());
    drop(home);
    assert!(never.await.unwrap_err().is_cancelled());
}
