#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn the_embedded_files_hold_what_their_readme_says() {
    let rows = |network: Network| network.observations(None).unwrap();
    assert_eq!(rows(Network::Weather).len(), 5000);
    assert_eq!(rows(Network::Quakes).len(), 1707);
    assert_eq!(rows(Network::Flights).len(), 5000);
    assert_eq!(rows(Network::Weather)[..3], [4000, 3900, 3800]);
    assert_eq!(rows(Network::Quakes)[..3], [310, 1350, 5300]);
    assert_eq!(rows(Network::Flights)[..3], [66_000, 95_000, -5000]);
}

#[test]
fn a_directory_replaces_the_embedded_rows() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("quakes.csv"), "magnitude,id\n-0.5,a\n2,b\n").unwrap();
    assert_eq!(Network::Quakes.observations(Some(dir.path())).unwrap(), [-500, 2000]);
    let error = format!("{:#}", Network::Weather.observations(Some(dir.path())).unwrap_err());
    assert!(error.contains("weather.csv") && error.contains("--input"), "{error}");
}

#[test]
fn bad_rows_are_named() {
    let error = |text: &str| format!("{:#}", parse(text, "x").unwrap_err());
    assert!(error("y\n1\n").contains("no column \"x\""));
    assert!(error("x\n1\ntwo\n").contains("line 3"));
    assert!(error("x\n").contains("no rows"));
    assert!(error("x\nNaN\n").contains("out of range"));
}

#[test]
fn topics_lead_back_to_their_network() {
    for network in Network::ALL {
        assert_eq!(Network::from_name(network.name()), Some(network));
        assert_eq!(Network::from_reports(network.reports()), Some(network));
        assert_eq!(Network::from_shares(network.shares()), Some(network));
        assert_eq!(Network::from_shares(network.reports()), None);
    }
}
