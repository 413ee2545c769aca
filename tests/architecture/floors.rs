//! Versions below which nothing may be resolved, from the advisories that concern this tree.

use toml::Value;

/// Package, lowest version without a known hole.
const FLOORS: [(&str, Version); 6] = [
    ("libp2p-gossipsub", Version(0, 50, 1)),
    ("yamux", Version(0, 13, 10)),
    ("libp2p-quic", Version(0, 13, 1)),
    ("quinn-proto", Version(0, 11, 18)),
    ("rustls", Version(0, 23, 46)),
    ("rkyv", Version(0, 8, 17)),
];

/// Major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u64, u64, u64);

impl Version {
    /// A pre-release comes before its release, so it counts as the patch before: a hole is closed from the release on.
    fn parse(text: &str) -> Option<(Self, bool)> {
        let text = text.split('+').next()?;
        let (numbers, pre) = text.split_once('-').map_or((text, false), |(numbers, _)| (numbers, true));
        let mut parts = numbers.split('.').map(str::parse);
        let version = Self(parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        parts.next().is_none().then_some((version, pre))
    }
}

/// Packages of a lock file that are below their floor, in words.
pub(crate) fn below(lock: &str) -> Result<Vec<String>, String> {
    let lock: toml::Table = lock.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let packages = lock.get("package").and_then(Value::as_array).ok_or("the lock file names no packages")?;
    let mut low = Vec::new();
    for package in packages {
        let text = |key| package.get(key).and_then(Value::as_str).ok_or_else(|| format!("a package without a {key}"));
        let (name, version) = (text("name")?, text("version")?);
        let Some((_, floor)) = FLOORS.iter().find(|(known, _)| *known == name) else { continue };
        let (parsed, pre) = Version::parse(version).ok_or_else(|| format!("{name} has the version {version:?}"))?;
        if parsed < *floor || (parsed == *floor && pre) {
            low.push(format!("{name} {version} is below {}.{}.{}", floor.0, floor.1, floor.2));
        }
    }
    Ok(low)
}

/// A floor under a package that is not there holds nothing up: its name may have changed.
pub(crate) fn absent(lock: &str) -> Vec<&'static str> {
    FLOORS.iter().map(|(name, _)| *name).filter(|name| !lock.contains(&format!("name = \"{name}\"\n"))).collect()
}

fn lock(name: &str, version: &str) -> String {
    format!("version = 4\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")
}

#[test]
fn a_version_below_its_floor_is_found() {
    for (name, version) in [
        ("libp2p-gossipsub", "0.50.0"),
        ("libp2p-gossipsub", "0.49.9"),
        ("yamux", "0.13.9"),
        ("rkyv", "0.7.99"),
        ("rustls", "0.23.46-rc.1"),
        ("quinn-proto", "0.9.100"),
        ("quinn-proto", "0.11.17"),
        ("libp2p-quic", "0.13.0"),
    ] {
        assert_eq!(below(&lock(name, version)).unwrap().len(), 1, "{name} {version}");
    }
    for (name, version) in [
        ("libp2p-gossipsub", "0.50.1"),
        ("yamux", "0.13.10"),
        ("libp2p-quic", "0.14.0"),
        ("rkyv", "1.0.0"),
        ("rustls", "0.23.100"),
        ("serde", "0.0.1"),
    ] {
        assert_eq!(below(&lock(name, version)).unwrap(), [""; 0], "{name} {version}");
    }
    assert!(below("version = 4").is_err(), "a file without packages is no lock file");
    assert!(below(&lock("yamux", "0.13")).is_err());
}

#[test]
fn a_floor_under_nothing_is_found() {
    let packages: String = FLOORS[1..].iter().map(|(name, _)| lock(name, "1.0.0")).collect();
    assert_eq!(absent(&packages), ["libp2p-gossipsub"]);
    assert!(absent(&(packages + &lock("libp2p-gossipsub", "1.0.0"))).is_empty());
}
