//! Flag > environment > file > default, and what the environment must not say.

use std::ffi::OsString;

use super::super::{Place, search, show};
use super::{AGENT, Files, NETWORK, request};

const LISTEN: &str = "[ops]\nlisten = \"127.0.0.1:1111\"\n";

fn files(ops: &str) -> Files {
    Files::new(&format!("{AGENT}{ops}"), &[("weather.toml", NETWORK)])
}

#[test]
fn the_flag_goes_over_the_environment_over_the_file_over_the_default() {
    let port = |ops, environment: &[_], flags: &[_]| files(ops).load(environment, flags).unwrap().settings.ops.listen.port();
    let variable = [("PMQ__OPS__LISTEN", "127.0.0.1:2222")];
    assert_eq!(port("", &[], &[]), 9464);
    assert_eq!(port(LISTEN, &[], &[]), 1111);
    assert_eq!(port(LISTEN, &variable, &[]), 2222);
    assert_eq!(port("", &variable, &[]), 2222);
    assert_eq!(port(LISTEN, &variable, &["ops.listen=127.0.0.1:3333"]), 3333);
    assert_eq!(port(LISTEN, &variable, &["ops.listen=127.0.0.1:3333", "ops.listen=\"127.0.0.1:4444\""]), 4444);
}

#[test]
fn overrides_are_toml_or_bare_texts() {
    let config = files("")
        .load(
            &[("PMQ__AGENT__THREADS", "2"), ("PMQ__OPS__EXPOSE", "true"), ("PMQ__AGENT__SHUTDOWN_WITHIN", "3s")],
            &["gossip.mesh.gossip_factor=0.5"],
        )
        .unwrap();
    assert_eq!((config.settings.agent.threads, config.settings.ops.expose), (2, true));
    assert_eq!(config.settings.agent.shutdown_within.as_secs(), 3);
    assert!((config.settings.gossip.mesh.gossip_factor - 0.5).abs() < f64::EPSILON);
}

#[test]
fn networks_and_their_stages_are_overridden_by_name() {
    let overrides = [("PMQ__NETWORK__WEATHER__LOOPBACK", "false"), ("PMQ__NETWORK__WEATHER__STAGE__VALIDATION_QUEUE__DEADLINE", "2s")];
    let network = files("").load(&overrides, &["network.weather.max_message=2MiB"]).unwrap().settings.networks.remove(0);
    assert!(!network.loopback);
    assert_eq!(network.max_message, 2 * 1024 * 1024);
    assert_eq!(network.plan.queue.deadline().as_secs(), 2);
}

#[test]
fn a_mistake_in_an_override_names_the_override() {
    for (name, value, key, what) in [
        ("PMQ__OPS__LISTEN", "nonsense", "ops.listen", "invalid socket address"),
        ("PMQ__AGENT__THREADS", "many", "agent.threads", "invalid type"),
        ("PMQ__AGENT__THREADS", "0", "agent.threads", "cannot work"),
        ("PMQ__NETWORK__WEATHER__STAGE__VALIDATION_QUEUE__DEADLINE", "soon", "stage[0].deadline", "expected a duration"),
        ("PMQ__NETWORK__WETHER__LOOPBACK", "true", "network.wether.loopback", "no network is called \"wether\""),
        ("PMQ__AGENT__THREADS__MORE", "1", "", "is no section"),
    ] {
        let setup = files("[agent]\nthreads = 1\n");
        let error = setup.load(&[(name, value)], &[]).unwrap_err();
        assert_eq!(error.place, Place::Variable(name.to_owned()), "{error}");
        assert_eq!(error.key.as_deref().unwrap_or_default(), key, "{error}");
        assert!(error.what.contains(what), "{error}");
        assert!(!error.help.is_empty(), "{error}");
    }
    let error = files("").load(&[], &["gossip.mesh.heartbeat=1 fortnight"]).unwrap_err();
    assert_eq!(error.place, Place::Flag("gossip.mesh.heartbeat".to_owned()));
    assert_eq!(
        error.to_string(),
        "--set gossip.mesh.heartbeat: gossip.mesh.heartbeat = 1 fortnight: invalid value: string \"1 fortnight\", expected a duration; write a number and its unit in quotes, such as \"4s\"; units: ns, us, ms, s, m, h, days"
    );
}

#[test]
fn secrets_are_refused_from_the_environment_and_never_shown() {
    const SECRET: &str = "CAESQHr4-not-for-any-eyes";
    for name in ["PMQ__GOSSIP__IDENTITY_KEY", "PMQ__GOSSIP__KEY", "PMQ__ATTACH__TOKEN", "PMQ__GOSSIP__IDENTITTY"] {
        let error = files("").load(&[(name, SECRET)], &[]).unwrap_err();
        assert_eq!(error.place, Place::Variable(name.to_owned()));
        assert!(!format!("{error} {error:?} {}", error.to_json()).contains(SECRET), "{error}");
    }
    let pem = "-----BEGIN PRIVATE KEY-----";
    let error = files("").load(&[("PMQ__GOSSIP__IDENTITY", pem)], &[]).unwrap_err();
    assert!(error.help.contains("0600") && !format!("{error:?}").contains(pem), "{error}");
    assert!(files("").load(&[("PMQ__GOSSIP__IDENTITY", "other.key")], &[]).unwrap().settings.gossip.identity.ends_with("other.key"));
}

