#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

//! What nodes in other languages have to agree on: `vectors.json`, messages of all kinds and whether they are valid. Keys are fixed and signatures deterministic
//! (RFC 6979), so the file is the same each time. `interop/go/don-parent` reads it, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use k256::ecdsa::Signature;
use serde_json::{Value, json};

use super::message::{Body, Endorsement, Observation, Proposal, Share, Signer, median, network_origin};
use super::test_support::Four;
use super::*;
use pmq_client::{HeaderOrigin, PmqHeader};

/// Set to write the file anew, after a change of what it is made of.
const WRITE: &str = "PMQ_WRITE_VECTORS";

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oracle/vectors.json");

fn fixed() -> (Four, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let secrets: Vec<String> = (1..=4).map(|node| format!("{node:02x}").repeat(32)).collect();
    let key = |secret: &String| {
        std::fs::write(dir.path().join("key"), secret).unwrap();
        Arc::new(NodeKey::load(&dir.path().join("key")).unwrap())
    };
    let keys: Vec<_> = secrets.iter().map(key).collect();
    let publics = keys.iter().map(|key| key.public()).collect::<Vec<_>>();
    // The same nodes in two networks, so that nothing but the content tells them apart.
    let roster = Roster::new(&BTreeMap::from([(Network::Weather, publics.clone()), (Network::Quakes, publics)])).unwrap();
    (Four { keys, roster: Arc::new(roster) }, secrets)
}

/// The other signature that a lax verifier takes: s mirrored.
fn high(sig: Sig) -> Sig {
    let signature = Signature::from_scalars(sig.0, sig.1).unwrap();
    let (r, s) = signature.split_scalars();
    let mirrored = Signature::from_scalars(r.to_bytes(), (-*s).to_bytes()).unwrap();
    let (r, s) = mirrored.split_bytes();
    Sig(r.into(), s.into())
}

