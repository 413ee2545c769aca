#![allow(clippy::unwrap_used)]

use super::*;
use pmq_pipeline::Topics;

#[test]
fn what_a_session_gives_back_is_kept_for_a_while_unless_another_one_holds_it() {
    let (mut table, mut topics) = (Subscriptions::default(), Topics::new(3));
    let [rain, snow, hail] = ["rain", "snow", "hail"].map(|name| topics.intern(name).unwrap());
    let (one, two, start) = (Holder::Session(1), Holder::Session(2), Instant::now());
    let linger = Duration::from_secs(4);
    table.add(rain.clone(), Holder::File);
    for topic in [&rain, &snow, &hail] {
        table.add(topic.clone(), one);
    }
    assert!(table.is_last(&snow, one) && !table.is_last(&rain, one));
    assert!(table.release(one, start, |_| linger));
    assert!(!table.release(one, start, |_| linger), "it holds nothing any more");
    assert_eq!(table.next(), Some(start + linger));
    assert!(table.expired(start + linger / 2).is_none());
    // The parent is back in time for one of them.
    table.add(snow.clone(), two);
    assert_eq!(table.expired(start + linger).map(|topic| topic.index), Some(hail.index));
    assert!(table.expired(start + linger).is_none() && table.next().is_none());
    assert!(table.holds(&rain, Holder::File) && table.holds(&snow, two));
    table.remove(&snow, two);
    assert!(!table.holds(&snow, two));
}
