//! The result in words.

use super::result::{Bounds, Loaded, Report, Row};
use crate::bench::report::{Table, count, figure, size, spread};
use crate::bench::{Percentiles, Spread};

/// All of it, as tables.
pub(crate) fn words(report: &Report) -> String {
    let of = [("transport", ""), ("attach", ""), ("size", "")];
    let mut rates = Table::new(of.into_iter().chain([
        ("raw", "msg/s"),
        ("agents", "msg/s"),
        ("ratio", ""),
        ("raw", "CPU us"),
        ("agent", "CPU us"),
        ("its parent", "CPU us"),
        ("ratio", ""),
    ]));
    let mut latency = Table::new(of.into_iter().chain([
        ("load", ""),
        ("raw p50", "us"),
        ("p99", "us"),
        ("p99.9", "us"),
        ("agents p50", "us"),
        ("p99", "us"),
        ("p99.9", "us"),
        ("first sight p50", "us"),
        ("p50 ratio", ""),
    ]));
    let mut marked = false;
    for row in &report.rows {
        let Row { throughput, cpu_us: cpu, idle_us: idle, .. } = row;
        let rate = [count(throughput.raw), count(throughput.agent), ratio(throughput.ratio, &throughput.spread)];
        let cpu = [figure(cpu.raw), figure(cpu.agent), figure(cpu.parent), ratio(cpu.ratio, &cpu.spread)];
        rates.row(cell(row).into_iter().chain(rate).chain(cpu));
        let mut line = |load: String, raw: &Percentiles, agent: &Percentiles, first: Option<&Percentiles>, ratio: String| {
            let first = first.map_or_else(String::new, |first| figure(first.p50));
            latency.row(cell(row).into_iter().chain([load]).chain(three(raw)).chain(three(agent)).chain([first, ratio]));
        };
        line("idle".to_owned(), &idle.raw, &idle.agent, idle.agent_first_sight.as_ref(), ratio(idle.ratio, &idle.spread));
        for Loaded { share, raw, agent, agent_first_sight, raw_lost, raw_behind, agent_lost, agent_behind, .. } in &row.loaded_us {
            // Each at a share of its own limit: two different rates have no ratio.
            let broken = raw_lost + agent_lost > 0 || raw_behind + agent_behind > 0;
            marked |= broken;
            line(
                format!("{:.0} %{}", share * 100.0, if broken { " *" } else { "" }),
                raw,
                agent,
                agent_first_sight.as_ref(),
                String::new(),
            );
        }
    }
    let mut out = format!("{}\n\nhighest rate without loss; CPU time of a message at B\n{rates}\n", report.machine.words());
    out.push_str(&format!("latency of two hops; under load at a share of the contender's own highest rate\n{latency}"));
    if marked {
        out.push_str("* messages were lost, which no percentile shows, or a line fell behind in one of the rounds\n");
    }
    for row in report.rows.iter().filter(|row| row.loss.raw + row.loss.agent > 0) {
        let [transport, attach, size] = cell(row);
        let (raw, agent) = ((row.loss.raw, row.loss.raw_sent), (row.loss.agent, row.loss.agent_sent));
        out.push_str(&format!(
            "lost below the highest rate, {transport}, {attach}, {size}: raw {} of {}, agents {} of {}\n",
            raw.0, raw.1, agent.0, agent.1
        ));
    }
    out
}

fn cell(row: &Row) -> [String; 3] {
    [row.transport.to_string(), row.attach.to_string(), size(row.size as u64)]
}

fn ratio(median: f64, &Bounds { low, high }: &Bounds) -> String {
    spread(Spread { median, low, high })
}

fn three(Percentiles { p50, p99, p999 }: &Percentiles) -> [String; 3] {
    [*p50, *p99, *p999].map(figure)
}