fn vectors() -> Value {
    let (four, secrets) = fixed();
    let mut cases = Vec::new();
    let mut case = |what: &str, topic: &str, bytes: Vec<u8>, valid: bool| {
        cases.push(json!({ "what": what, "topic": topic, "bytes": hex::encode(bytes), "valid": valid }));
    };
    let (reports, shares) = (Network::Weather.reports(), Network::Weather.shares());
    let honest = four.report(300);
    case("a report", reports, honest.seal(), true);
    case("f + 1 signers", reports, four.sign(four.body(1, &[0, 1, 2, 3]), &[1, 3]).seal(), true);
    for (what, signers) in [("no signer", &[][..]), ("one signer", &[2]), ("a doubled signer", &[2, 2]), ("signers out of order", &[3, 2])]
    {
        case(what, reports, four.sign(four.body(300, &[0, 1, 2]), signers).seal(), false);
    }
    for (what, observers) in [("two observers", &[0, 1][..]), ("a doubled observer", &[0, 1, 1]), ("observers out of order", &[1, 0, 2])] {
        case(what, reports, four.sign(four.body(300, observers), &[0, 1, 2]).seal(), false);
    }
    let mut wrong = four.body(300, &[0, 1, 2]);
    wrong.median += 1;
    case("a wrong median", reports, four.sign(wrong, &[0, 1, 2]).seal(), false);
    let mut forged = honest.clone();
    forged.signers[1].sig.0[5] ^= 1;
    case("a forged signer", reports, forged.seal(), false);
    let mut mirrored = honest.clone();
    mirrored.signers[1].sig = high(mirrored.signers[1].sig);
    case("a signature with high s", reports, mirrored.seal(), false);
    let mut forged = honest.body.clone();
    forged.observations[2].sig.1[5] ^= 1;
    case("a forged observer", reports, four.sign(forged, &[0, 1, 2]).seal(), false);
    let mut stranger = honest.clone();
    stranger.signers[2].node = 4;
    case("a signer whom nobody knows", reports, stranger.seal(), false);
    case("on another network's topic", Network::Quakes.reports(), honest.seal(), false);
    case("on no topic of the demo", "weather.other", honest.seal(), false);
    case("on the topic of shares", shares, honest.seal(), false);
    let sealed = honest.seal();
    let mut other_number = sealed.clone();
    other_number[16] ^= 1;
    case("another number in the header", reports, other_number, false);
    case("a byte too many", reports, [&sealed[..], &[0]].concat(), false);
    case("a byte too few", reports, sealed[..sealed.len() - 1].to_vec(), false);
    case("half a header", reports, sealed[..30].to_vec(), false);
    let (header, content, signatures) = PmqHeader::split(&sealed).unwrap();
    let mut short = Vec::new();
    PmqHeader { origin: HeaderOrigin::Short(network_origin(Network::Weather)[..20].try_into().unwrap()), ..header }.write(&mut short);
    // One bit more than it takes: postcard reads it, and no signature is over it.
    let padded = |content: &[u8], at: usize, by: &[u8]| [&content[..at], by, &content[at + 1..]].concat();
    let reseal = |header: PmqHeader, content: &[u8], rest: &[u8]| {
        let mut bytes = Vec::new();
        PmqHeader { content: content.len() as u32, ..header }.write(&mut bytes);
        [&bytes[..], content, rest].concat()
    };
    case("a padded network", reports, reseal(header, &padded(content, 0, &[0x80, 0]), signatures), false);
    case(
        "a network padded beyond 32 bits",
        reports,
        reseal(header, &padded(content, 0, &[0x80, 0x80, 0x80, 0x80, 0x80, 0]), signatures),
        false,
    );
    case("a padded epoch", reports, reseal(header, &padded(content, 1, &[0x87, 0]), signatures), false);
    case("an origin of 20 bytes", reports, [&short[..], content, signatures].concat(), false);

    let (round, seen) = (honest.body.round, honest.body.observations[1]);
    let origin = |node| four.roster.origin(Network::Weather, node).unwrap();
    let share = Internal::Share(Share { round, observation: seen });
    case("a share", shares, share.seal(origin(1)), true);
    let far = Round { seq: 1 << 62, ..round };
    let seen_far = Observation { sig: four.keys[1].sign(&far.observed(1, seen.value)), ..seen };
    let share_far = Internal::Share(Share { round: far, observation: seen_far });
    assert_eq!(share_far.number(), u64::MAX);
    case("a share of a round beyond all numbers", shares, share_far.seal(origin(1)), true);
    let sealed = share.seal(origin(1));
    let (header, content, _) = PmqHeader::split(&sealed).unwrap();
    case("a share with a padded epoch", shares, reseal(header, &padded(content, 2, &[0x87, 0]), &[]), false);
    case("a share on another network's topic", Network::Quakes.shares(), share.seal(origin(1)), false);
    let stranger = Observation { node: 4, ..seen };
    case("a share of a node whom nobody knows", shares, Internal::Share(Share { round, observation: stranger }).seal([0; 32]), false);
    case("a share under another node's origin", shares, share.seal(origin(2)), false);
    case("a share on the topic of reports", reports, share.seal(origin(1)), false);
    let mut lie = seen;
    lie.value = -lie.value;
    case("a share that its node has not signed", shares, Internal::Share(Share { round, observation: lie }).seal(origin(1)), false);
    let proposal = Proposal { body: honest.body.clone(), by: honest.signers[0] };
    case("a proposal", shares, Internal::Proposal(proposal.clone()).seal(origin(0)), true);
    let mut unsigned = proposal;
    unsigned.by.sig = honest.signers[1].sig;
    case("a proposal that its node has not signed", shares, Internal::Proposal(unsigned).seal(origin(0)), false);
    // Sealed and signed by the liar itself, so that the body alone tells.
    let mut proposed = |what: &str, change: &dyn Fn(&mut Body)| {
        let mut body = four.body(300, &[0, 1, 2]);
        change(&mut body);
        let by = Signer { node: 0, sig: four.keys[0].sign(&body.signed_bytes()) };
        case(what, shares, Internal::Proposal(Proposal { body, by }).seal(origin(0)), what == "a proposal of other observers");
    };
    proposed("a proposal of other observers", &|_| {});
    proposed("a proposal with a wrong median", &|body| body.median -= 1);
    proposed("a proposal of two observers", &|body| {
        body.observations.pop();
        body.median = median(body.observations.iter().map(|seen| seen.value));
    });
    proposed("a proposal with a doubled observer", &|body| {
        body.observations[2] = body.observations[1];
        body.median = median(body.observations.iter().map(|seen| seen.value));
    });
    proposed("a proposal with a forged observer", &|body| body.observations[1].sig.1[5] ^= 1);
    let endorsement = Endorsement::new(&honest.body, 2, &four.keys[2]);
    case("an endorsement", shares, Internal::Endorsement(endorsement).seal(origin(2)), true);
    let other = Endorsement { tag: endorsement.tag ^ 1, ..endorsement };
    case("an endorsement of something else", shares, Internal::Endorsement(other).seal(origin(2)), false);
    let roster: Value = serde_json::from_str(&four.roster.to_json().unwrap()).unwrap();
    json!({ "roster": roster, "keys": secrets, "cases": cases })
}

#[test]
fn the_vectors_are_what_this_program_makes_and_judges() {
    let vectors = vectors();
    let text = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, &text).unwrap();
    }
    assert!(
        std::fs::read_to_string(FILE).unwrap() == text,
        "vectors.json is of another version: run this test with {WRITE}=1 and look at the difference"
    );
    let (four, _) = fixed();
    for case in vectors["cases"].as_array().unwrap() {
        let (topic, bytes) = (case["topic"].as_str().unwrap(), hex::decode(case["bytes"].as_str().unwrap()).unwrap());
        let valid = match (Network::from_reports(topic), Network::from_shares(topic)) {
            (Some(network), _) => four.roster.check_report(network, &bytes).is_ok(),
            (_, Some(network)) => four.roster.check_internal(network, &bytes).is_ok(),
            _ => false,
        };
        assert_eq!(valid, case["valid"], "{}", case["what"]);
    }
}
