//! Taps and views of a running driver.

use super::*;
use pmq_pipeline::{Tap, TapItem, TapRecord, TapSubject};

fn tapped(tap: &Tap, capacity: usize) -> Bench {
    Bench::start_tapped(|stream| Pipeline::new(&network_plan("4s"), stream), tap.clone(), capacity)
}

async fn inspect(bench: &Bench) -> Vec<pmq_pipeline::LinkView> {
    let (answer, answered) = oneshot::channel();
    bench.ups.send(DriverMessage::Inspect(answer)).await.unwrap();
    soon(answered).await.unwrap()
}

#[tokio::test]
async fn a_tap_sees_each_outcome() {
    let tap = Tap::default();
    let mut look = tap.look();
    let mut bench = tapped(&tap, 1_024);
    let (mut verifier, _) = bench.attach(1, 64, Some(WIDE), false).await;
    bench.arrive(1..=2).await;
    let tickets = [offer(&mut verifier).await.0, offer(&mut verifier).await.0];
    bench.verdict(1, &tickets[..1], Verdict::Accept).await;
    bench.verdict(1, &tickets[1..], Verdict::Reject).await;
    for expected in [(1, Verdict::Accept), (2, Verdict::Reject)] {
        assert_eq!(bench.report().await, (expected.0, expected.1, Reason::Verified));
        let Some(TapItem::Record(TapRecord { outcome, ended, what: TapSubject::Message { id, size: 10, arrived, .. }, .. })) =
            soon(look.next()).await
        else {
            panic!("not seen")
        };
        assert_eq!((number(&id), outcome.verdict, outcome.reason), (expected.0, expected.1, Reason::Verified));
        assert!(ended >= arrived);
    }
    // What found the inlet full is known by its count.
    bench.overflowed.note(&pmq_pipeline::testing::topic(0));
    let sight = soon(look.next()).await;
    assert!(
        matches!(&sight, Some(TapItem::Record(TapRecord { outcome, what: TapSubject::Missed(1), .. })) if outcome.reason == Reason::QueueFull),
        "{sight:?}"
    );
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn a_tap_that_stops_reading_harms_nothing_and_is_told_what_it_lost() {
    const MANY: u64 = 3_000;
    let tap = Tap::new(64);
    let mut stuck = tap.look();
    let mut bench = tapped(&tap, MANY as usize);
    let (mut verifier, _) = bench.attach(1, 4_096, Some(WIDE), false).await;
    let numbers: Vec<u64> = (1..=MANY).collect();
    for chunk in numbers.chunks(500) {
        bench.arrive(chunk.iter().copied()).await;
        let mut tickets = Vec::new();
        for _ in chunk {
            tickets.push(offer(&mut verifier).await.0);
        }
        bench.verdict(1, &tickets, Verdict::Accept).await;
    }
    // Every message has its outcome although nobody has looked at a single one.
    let ends = bench.ends(MANY as usize).await;
    assert!(ends.iter().all(|end| (end.1, end.2) == (Verdict::Accept, Reason::Verified)));
    let Some(TapItem::Lost(lost)) = soon(stuck.next()).await else { panic!("nothing was lost") };
    let mut seen = 0;
    while let Some(Some(TapItem::Record(_))) = futures::FutureExt::now_or_never(stuck.next()) {
        seen += 1;
    }
    assert_eq!((lost, seen), (MANY - 64, 64));
    bench.stop().await.unwrap();
}

#[tokio::test]
async fn views_show_credit_lag_and_what_went_wrong() {
    let mut bench = Bench::plain("4s");
    let narrow = Window { messages: 2, bytes: 1 << 20 };
    let (mut verifier, _) = bench.attach(7, 64, Some(narrow), false).await;
    let (_consumer, _) = bench
        .attach_terms(8, 64, None, Some(ConsumerTerms { name: "1/slow".into(), cursor: Cursor::default(), window: narrow, policy: None }))
        .await;
    bench.arrive(1..=6).await;
    for _ in 0..3 {
        let tickets = [offer(&mut verifier).await.0, offer(&mut verifier).await.0];
        bench.verdict(7, &tickets, Verdict::Accept).await;
        for _ in 0..2 {
            assert_eq!(bench.report().await.1, Verdict::Accept);
        }
    }
    bench.verdict(7, &[Ticket::new(900, 1)], Verdict::Accept).await;
    let _ = soon(verifier.recv()).await;
    bench.ups.send(DriverMessage::Pause(LinkId(7), true)).await.unwrap();
    let views = inspect(&bench).await;
    let [verifier, consumer] = views.as_slice() else { panic!("{views:?}") };
    let verify = verifier.verify.as_ref().unwrap();
    assert_eq!((verifier.link, verify.window, verify.outstanding, verify.paused), (LinkId(7), narrow, Outstanding::default(), true));
    assert_eq!(verifier.refused.iter().collect::<Vec<_>>(), [("unknown", 1)]);
    let consume = consumer.consume.as_ref().unwrap();
    assert_eq!((&*consume.name, consume.outstanding.messages, consume.lag), ("1/slow", 2, 4));
    assert_eq!((consumer.verify.is_none(), consumer.dropped.iter().count()), (true, 0));
    bench.stop().await.unwrap();
}
