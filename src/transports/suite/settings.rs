//! The Unix listener's settings.

use std::path::PathBuf;

use super::super::UnixSettings;

#[test]
fn defaults_are_sound_and_not_in_tmp() {
    let settings = UnixSettings::default();
    settings.check().unwrap();
    assert!(settings.path.ends_with("pmq/agent.sock"));
    assert!(!settings.path.starts_with("/tmp") || std::env::var_os("XDG_RUNTIME_DIR").is_some());
}

#[test]
fn what_cannot_work_is_named() {
    let with = |path: &str, accept_rate| {
        UnixSettings { path: PathBuf::from(path), accept_rate, ..Default::default() }.check().map_err(|wrong| (wrong.key, wrong.help))
    };
    assert_eq!(with("/run/pmq/agent.sock", 10_000), Ok(()));
    for (path, rate, key, part) in [
        ("agent.sock", 5, "path", "must be absolute"),
        ("/agent.sock", 5, "path", "must be absolute"),
        (&*format!("/run/{}/a", "x".repeat(200)), 5, "path", "shorter"),
        ("/run/pmq/agent.sock", 0, "accept_rate", "1 to 10000"),
        ("/run/pmq/agent.sock", 10_001, "accept_rate", "1 to 10000"),
    ] {
        let (named, help) = with(path, rate).unwrap_err();
        assert!(named == key && help.contains(part), "{path} {rate}: {named}: {help}");
    }
}

#[test]
fn reads_from_toml() {
    use super::super::SocketMode;

    let read: UnixSettings = toml::from_str("path = \"/run/pmq/a.sock\"\nmode = \"0660\"\naccept_rate = 7").unwrap();
    assert_eq!(read, UnixSettings { path: "/run/pmq/a.sock".into(), mode: SocketMode::Group, accept_rate: 7 });
    assert_eq!(toml::from_str::<UnixSettings>("").unwrap(), UnixSettings::default());
    assert!(toml::from_str::<UnixSettings>("mode = \"0777\"").is_err());
    assert!(toml::from_str::<UnixSettings>("colour = 1").is_err());
}
