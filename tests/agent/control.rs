//! The control socket of a running agent, through the commands that ask it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use pmq_client::{ConsumeOptions, VerifyOptions};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use pmq_testing::{Ran, Setup, judge, message, network, next, pair, soon, until};

#[tokio::test]
async fn a_tap_shows_every_outcome_with_its_reason() {
    let (a, parent, b) = pair(Setup::new("1s"), Setup::new("1s")).await;
    let health = a.health_when("its id", |health| health["subsystems"]["gossip"]["detail"]["peer_id"].is_string()).await;
    let mut tap = b.tap(r#"{"v":1,"tap":{}}"#).await;
    let mut rejects = b.tap(r#"{"v":1,"tap":{"topics":["wea*"],"networks":["weather"],"outcomes":["reject"],"limit":1}}"#).await;
    let mut others = b.tap(r#"{"v":1,"tap":{"topics":["elsewhere"],"limit":1}}"#).await;
    assert_eq!(b.metric("pmq_taps", &[]).await, Some(3.0));
    // Nobody verifies yet: the first one is ignored at its deadline.
    parent.publish("weather", "weather", "good, and nobody says so").await.unwrap();
    let shown = tap.next().await["message"].clone();
    assert_eq!((&shown["outcome"], &shown["reason"], &shown["topic"]), (&"ignore".into(), &"no-verifier".into(), &"weather".into()));
    assert_eq!((&shown["size"], &shown["network"]), (&24.into(), &"weather".into()));
    assert_eq!(shown["peer"], health["subsystems"]["gossip"]["detail"]["peer_id"]);
    let waited = shown["waited_us"].as_u64().unwrap();
    assert!((1_000_000..5_000_000).contains(&waited), "{waited}");
    let _verifier = b.verifier("weather").await;
    b.network_when("weather", "the verifier", |network| network["verifiers"] == 1).await;
    for (payload, outcome) in [("good 1", "accept"), ("unclear 2", "ignore"), ("bad 3", "reject")] {
        let published = parent.publish("weather", "weather", payload).await.unwrap();
        let shown = tap.next().await["message"].clone();
        assert_eq!((&shown["outcome"], &shown["reason"]), (&outcome.into(), &"verified".into()), "{payload}");
        assert_eq!(shown["id"], published.id.to_string());
    }
    assert_eq!(rejects.next().await["message"]["outcome"], "reject");
    assert_eq!(rejects.next().await["done"]["count"], 1);
    assert!(rejects.end().await.is_none());
    drop(tap);
    drop(rejects);
    until("the end of two taps", async || b.metric("pmq_taps", &[]).await.filter(|taps| *taps < 1.5)).await;
    // What passes no filter was never said.
    others.writer.shutdown().await.unwrap();
    assert!(others.end().await.is_none());
}

#[tokio::test]
async fn the_command_prints_a_line_for_each_message() {
    let (_a, parent, b) = pair(Setup::new("4s"), Setup::new("4s")).await;
    let _verifier = b.verifier("weather").await;
    for (format, expected) in [("text", "  accept   verified  "), ("json", r#"{"message":{"at":""#)] {
        let mut command = b.command(&["tap", "weather", "--outcome", "accept,reject", "--limit", "2", "--output", format]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the tap", async || b.metric("pmq_taps", &[]).await.filter(|taps| *taps > 0.5)).await;
        for payload in ["good 1", "unclear 2", "bad 3"] {
            parent.publish("weather", "weather", format!("{payload} {format}")).await.unwrap();
        }
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
        let ran = Ran::from(soon("the tap's end", ended).await.unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
        let lines: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with("TIME")).collect();
        assert_eq!(lines.len(), 2, "{}", ran.out);
        assert!(lines[0].contains(expected) && lines[1].contains("reject"), "{}", ran.out);
    }
}

#[tokio::test]
async fn a_tap_whose_reader_stops_reading_harms_nothing() {
    // Each message is a record of some 300 bytes for the tap: more than its socket and its ring hold.
    const MANY: u64 = 12_000;
    let quick = network("weather", "", "10s")
        .replace("[[stage]]\nuse = \"validation-queue\"", "[[stage]]\nuse = \"validation-queue\"\nmax_messages = 20000");
    let (_a, parent, b) = pair(Setup::with(&[&quick]), Setup::with(&[&quick])).await;
    let options = VerifyOptions::default();
    let client = b.builder().verify("weather", options).connect().await.unwrap();
    judge(&client, "weather");
    let stuck = b.tap(r#"{"v":1,"tap":{}}"#).await;
    let mut sent = 0;
    while sent < MANY {
        let batch = (sent..sent + 500).map(|number| parent.publish("weather", "weather", format!("good {number}")));
        let results = futures::future::join_all(batch).await;
        assert!(results.iter().all(Result::is_ok));
        sent += 500;
    }
    let health = b.network_when("weather", "every outcome", |network| network["verdicts"]["accept"] == MANY).await;
    assert_eq!((&health["came_in"], &health["pending"]["messages"]), (&MANY.into(), &0.into()));
    let mut stuck = stuck;
    let (mut seen, mut lost) = (0, 0);
    while seen + lost < MANY {
        let line = stuck.next().await;
        seen += u64::from(line["message"].is_object());
        lost += line["lost"]["lost"].as_u64().unwrap_or_default();
    }
    assert!(lost > 0 && seen > 0, "{seen} seen, {lost} lost");
    assert_eq!(seen + lost, MANY);
    assert_eq!(b.metric("pmq_tap_lost_total", &["network=\"weather\""]).await, Some(lost as f64));
}

#[tokio::test]
async fn lines_are_published_and_reach_a_neighbours_consumer() {
    let (a, _parent, b) = pair(Setup::new("4s"), Setup::new("4s")).await;
    let client = b.builder().verify("weather", VerifyOptions::default()).consume("weather", ConsumeOptions::default());
    let client = client.connect().await.unwrap();
    judge(&client, "weather");
    let mut consumer = client.consumer("weather").unwrap();

    let ran = a.asked(&["publish", "weather"], "good 1\ngood 2\ngood 1").await;
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{}", ran.out);
    assert!(ran.out.starts_with("2 sent to 1 peer, 1 duplicate, in "), "{}", ran.out);
    let mut got = [message(&mut consumer).await, message(&mut consumer).await];
    got.sort();
    assert_eq!(got, ["good 1", "good 2"]);

    std::fs::write(a.setup.dir.path().join("lines"), format!("{}\n", ["good 3", "good 4", "good 5"].map(hex::encode).join("\n"))).unwrap();
    let ran = a.asked(&["publish", "weather", "lines", "--hex", "--rate", "20", "--network", "weather", "--output", "json"], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&summary["sent"], &summary["failed"], &summary["peers"]["least"]), (&3.into(), &serde_json::json!({}), &1.into()));
    // Three at 20 a second: the third one is due a tenth of a second after the first.
    assert!(summary["seconds"].as_f64().unwrap() >= 0.1, "{summary}");
    for expected in ["good 3", "good 4", "good 5"] {
        assert_eq!(message(&mut consumer).await, expected);
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_told() {
    let front = "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n";
    let setup = Setup::with(&[&network("weather", front, "4s"), &network("prices", "", "4s")]);
    let agent = setup.start().await;
    let ran = agent.asked(&["publish", "weather"], "no header\n").await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.starts_with("0 sent, 1 failed (invalid 1)"), "{}", ran.out);
    assert!(ran.err.contains("line 1: invalid: not sent: neighbours would reject this message"), "{}", ran.err);
    let ran = agent.asked(&["publish", "prices"], "to nobody\n").await;
    assert!(ran.code == Some(1) && ran.err.contains("line 1: no-peers: "), "{} {}", ran.out, ran.err);
    let ran = agent.asked(&["publish", "prices", "--hex"], "00\nxy\n").await;
    assert!(ran.code == Some(65) && ran.err.contains("line 2 is no hex") && ran.out.contains("no-peers 1"), "{} {}", ran.out, ran.err);
    for (arguments, code, said) in [
        (["publish", "elsewhere", "-"].as_slice(), 64, "no network claims topic \"elsewhere\"; they claim: weather"),
        (&["publish", "prices", "--network", "weather"], 64, "network weather does not claim topic \"prices\""),
        (&["publish", "prices", "--network", "nowhere"], 64, "there is no network \"nowhere\"; this agent has weather, prices"),
        (&["publish", "prices", "no-such-file"], 66, "no-such-file: cannot be read"),
        (&["publish", "prices", "--rate", "0"], 64, "take a number of messages a second"),
        (&["tap", "--network", "nowhere"], 64, "there is no network \"nowhere\""),
    ] {
        let ran = agent.asked(arguments, "").await;
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{arguments:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn parents_shows_a_verifier_and_a_slow_consumer() {
    let ring = "[[stage]]\nuse = \"delivery\"\nring_messages = 8\nmax_lag = 8\n";
    let file = network("weather", "", "4s").replace("[[stage]]\nuse = \"delivery\"\n", ring);
    let agent = Setup::with(&[&file]).start().await;
    let ran = agent.asked(&["parents"], "").await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "no parent is attached\n"));

    let _verifier = agent.verifier("weather").await;
    let slow = ConsumeOptions {
        name: "audit".into(),
        window: pmq_protocol::wire::Window { messages: 2, bytes: 1 << 20 },
        ..ConsumeOptions::default()
    };
    let (_client, mut consumer) = agent.consumer("weather", slow).await;
    // What own parents publish is delivered to own consumers, and has no outcome. Nobody takes it: two records are on their way, eight rest in the ring.
    let neighbour = Setup::with(&[&file]).peer(&agent).start().await;
    neighbour.meshed("weather", 1).await;
    let lines: String = (0..30).map(|number| format!("{number}\n")).collect();
    let ran = agent.asked(&["publish", "weather"], &lines).await;
    assert!(ran.code == Some(0) && ran.out.starts_with("30 sent"), "{} {}", ran.out, ran.err);

    let consumes = async || {
        let list: Value = serde_json::from_str(&agent.asked(&["parents", "--output", "json"], "").await.out).unwrap();
        let parents = list["parents"].as_array().unwrap().clone();
        assert_eq!(parents.len(), 2);
        let consume = parents[1]["networks"][0]["consume"].clone();
        Some((parents, consume)).filter(|(_, consume)| consume["lag"].as_u64() > Some(0))
    };
    let (parents, consume) = until("the lag", consumes).await;
    assert_eq!(
        (&parents[0]["networks"][0]["roles"], &parents[0]["networks"][0]["verify"]["paused"]),
        (&serde_json::json!(["verify"]), &false.into())
    );
    assert_eq!((&consume["outstanding"]["messages"], &consume["window"]["messages"]), (&2.into(), &2.into()));
    let uid = rustix::process::geteuid().as_raw();
    assert_eq!(consume["name"], format!("{uid}/audit"));
    assert!(parents[0]["who"].as_str().unwrap().starts_with(&format!("uid {uid}")), "{}", parents[0]);
    assert_eq!(parents[0]["over"], agent.url());

    // It reads on: what the ring had no room for is a gap.
    let mut seen = 0;
    while seen < 3 {
        next(&mut consumer).await;
        seen += 1;
    }
    let text = until("the drops", async || {
        let ran = agent.asked(&["parents"], "").await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        Some(ran.out).filter(|out| out.contains("lost: drop-oldest "))
    })
    .await;
    assert!(text.starts_with("SESSION ") && text.contains("\n  weather  verify ") && text.contains(&format!("name {uid}/audit")), "{text}");
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_name() {
    let agent = Setup::new("4s").more("[control]\nmax_clients = 2\n").start().await;
    for (line, code, said) in [
        ("{\"v\":2,\"more\":{}}".to_owned(), "version", "this agent speaks 1"),
        ("{\"v\":1}".to_owned(), "bad-request", "exactly one of `tap`"),
        ("{\"v\":1,\"tap\":{\"topic\":[]}}".to_owned(), "bad-request", "unknown field `topic`"),
        ("{\"tap\":{}}".to_owned(), "bad-request", "`v` is missing"),
        ("hello".to_owned(), "bad-request", "cannot be read"),
        ("x".repeat(70_000), "too-long", "more than 65536 bytes"),
    ] {
        let mut lines = agent.ask(&line).await;
        let answer = lines.next().await;
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(answer["error"]["text"].as_str().unwrap().contains(said), "{answer}");
    }
    let _taps = [agent.tap(r#"{"v":1,"tap":{}}"#).await, agent.tap(r#"{"v":1,"tap":{}}"#).await];
    let ran = agent.asked(&["parents"], "").await;
    assert_eq!(ran.code, Some(69));
    assert!(ran.err.contains("control.max_clients"), "{}", ran.err);
}

#[tokio::test]
async fn nobody_there_another_user_and_another_agent_in_the_same_place() {
    let agent = Setup::new("4s").start().await;
    assert_eq!(std::fs::metadata(agent.control()).unwrap().permissions().mode() & 0o777, 0o600);

    // Its own parents' socket, and the first one's control socket.
    let second = Setup::new("4s").more(&format!("[control]\npath = {:?}\n", agent.control()));
    let (code, said, _) = second.run_to_end();
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("control.path") && said.contains("already"), "{said}");

    if rustix::process::geteuid().is_root() {
        let foreign = |uid: u32| {
            let mut command = agent.command(&["parents"]);
            std::os::unix::process::CommandExt::uid(&mut command, uid);
            Ran::from(command.output().unwrap())
        };
        let open = |path: &std::path::Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        open(agent.setup.dir.path(), 0o755);
        let ran = foreign(12_345);
        assert_eq!(ran.code, Some(77), "{}", ran.err);
        assert!(ran.err.contains("not permitted to ask"), "{}", ran.err);
        // Even if the file lets others in, they are not answered.
        open(&agent.control(), 0o666);
        let ran = foreign(12_345);
        assert_eq!((ran.code, ran.out.as_str()), (Some(77), ""), "{}", ran.err);
        assert!(ran.err.contains("uid 12345 may not control the agent of uid 0"), "{}", ran.err);
    }

    let socket = agent.control();
    let tap = agent.tap(r#"{"v":1,"tap":{}}"#).await;
    let mut agent = agent;
    agent.signal(rustix::process::Signal::TERM);
    let mut tap = tap;
    assert_eq!(tap.next().await["error"]["code"], "shutting-down");
    assert!(agent.exited().await.success());
    assert!(!socket.exists());
    let ran = agent.asked(&["tap"], "").await;
    assert_eq!(ran.code, Some(69));
    assert!(ran.err.contains("no agent answers at") && ran.err.contains("is it running"), "{}", ran.err);
    let setup = agent.killed().await;
    let agent = setup.more("[control]\nenabled = false\n").start().await;
    assert!(!agent.control().exists());
    let _still = agent.producer("weather").await;
}

#[tokio::test]
async fn a_parents_own_reason_is_shown_and_its_group_and_shadow_too() {
    let groups = network("weather", "", "4s").replace("deadline = \"4s\"", "deadline = \"4s\"\ngroups = [\"first\"]");
    let (_a, parent, b) = pair(Setup::with(&[&groups]), Setup::with(&[&groups])).await;
    let options = VerifyOptions { group: "first".into(), ..VerifyOptions::default() };
    let client = b.builder().verify("weather", options).connect().await.unwrap();
    let verdicts = |batch: &mut [pmq_client::Incoming]| batch.iter_mut().for_each(|message| message.reject_because(7, "no quorum"));
    client.verify("weather", verdicts).unwrap();
    let mut tap = b.tap(r#"{"v":1,"tap":{}}"#).await;
    parent.publish("weather", "weather", "whatever").await.unwrap();
    let shown = tap.next().await["message"].clone();
    assert_eq!((&shown["outcome"], &shown["said"]), (&"reject".into(), &serde_json::json!({ "code": 7, "text": "no quorum" })));
    assert!(shown["verdict_us"].as_u64().unwrap() <= shown["waited_us"].as_u64().unwrap(), "{shown}");
    let list: Value = serde_json::from_str(&b.asked(&["parents", "--output", "json"], "").await.out).unwrap();
    let verify = &list["parents"][0]["networks"][0]["verify"];
    assert_eq!((&verify["group"], &verify["shadow"]), (&"first".into(), &false.into()));
}