#[test]
fn the_file_is_searched_in_order() {
    let mut request = request(std::path::Path::new("unused"), &[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")], &[]);
    let places: Vec<_> = search(&request).iter().map(|path| path.display().to_string()).collect();
    assert_eq!(places, ["pmq.toml", "/x/pmq/pmq.toml", "/etc/pmq/pmq.toml"]);
    request.environment.remove(0);
    assert_eq!(search(&request)[1], std::path::Path::new("/h/.config/pmq/pmq.toml"));
    // $PMQ_CONFIG goes over the search, --config over both.
    let setup = files("");
    request.file = None;
    request.environment.push(("PMQ_CONFIG".into(), setup.agent().into()));
    assert_eq!(super::load(&request).unwrap().file, setup.agent());
    request.file = Some("/nowhere/pmq.toml".into());
    assert_eq!(super::load(&request).unwrap_err().place, Place::Path("/nowhere/pmq.toml".into()));
}

#[test]
fn an_override_that_is_not_unicode_is_refused_by_name() {
    use std::os::unix::ffi::OsStringExt as _;
    let setup = files("");
    for (name, value, named, part) in [
        (&b"PMQ__ATTACH__UNIX__PATH"[..], &b"run/x\xe9/agent.sock"[..], "PMQ__ATTACH__UNIX__PATH", "value is not valid Unicode"),
        (b"PMQ__OPS__LIST\xe9N", b"x", "PMQ__OPS__LIST\u{fffd}N", "name is not valid Unicode"),
    ] {
        let mut request = request(&setup.agent(), &[], &[]);
        request.environment.push((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())));
        let error = super::load(&request).expect_err(named);
        assert_eq!(error.place, Place::Variable(named.to_owned()), "{error}");
        assert!(error.what.contains(part) && !error.help.is_empty(), "{error}");
    }
    // Others' variables are none of our business.
    let mut request = request(&setup.agent(), &[], &[]);
    request.environment.push((OsString::from_vec(b"OTHER\xe9".to_vec()), OsString::from_vec(b"\xff".to_vec())));
    super::load(&request).unwrap();
}

#[test]
fn show_tells_where_each_setting_comes_from() {
    let setup = files(LISTEN);
    let all = show(&request(&setup.agent(), &[("PMQ__AGENT__THREADS", "2")], &["network.weather.loopback=false"])).unwrap();
    let from = |network: &str, key: &str| {
        let found: Vec<_> = all.iter().filter(|setting| setting.network == network && setting.key == key).collect();
        assert_eq!(found.len(), 1, "{key}");
        (found[0].value.clone(), found[0].place.as_ref().map(ToString::to_string))
    };
    let line = format!("{}:4:10", setup.agent().display());
    assert_eq!(from("", "ops.listen"), ("\"127.0.0.1:1111\"".to_owned(), Some(line)));
    assert_eq!(from("", "agent.threads"), ("2".to_owned(), Some("environment variable PMQ__AGENT__THREADS".to_owned())));
    assert_eq!(from("weather", "loopback"), ("false".to_owned(), Some("--set network.weather.loopback".to_owned())));
    assert_eq!(from("", "gossip.mesh.heartbeat"), ("\"1s\"".to_owned(), None));
    assert_eq!(from("weather", "stage[0 validation-queue].deadline"), ("\"4s\"".to_owned(), None));
    assert_eq!(from("weather", "subscribe"), ("[]".to_owned(), None));
    assert_eq!(from("", "attach.grant[0].networks"), ("[\"*\"]".to_owned(), None));
    assert!(!all.iter().any(|setting| setting.key.contains("sequence-window")));
}

#[test]
fn what_shows_only_at_start_names_where_the_setting_was_written() {
    let setup = files(LISTEN);
    let taken = "cannot bind: Address already in use; choose another port";
    let told = |environment: &[_], key| setup.load(environment, &[]).unwrap().spans.refuse(key, &taken).to_string();
    let told_end = "cannot bind: Address already in use; choose another port";
    let file = setup.agent().display().to_string();
    assert_eq!(told(&[], "ops.listen"), format!("{file}:4:10: ops.listen = \"127.0.0.1:1111\": {told_end}"));
    let variable = [("PMQ__OPS__LISTEN", "127.0.0.1:2")];
    assert_eq!(told(&variable, "ops.listen"), format!("environment variable PMQ__OPS__LISTEN: ops.listen = 127.0.0.1:2: {told_end}"));
    // What nobody wrote is a default of the file.
    let error = setup.load(&[], &[]).unwrap().spans.refuse("attach.unix.path", &"somebody listens there; stop it");
    assert_eq!(error.to_string(), format!("{file}: attach.unix.path = default: somebody listens there; stop it"));
}

#[test]
fn unclaimed_topics_go_to_the_network_that_takes_them() {
    let quakes =
        NETWORK.replace("weather", "quakes").replace("[[stage]]\nuse = \"v", "[[stage]]\nuse = \"admission\"\n\n[[stage]]\nuse = \"v");
    let agent = "version = 1\nnetworks = [\"weather.toml\", \"quakes.toml\"]\n";
    let both = [("weather.toml", NETWORK), ("quakes.toml", quakes.as_str())];
    let claims = |config: &super::Config| -> Vec<(String, Vec<String>)> {
        config.settings.networks.iter().map(|network| (network.name.clone(), network.claims.0.clone())).collect()
    };
    let (weather, quakes) = (("weather".to_owned(), vec!["weather.*".to_owned()]), ("quakes".to_owned(), vec!["quakes.*".to_owned()]));
    let refused = Files::new(agent, &both).load(&[], &[]).unwrap();
    assert_eq!(claims(&refused), [weather.clone(), quakes.clone()]);
    let taken = Files::new(&format!("{agent}[network.default]\ntake = \"weather\"\n"), &both).load(&[], &[]).unwrap();
    let all = ("weather".to_owned(), vec!["weather.*".to_owned(), "*".to_owned()]);
    assert_eq!(claims(&taken), [quakes, all], "last, and everything");
}
