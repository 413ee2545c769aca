//! The result in words.

use super::measure::IDLE_RATE;
use super::result::{Both, Bounds, Loaded, Report, Row};
use crate::report::{Table, count, figure, size, spread};
use crate::{NEVER, Percentiles, Spread};

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
        ("raw", "msg/s"),
        ("agents", "msg/s"),
        ("raw p50", "us"),
        ("p99", "us"),
        ("p99.9", "us"),
        ("agents p50", "us"),
        ("p99", "us"),
        ("p99.9", "us"),
        ("first sight p50", "us"),
        ("p50 ratio", ""),
        ("p99 ratio", ""),
    ]));
    let mut marked = false;
    for row in &report.rows {
        let Row { throughput, cpu_us: cpu, idle_us: idle, .. } = row;
        let rate = [count(throughput.raw), count(throughput.agent), ratio(throughput.ratio, &throughput.spread)];
        let lossy = cpu.raw_lost + cpu.agent_lost > 0;
        let cpu = [figure(cpu.raw), figure(cpu.agent), figure(cpu.parent), mark(ratio(cpu.ratio, &cpu.spread), lossy)];
        rates.row(cell(row).into_iter().chain(rate).chain(cpu));
        marked |= lossy;
        let mut line = |load: String, rates: [f64; 2], both: &Both, ratio: [String; 2]| {
            let first = both.agent_first_sight.as_ref().map_or_else(String::new, |first| figure(first.p50));
            let rates = rates.map(count);
            let latency_of = three(&both.raw).into_iter().chain(three(&both.agent)).chain([first]).chain(ratio);
            marked |= both.is_broken();
            latency.row(cell(row).into_iter().chain([mark(load, both.is_broken())]).chain(rates).chain(latency_of));
        };
        let none = String::new;
        line("idle".to_owned(), [IDLE_RATE; 2], &idle.both, [ratio(idle.ratio, &idle.spread), none()]);
        // A share is one of the own limit: two different rates have no ratio.
        for Loaded { share, raw_rate, agent_rate, both } in &row.loaded_us {
            line(format!("{:.0} %", share * 100.0), [*raw_rate, *agent_rate], both, [none(), none()]);
        }
        if let Some(fixed) = &row.fixed_us {
            line("fixed".to_owned(), [fixed.rate; 2], &fixed.both, [none(), ratio(fixed.ratio, &fixed.spread)]);
        }
    }
    let mut out = format!("{}\nhighest rate without loss; CPU time of a message at B\n{rates}\n", report.machine.words(&report.settings));
    out.push_str(&format!(
        "latency of two hops; under load at a share of the contender's own highest rate, or at a rate that is the same for all\n{latency}"
    ));
    if marked {
        out.push_str("* messages were lost (in percentiles they come last), or a line fell behind in one of the rounds\n");
    }
    for row in report.rows.iter().filter(|row| row.loss.raw + row.loss.agent > 0) {
        let [transport, attach, size] = cell(row);
        let (raw, agent) = ((row.loss.raw, row.loss.raw_sent), (row.loss.agent, row.loss.agent_sent));
        out.push_str(&format!(
            "lost outside of ramps, {transport}, {attach}, {size}: raw {} of {}, agents {} of {}\n",
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

fn mark(text: String, broken: bool) -> String {
    if broken { text + " *" } else { text }
}

fn three(Percentiles { p50, p99, p999 }: &Percentiles) -> [String; 3] {
    [*p50, *p99, *p999].map(|micros| if micros >= NEVER { "never".to_owned() } else { figure(micros) })
}
