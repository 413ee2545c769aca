//! The result as pictures: throughput against size, and latency by percentile.

use super::measure::{Figures, Group, Rounds, SHARES};
use crate::Spread;
use crate::report::{Axis, Chart, Scale, Series, count, size};

/// Which of [`SHARES`] is drawn.
const DRAWN: usize = 1;

/// One for each transport, and two for each transport and size.
pub(crate) fn charts(groups: &[Group]) -> Vec<Chart> {
    let mut charts = Vec::new();
    let mut overlays: Vec<_> = groups.iter().map(|group| group.overlay).collect();
    overlays.dedup();
    for overlay in overlays {
        let of: Vec<&Group> = groups.iter().filter(|group| group.overlay == overlay).collect();
        let names = of.first().map(|group| contenders(group).map(|(name, _)| name).collect::<Vec<_>>()).unwrap_or_default();
        let series = names.into_iter().map(|name| {
            let rate = |group: &&Group| {
                contenders(group).find(|(known, _)| *known == name).map(|(_, figures)| (group.size as f64, figures.highest()))
            };
            Series { name: name.clone(), points: of.iter().filter_map(rate).collect() }
        });
        charts.push(Chart {
            title: format!("highest rate without loss, A to C over {overlay}"),
            x: Axis { label: "bytes of a message".to_owned(), scale: Scale::Bytes },
            y: Axis { label: "messages a second".to_owned(), scale: Scale::Log },
            series: series.collect(),
        });
    }
    let loaded = format!("at {:.0} % of the own highest rate", SHARES[DRAWN] * 100.0);
    for group in groups {
        charts.push(latency(group, "idle", |figures| &figures.idle));
        charts.push(latency(group, &loaded, |figures| &figures.loaded[DRAWN]));
    }
    charts
}

fn latency(group: &Group, when: &str, of: fn(&Figures) -> &Rounds) -> Chart {
    Chart {
        title: format!("two hops over {}, {}, {when}", group.overlay, size(group.size as u64)),
        x: Axis { label: "share of the messages".to_owned(), scale: Scale::Nines },
        y: Axis { label: "us".to_owned(), scale: Scale::Log },
        series: contenders(group)
            .map(|(name, figures)| {
                let rounds = of(figures);
                let rate = Spread::of(rounds.rates.iter().copied()).median;
                Series { name: format!("{name}, {}/s", count(rate)), points: rounds.all.curve() }
            })
            .collect(),
    }
}

fn contenders(group: &Group) -> impl Iterator<Item = (String, &Figures)> {
    let agents = group.agents.iter().map(|(attach, figures)| (format!("agents, {attach}"), figures));
    std::iter::once(("raw".to_owned(), &group.raw)).chain(agents)
}
