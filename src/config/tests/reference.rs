//! The reference files say what the code says.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};

use super::super::reference::{REFERENCE, REFERENCE_NETWORK, uncommented};
use super::super::sections::AgentFile;
use super::{Files, fields};
use pmq_agent::settings::{Head, Unclaimed};
use pmq_gossip::NetworkSettings;
use pmq_stages::admission::AdmissionSettings;
use pmq_stages::window::WindowSettings;
use pmq_stages::{decode, delivery, validation};

/// The table of an uncommented reference file, without what the loader itself takes out.
fn table(text: &str, without: &[&str]) -> toml::Table {
    let mut table: toml::Table = toml::from_str(text).unwrap();
    for key in without {
        table.remove(*key).unwrap_or_else(|| panic!("{key} is not there"));
    }
    table
}

/// Reads `T` out of the reference and out of nothing: they must be the same.
fn same_as_default<T: DeserializeOwned + Default + std::fmt::Debug>(table: toml::Table) {
    let read: T = table.try_into().unwrap();
    assert_eq!(format!("{read:#?}"), format!("{:#?}", T::default()));
}

/// Whether the file shows a key: in force, commented out with its default, or, where there is none, as an example.
fn shows(text: &str, section: &str, key: &str) -> bool {
    let mut at = String::new();
    let (parent, last) = key.rsplit_once('.').map_or(("", key), |(parent, last)| (parent, last));
    let wanted = [section, parent].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    text.lines().any(|line| {
        let line = line.trim_start_matches('#').trim_start();
        if let Some(header) = line.strip_prefix('[') {
            at = header.trim_start_matches('[').split(']').next().unwrap_or_default().to_owned();
            return false;
        }
        // A value in braces shows the keys inside it.
        let inline = parent.rsplit('.').next().filter(|name| !name.is_empty()).is_some_and(|name| {
            line.starts_with(&format!("{name} = {{")) && (line.contains(&format!("{{ {last} = ")) || line.contains(&format!(", {last} = ")))
        });
        inline || (at == wanted && line.starts_with(&format!("{last} = ")))
    })
}

fn all_shown<T: for<'de> Deserialize<'de>>(text: &str, section: &str, except: &[&str]) {
    let keys = fields::of::<T>();
    assert!(!keys.is_empty());
    let missing: Vec<_> = keys.iter().filter(|key| !except.contains(&key.as_str()) && !shows(text, section, key)).collect();
    assert!(missing.is_empty(), "[{section}] does not show {missing:?}");
}

/// The part of the network's reference file that concerns one stage.
fn stage_text(name: &str) -> String {
    let part = REFERENCE_NETWORK.split("[[stage]]").find(|part| part.contains(&format!("use = \"{name}\"\n")));
    format!("[stage]\n{}", part.unwrap_or_else(|| panic!("no stage {name}")))
}

fn stage_table(name: &str) -> toml::Table {
    table(&uncommented(&stage_text(name).replace("[stage]\n", "")), &["use"])
}

#[test]
fn every_default_of_the_agent_is_the_one_shown() {
    let mut read = table(&uncommented(REFERENCE), &["version", "networks"]);
    // The socket's place depends on the environment; without $XDG_RUNTIME_DIR it is the one shown.
    let unix = read["attach"]["unix"].as_table_mut().unwrap();
    let path = unix.remove("path").unwrap();
    assert_eq!(path.as_str(), Some("/run/pmq/agent.sock"));
    same_as_default::<AgentFile>(read);
}

#[test]
fn every_default_of_a_network_is_the_one_shown() {
    let mut read = table(&uncommented(REFERENCE_NETWORK), &["version", "name", "topics", "stage"]);
    let gossip = read.remove("gossip").unwrap();
    same_as_default::<Head>(read);
    same_as_default::<NetworkSettings>(gossip.as_table().unwrap().clone());
    same_as_default::<AdmissionSettings>(stage_table("admission"));
    same_as_default::<WindowSettings>(stage_table("sequence-window"));
    same_as_default::<validation::Settings>(stage_table("validation-queue"));
    same_as_default::<delivery::Settings>(stage_table("delivery"));
    let mut fixed = stage_table("decode");
    assert_eq!(fixed.remove("codec").unwrap().as_str(), Some("fixed"));
    let settings: decode::FixedSettings = fixed.try_into().unwrap();
    assert_eq!((settings.tag, settings.epoch), (decode::TagRange::default(), None));
}

#[test]
fn every_key_of_the_code_is_shown() {
    all_shown::<AgentFile>(REFERENCE, "", &[]);
    all_shown::<Unclaimed>(REFERENCE, "network.default", &[]);
    all_shown::<Head>(REFERENCE_NETWORK, "", &[]);
    // Set by the head, which has it.
    all_shown::<NetworkSettings>(REFERENCE_NETWORK, "gossip", &["max_message"]);
    all_shown::<AdmissionSettings>(&stage_text("admission"), "stage", &[]);
    all_shown::<decode::FixedSettings>(&stage_text("decode"), "stage", &[]);
    all_shown::<WindowSettings>(&stage_text("sequence-window"), "stage", &[]);
    all_shown::<validation::Settings>(&stage_text("validation-queue"), "stage", &[]);
    all_shown::<delivery::Settings>(&stage_text("delivery"), "stage", &[]);
}

#[test]
fn every_standard_stage_is_shown() {
    let text = uncommented(REFERENCE_NETWORK);
    let table = DeTable::parse(&text).unwrap().into_inner();
    let list = table["stage"].get_ref().as_array().unwrap();
    let shown: BTreeSet<_> = list.iter().filter_map(|stage| stage.get_ref().get("use")?.get_ref().as_str()).collect();
    let registry = pmq_stages::Registry::standard();
    assert_eq!(shown, registry.names().collect());
    assert!(list.iter().all(|stage| matches!(stage.get_ref(), DeValue::Table(_))));
}

#[test]
fn the_reference_files_load_with_every_option_in_force() {
    let files = Files::new(&uncommented(REFERENCE), &[("reference-network.toml", &uncommented(REFERENCE_NETWORK))]);
    let config = files.load(&[], &[]).unwrap();
    assert_eq!(config.settings.networks[0].name, "reference");
    assert_eq!(config.warnings, []);
}

#[test]
fn the_reference_files_load_as_they_are() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/reference.toml");
    let config = super::load(&super::request(&dir, &[], &[])).unwrap();
    assert_eq!(config.settings.networks.len(), 1);
    assert_eq!(config.warnings, []);
}
