//! What a verdict does, and what none of its kind does.

use pmq_client::RefuseCode;
use pmq_protocol::wire::{SessionId, Ticket, Verdict};

use crate::rig::hand::{Offer, judged};
use crate::rig::{Asks, Bench, Setting, text, texts};

cases! {
    verdicts_in_order: "Verdicts in the order of the offers: what is accepted is forwarded and delivered, nothing else is.",
    verdicts_out_of_order: "Verdicts in any other order do the same, each for the message that its ticket names.",
    verdict_late: "A verdict after the deadline is refused as late, counted, and changes nothing; it gives its credit back.",
    verdict_twice: "A second verdict on a ticket is refused, counted, and changes nothing.",
    verdict_unknown_ticket: "A verdict for a ticket that was never handed out is refused, counted, and changes nothing.",
    verdict_foreign_ticket: "A verdict for a ticket that another session holds is refused, counted, and changes nothing.",
    verdict_stale_session: "A verdict in the name of a former session is refused as stale, counted, and changes nothing.",
    verdicts_good_and_bad: "In one frame with verdicts that are refused, the others take effect.",
}

/// Judges ten messages in the order that `order` gives.
async fn judge_ten(bench: &Bench, order: [usize; 10]) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..10).await;
    let offers = parent.offered(10).await;
    assert_eq!(offers.iter().map(Offer::text).collect::<Vec<_>>(), texts(0..10), "offers come in the order of arrival");
    let verdict = |number: usize| Verdict::ALL[number % 3];
    for number in order {
        parent.verdict(offers[number].ticket, verdict(number));
    }
    assert_eq!(agent.outcomes(10).await, (4, 3, 3));
    let accepted: Vec<usize> = order.into_iter().filter(|&number| verdict(number) == Verdict::Accept).collect();
    assert_eq!(consumer.messages(4).await, texts(accepted.iter().copied()), "delivered in the order of release");
    bench.publish("the last").await;
    let last = parent.offered(1).await.remove(0);
    parent.verdict(last.ticket, Verdict::Accept);
    let mut forwarded = texts(accepted);
    forwarded.push("the last".to_owned());
    assert_eq!(bench.forwarded(5).await, forwarded, "and nothing else is forwarded");
    assert_eq!(consumer.messages(1).await, ["the last"]);
    parent.settled().await;
    assert!(parent.refusals.is_empty(), "{:?}", parent.refusals);
}

async fn verdicts_in_order(bench: &Bench) {
    judge_ten(bench, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
}

async fn verdicts_out_of_order(bench: &Bench) {
    judge_ten(bench, [7, 9, 0, 4, 8, 2, 6, 1, 5, 3]).await;
}

/// The next message is accepted, delivered and forwarded: whatever was refused has left the session and the road as they were. `before`
/// messages were forwarded and delivered until then.
async fn goes_on(bench: &Bench, parent: &mut crate::rig::Hand, consumer: &mut crate::rig::Hand, before: &[usize]) {
    bench.publish("the next").await;
    let next = parent.offered(1).await.remove(0);
    assert_eq!(next.text(), "the next");
    parent.verdict(next.ticket, Verdict::Accept);
    let mut expected = texts(before.iter().copied());
    expected.push("the next".to_owned());
    assert_eq!(bench.forwarded(expected.len()).await, expected);
    assert_eq!(consumer.messages(expected.len()).await, expected);
    parent.settled().await;
    assert!(parent.refusals.is_empty(), "{:?}", parent.refusals);
}

async fn verdict_late(bench: &Bench) {
    let agent = bench.agent(Setting::deadline("1s")).await;
    // Its window has room for one message, so the next offer shows that the late verdict gave the credit back.
    let mut parent = agent.hand(Asks::verify_window(pmq_protocol::wire::Window { messages: 1, bytes: 1 << 20 })).await;
    bench.publish_numbers(0..1).await;
    let late = parent.offered(1).await.remove(0);
    assert_eq!(agent.outcomes(1).await, (0, 1, 0), "the fallback has taken its place");
    parent.verdict(late.ticket, Verdict::Accept);
    let refusal = parent.refusal().await;
    assert_eq!((refusal.code, refusal.about, refusal.fatal), (RefuseCode::LateVerdict, late.ticket.0, false), "{refusal:?}");
    agent.metric_when("pmq_verdicts_refused_total", &[("why", "late")], 1).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    goes_on(bench, &mut parent, &mut consumer, &[]).await;
    assert_eq!(agent.outcomes(2).await, (1, 1, 0));
}

async fn verdict_twice(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..2).await;
    let offers = parent.offered(2).await;
    for (offer, [first, second]) in offers.iter().zip([[Verdict::Accept, Verdict::Reject], [Verdict::Ignore, Verdict::Accept]]) {
        parent.verdict(offer.ticket, first);
        parent.verdict(offer.ticket, second);
        let refusal = parent.refusal().await;
        // A session does not remember what it has answered.
        assert_eq!((refusal.code, refusal.about, refusal.fatal), (RefuseCode::UnknownTicket, offer.ticket.0, false), "{refusal:?}");
        assert!(refusal.text.contains("has its verdict"), "{refusal:?}");
    }
    assert_eq!(agent.outcomes(2).await, (1, 1, 0));
    goes_on(bench, &mut parent, &mut consumer, &[0]).await;
    assert_eq!(agent.outcomes(3).await, (2, 1, 0));
    refused(&agent, parent, "unknown-ticket", 2).await;
}

