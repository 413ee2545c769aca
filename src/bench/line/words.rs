//! The result in words.

use std::fmt::Write;

use super::result::{Bounds, Report, Row};
use crate::bench::Percentiles;

/// Columns of the first table.
const HEAD: &str = "transport attach  bytes    msg/s raw     agents  ratio (spread)       CPU us raw  agent parent  ratio   idle p50 raw  agents  ratio (spread)";

/// All of it, as tables.
pub(crate) fn words(report: &Report) -> String {
    let mut out = format!("{}\n{HEAD}\n", report.machine.words());
    for row in &report.rows {
        line(&mut out, row);
    }
    out.push_str("\nlatency of two hops, us: p50 / p99 / p99.9\ntransport attach  bytes  load                          raw                  agents             first sight\n");
    for row in &report.rows {
        let mut add = |load: &str, raw: &Percentiles, agent: &Percentiles, first: Option<&Percentiles>| {
            let first = first.map_or_else(String::new, three);
            let Row { transport, attach, size, .. } = row;
            // A String takes everything.
            let _ = writeln!(
                out,
                "{:<9} {:<7} {size:>5}  {load:<10} {:>22}  {:>22}  {first:>22}",
                transport.to_string(),
                attach.to_string(),
                three(raw),
                three(agent)
            );
        };
        add("idle", &row.idle_us.raw, &row.idle_us.agent, row.idle_us.agent_first_sight.as_ref());
        for loaded in &row.loaded_us {
            add(&format!("{:.0} %", loaded.share * 100.0), &loaded.raw, &loaded.agent, loaded.agent_first_sight.as_ref());
        }
    }
    for row in report.rows.iter().filter(|row| row.loss.raw + row.loss.agent > 0) {
        let _ = writeln!(
            out,
            "lost over {} and {} at {} bytes below the highest rate: raw {} of {}, agents {} of {}",
            row.transport, row.attach, row.size, row.loss.raw, row.loss.raw_sent, row.loss.agent, row.loss.agent_sent
        );
    }
    out
}

fn line(out: &mut String, row: &Row) {
    let Row { transport, attach, size, throughput, cpu_us, idle_us, .. } = row;
    let _ = writeln!(
        out,
        "{:<9} {:<7} {size:>5} {:>12.0} {:>10.0}  {:>5.2} {:<14} {:>10.1} {:>6.1} {:>6.1}  {:>5.2} {:>14.0} {:>7.0}  {:>5.2} {}",
        transport.to_string(),
        attach.to_string(),
        throughput.raw,
        throughput.agent,
        throughput.ratio,
        bounds(&throughput.spread),
        cpu_us.raw,
        cpu_us.agent,
        cpu_us.parent,
        cpu_us.ratio,
        idle_us.raw.p50,
        idle_us.agent.p50,
        idle_us.ratio,
        bounds(&idle_us.spread),
    );
}

fn bounds(Bounds { low, high }: &Bounds) -> String {
    format!("({low:.2} to {high:.2})")
}

fn three(Percentiles { p50, p99, p999 }: &Percentiles) -> String {
    format!("{p50:.0} / {p99:.0} / {p999:.0}")
}
