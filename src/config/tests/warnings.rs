//! What works and is hardly meant; what has to be meant.

use super::{AGENT, Files, NETWORK};

#[test]
fn who_gets_in_by_a_parents_door_or_does_not_is_a_warning() {
    let warnings = |attach: &str| {
        let agent = format!("{AGENT}\n{attach}");
        let config = Files::new(&agent, &[("weather.toml", NETWORK)]).load(&[], &[]).unwrap();
        config.warnings.iter().map(|warning| (warning.key.clone().unwrap(), warning.what.clone())).collect::<Vec<_>>()
    };
    let signer = "[[attach.grpc.client]]\nname = \"signer\"\ncertificate_file = \"signer.crt\"\n";
    let tls = format!(
        "[attach.grpc]\nbind = [\"grpcs://0.0.0.0:8001\"]\n[attach.grpc.tls]\ncertificate_file = \"agent.crt\"\nkey_file = \"agent.key\"\n{signer}"
    );
    for (attach, keys) in [
        ("[attach.quic]\nbind = [\"127.0.0.1:5580\"]\n".to_owned(), vec!["attach.quic.bind"]),
        ("[attach.grpc]\nbind = [\"grpc://127.0.0.1:8001\"]\ntrust_loopback = true\n".to_owned(), vec!["attach.grpc.trust_loopback"]),
        (
            "[attach.grpc]\nbind = [\"grpc://0.0.0.0:8001\"]\ninsecure = true\n[[attach.grpc.token]]\nname = \"x\"\nfile = \"x\"\n"
                .to_owned(),
            vec!["attach.grpc.bind[0]", "attach.grpc.token[0]"],
        ),
        (signer.to_owned(), vec!["attach.grpc.bind", "attach.grpc.client[0]"]),
        (format!("{tls}[[attach.grant]]\ncertificate = \"signer\"\n"), vec!["attach.grant[0]"]),
        (format!("{tls}[[attach.grant]]\ncertificate = \"signer\"\n[[attach.grant]]\nuid = \"self\"\n"), vec![]),
        (format!("{tls}[[attach.grant]]\ncertificate = \"signer\"\n[[attach.grant]]\nuid = 1001\n"), vec![]),
    ] {
        let told = warnings(&attach);
        assert_eq!(told.iter().map(|(key, _)| &**key).collect::<Vec<_>>(), keys, "{attach}: {told:?}");
    }
}

#[test]
fn what_works_but_is_hardly_meant_is_a_warning() {
    let warnings = |network: &str| Files::new(AGENT, &[("weather.toml", network)]).load(&[], &[]).unwrap().warnings;
    assert_eq!(warnings(NETWORK), []);
    let [content] =
        warnings(&NETWORK.replace(
            "\n[[stage]]\nuse = \"validation",
            "[gossip]\nmessage_id = { function = \"content\" }\n\n[[stage]]\nuse = \"validation",
        ))
        .try_into()
        .unwrap();
    assert_eq!(content.key.as_deref(), Some("gossip.message_id"), "{content}");
    let [unverified] =
        warnings(&NETWORK.replace("validation-queue\"", "validation-queue\"\nfallback = { timeout = \"accept-unverified\" }"))
            .try_into()
            .unwrap();
    assert_eq!(unverified.key.as_deref(), Some("stage[0].fallback.timeout"), "{unverified}");
    let window = "[[stage]]\nuse = \"decode\"\ncodec = \"pmq\"\n\n[[stage]]\nuse = \"sequence-window\"\nskip = 100\nvalidity = 300\n\n[[stage]]\nuse = \"validation";
    let slow = NETWORK.replace("[[stage]]\nuse = \"validation", window);
    let [skip] = warnings(&slow).try_into().unwrap();
    assert_eq!((skip.key.as_deref(), skip.value.as_deref()), (Some("stage[1].skip"), Some("100")), "{skip}");
    assert!(skip.help.contains("at least 200"), "{skip}");
    let fast = slow.replace("topics =", "expected_rate = 100.0\ntopics =");
    assert_eq!(
        warnings(&fast).iter().map(|warning| warning.key.as_deref().unwrap()).collect::<Vec<_>>(),
        ["stage[1].skip", "stage[1].validity"]
    );
}

#[test]
fn a_fallback_accepts_in_so_many_words_alone_and_rejects_nothing() {
    for cause in ["no_verifier", "queue_full", "timeout", "paused", "verifier_lost"] {
        let with = |fallback: &str| {
            let queue = format!("validation-queue\"\nfallback = {{ {cause} = \"{fallback}\" }}");
            Files::new(AGENT, &[("weather.toml", &NETWORK.replace("validation-queue\"", &queue))]).load(&[], &[])
        };
        for refused in ["accept", "reject"] {
            let error = with(refused).unwrap_err();
            let key = format!("stage[0].fallback.{cause}");
            assert_eq!((error.key.as_deref(), error.value.as_deref()), (Some(&*key), Some(&*format!("\"{refused}\""))), "{error}");
            let text = error.to_string();
            assert!(text.contains("accept-unverified") && text.contains("ignore"), "{text}");
        }
        let config = with("accept-unverified").unwrap();
        let causes = config.settings.networks[0].plan.queue.accepts_unverified();
        assert_eq!(causes.iter().map(|cause| cause.as_str().replace('-', "_")).collect::<Vec<_>>(), [cause]);
    }
}