/// What a session refused is counted when it ends.
async fn refused(agent: &crate::rig::Agent, parent: crate::rig::Hand, why: &'static str, count: u64) {
    drop(parent);
    agent.metric_when("pmq_attach_refused_total", &[("why", why)], count).await;
}

async fn verdict_unknown_ticket(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..1).await;
    let offer = parent.offered(1).await.remove(0);
    // Slots and generations around the one that is open.
    let Ticket(open) = offer.ticket;
    let never = [Ticket(0), Ticket(open + 1), Ticket(open + (1 << 32)), Ticket(u64::MAX)];
    for ticket in never {
        parent.verdict(ticket, Verdict::Reject);
        let refusal = parent.refusal().await;
        assert_eq!((refusal.code, refusal.about, refusal.fatal), (RefuseCode::UnknownTicket, ticket.0, false), "{refusal:?}");
    }
    parent.verdict(offer.ticket, Verdict::Accept);
    goes_on(bench, &mut parent, &mut consumer, &[0]).await;
    assert_eq!(agent.outcomes(2).await, (2, 0, 0));
    refused(&agent, parent, "unknown-ticket", never.len() as u64).await;
}

async fn verdict_foreign_ticket(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..1).await;
    let offer = parent.offered(1).await.remove(0);
    let mut thief = agent.hand(Asks::verify_window(pmq_protocol::wire::Window { messages: 0, bytes: 0 })).await;
    thief.verdict(offer.ticket, Verdict::Reject);
    let refusal = thief.refusal().await;
    assert_eq!((refusal.code, refusal.about, refusal.fatal), (RefuseCode::UnknownTicket, offer.ticket.0, false), "{refusal:?}");
    parent.verdict(offer.ticket, Verdict::Accept);
    goes_on(bench, &mut parent, &mut consumer, &[0]).await;
    assert_eq!(agent.outcomes(2).await, (2, 0, 0));
    refused(&agent, thief, "unknown-ticket", 1).await;
}

async fn verdict_stale_session(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut former = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..1).await;
    let before = former.offered(1).await.remove(0);
    let session = former.session;
    drop(former);
    let mut parent = agent.hand(Asks::verify()).await;
    let again = parent.offered(1).await.remove(0);
    assert_eq!(again.text(), text(0), "what the former session held waits for another");
    assert_ne!(parent.session, session);
    for stale in [session, SessionId(session.0 ^ 1)] {
        parent.send_as(stale, [judged(before.ticket, Verdict::Reject)]);
        let refusal = parent.refusal().await;
        assert_eq!((refusal.code, refusal.fatal), (RefuseCode::StaleSession, false), "{refusal:?}");
        assert!(refusal.text.contains(&format!("{:016x}", stale.0)), "{refusal:?}");
    }
    parent.verdict(again.ticket, Verdict::Accept);
    goes_on(bench, &mut parent, &mut consumer, &[0]).await;
    assert_eq!(agent.outcomes(2).await, (2, 0, 0));
    refused(&agent, parent, "stale-session", 2).await;
}

async fn verdicts_good_and_bad(bench: &Bench) {
    let agent = bench.agent(Setting::default()).await;
    let mut consumer = agent.hand(Asks::consume()).await;
    let mut parent = agent.hand(Asks::verify()).await;
    bench.publish_numbers(0..3).await;
    let offers = parent.offered(3).await;
    let [a, b, c] = [0, 1, 2].map(|number| offers[number].ticket);
    parent.send([
        judged(a, Verdict::Accept),
        judged(Ticket(7 << 40), Verdict::Accept),
        judged(b, Verdict::Reject),
        judged(a, Verdict::Reject),
        judged(c, Verdict::Accept),
    ]);
    assert_eq!(parent.refusal().await.about, 7 << 40);
    assert_eq!(parent.refusal().await.about, a.0);
    goes_on(bench, &mut parent, &mut consumer, &[0, 2]).await;
    assert_eq!(agent.outcomes(4).await, (3, 0, 1));
    refused(&agent, parent, "unknown-ticket", 2).await;
}
