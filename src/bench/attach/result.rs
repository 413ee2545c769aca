//! What the rounds gave, for programs, people and eyes.

use serde::Serialize;
use serde_json::Value;

use super::cell::{Cell, Contender, Drive, Figures, Transport};
use crate::report::{Axis, Chart, Scale, Series, Table, count, figure, size, spread};
use crate::{Latency, Machine, Percentiles, Spread};

/// Everything.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    machine: Machine,
    settings: Value,
    /// Sessions and clients.
    rows: Vec<Row>,
    /// Frames alone.
    links: Vec<LinkRow>,
    /// Links beside each other, throughput by throughput of the same round.
    link_ratios: Vec<Ratio>,
    #[serde(skip)]
    charts: Vec<Chart>,
}

#[derive(Debug, Serialize)]
struct Row {
    attach: &'static str,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Debug, Serialize)]
struct LinkRow {
    /// `raw` is a bare Unix socket.
    link: &'static str,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Debug, Serialize)]
struct Measured {
    size: usize,
    in_flight: u32,
    /// The parent's credit in bytes, which may be less than that many messages.
    window_bytes: u64,
    /// From an offer to its verdict, the next one following at once.
    rtt_us: Percentiles,
    /// Verdicts behind `rtt_us`.
    count: u64,
    /// From when an offer was due to its verdict, where every core sleeps in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_rtt_us: Option<Percentiles>,
    verdicts_per_s: f64,
    /// Of the rounds' verdicts a second.
    spread: Spread,
    /// CPU time for a verdict: the agent's process, and the parent's, which is not told where the two are one.
    cpu_us: Cpu,
}

#[derive(Debug, Serialize)]
struct Cpu {
    agent: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Ratio {
    size: usize,
    in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    zeromq_to_unix: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zeromq_to_raw: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unix_to_raw: Option<Spread>,
}

/// All rounds of one cell.
#[derive(Debug)]
pub(super) struct Rounds {
    pub(super) cell: Cell,
    pub(super) figures: Vec<Figures>,
}

impl Rounds {
    fn rates(&self) -> Vec<f64> {
        self.figures.iter().map(|round| round.verdicts_per_s).collect()
    }

    fn percentiles(&self) -> Percentiles {
        let rounds: Vec<_> = self.figures.iter().map(|round| round.latency.percentiles()).collect();
        // One round alone may not have a thousand.
        Percentiles { p999: self.latency().at(0.999), ..Percentiles::median(&rounds) }
    }

    fn latency(&self) -> Latency {
        let mut all = Latency::default();
        self.figures.iter().for_each(|round| all.add(&round.latency));
        all
    }

    fn is(&self, contender: Contender, size: usize, in_flight: u32) -> bool {
        self.cell.drive == Drive::Closed && (self.cell.contender, self.cell.size, self.cell.in_flight) == (contender, size, in_flight)
    }
}

fn measured(closed: &Rounds, all: &[Rounds]) -> Measured {
    let Cell { contender, size, in_flight, .. } = closed.cell;
    let idle = all.iter().find(|other| other.cell.drive == Drive::Idle && (other.cell.contender, other.cell.size) == (contender, size));
    let spread = Spread::of(closed.rates());
    let cpu = |process: usize| {
        let rounds: Vec<f64> = closed.figures.iter().filter_map(|round| round.cpu_us.get(process).copied()).collect();
        (!rounds.is_empty()).then(|| Spread::of(rounds).median)
    };
    Measured {
        size,
        in_flight,
        window_bytes: closed.cell.window().bytes,
        rtt_us: closed.percentiles(),
        count: closed.latency().count(),
        idle_rtt_us: idle.filter(|_| in_flight == 1).map(Rounds::percentiles),
        verdicts_per_s: spread.median,
        spread,
        cpu_us: Cpu { agent: cpu(0).unwrap_or_default(), parent: cpu(1) },
    }
}

fn ratio(size: usize, in_flight: u32, all: &[Rounds]) -> Option<Ratio> {
    let rates = |contender| all.iter().find(|rounds| rounds.is(contender, size, in_flight)).map(Rounds::rates);
    let (raw, unix) = (rates(Contender::Raw), rates(Contender::Link(Transport::Unix)));
    let zeromq = rates(Contender::Link(Transport::Zeromq));
    let of = |of: &Option<Vec<f64>>, to: &Option<Vec<f64>>| Some(Spread::of_ratios(of.as_ref()?, to.as_ref()?));
    let ratio =
        Ratio { size, in_flight, zeromq_to_unix: of(&zeromq, &unix), zeromq_to_raw: of(&zeromq, &raw), unix_to_raw: of(&unix, &raw) };
    (ratio.zeromq_to_unix.is_some() || ratio.zeromq_to_raw.is_some() || ratio.unix_to_raw.is_some()).then_some(ratio)
}

impl Report {
    /// Of all rounds, in the order of the first one.
    pub(super) fn new(machine: Machine, settings: Value, all: &[Rounds]) -> Self {
        let mut report = Self { machine, settings, rows: Vec::new(), links: Vec::new(), link_ratios: Vec::new(), charts: charts(all) };
        for rounds in all.iter().filter(|rounds| rounds.cell.drive == Drive::Closed) {
            let Cell { contender, size, in_flight, .. } = rounds.cell;
            let measured = measured(rounds, all);
            match contender {
                Contender::Attach(transport) => report.rows.push(Row { attach: transport.name(), measured }),
                contender => report.links.push(LinkRow { link: contender.name(), measured }),
            }
            if !report.link_ratios.iter().any(|ratio| (ratio.size, ratio.in_flight) == (size, in_flight)) {
                report.link_ratios.extend(ratio(size, in_flight, all));
            }
        }
        report
    }

    /// The pictures.
    pub(super) fn charts(&self) -> &[Chart] {
        &self.charts
    }

    /// For people.
    pub(super) fn words(&self) -> String {
        let Self { machine, settings, rows, links, link_ratios, .. } = self;
        let mut text = machine.words(settings);
        if !rows.is_empty() {
            text.push_str("\nSessions of an agent, a parent on the client (credit for what is in flight, at most 64 MiB)\n");
            text.push_str(&table("attach", rows.iter().map(|row| (row.attach, &row.measured))).to_string());
        }
        if !links.is_empty() {
            text.push_str("\nFrames alone: no session, no client; raw is a bare Unix socket with the same bytes\n");
            text.push_str(&table("link", links.iter().map(|row| (row.link, &row.measured))).to_string());
        }
        if !link_ratios.is_empty() {
            text.push_str("\nFrames alone, throughput by throughput of the same round\n");
            let mut table = Table::new([("size", ""), ("in flight", ""), ("zeromq / unix", ""), ("zeromq / raw", ""), ("unix / raw", "")]);
            for Ratio { size: bytes, in_flight, zeromq_to_unix, zeromq_to_raw, unix_to_raw } in link_ratios {
                let cells = [zeromq_to_unix, zeromq_to_raw, unix_to_raw].map(|ratio| ratio.map_or_else(String::new, spread));
                table.row([size(*bytes as u64), count(f64::from(*in_flight))].into_iter().chain(cells));
            }
            text.push_str(&table.to_string());
        }
        text
    }
}

fn table<'a>(who: &str, rows: impl Iterator<Item = (&'a str, &'a Measured)>) -> Table {
    let mut table = Table::new([
        (who, ""),
        ("size", ""),
        ("in flight", ""),
        ("verdicts", "1/s"),
        ("lowest-highest", "1/s"),
        ("rtt p50", "us"),
        ("p99", "us"),
        ("p99.9", "us"),
        ("idle p50", "us"),
        ("p99", "us"),
        ("agent CPU", "us/verdict"),
        ("parent CPU", "us/verdict"),
    ]);
    for (name, measured) in rows {
        let Measured { rtt_us, idle_rtt_us, spread, cpu_us, .. } = measured;
        table.row([
            name.to_owned(),
            size(measured.size as u64),
            count(f64::from(measured.in_flight)),
            count(spread.median),
            format!("{}-{}", count(spread.low), count(spread.high)),
            figure(rtt_us.p50),
            figure(rtt_us.p99),
            figure(rtt_us.p999),
            idle_rtt_us.map_or_else(String::new, |idle| figure(idle.p50)),
            idle_rtt_us.map_or_else(String::new, |idle| figure(idle.p99)),
            figure(cpu_us.agent),
            cpu_us.parent.map_or_else(String::new, figure),
        ]);
    }
    table
}

/// Throughput against size for each number in flight, and the round trip by percentile, idle and warm, at one size.
fn charts(all: &[Rounds]) -> Vec<Chart> {
    let mut in_flight: Vec<u32> = all.iter().map(|rounds| rounds.cell.in_flight).collect();
    in_flight.sort_unstable_by(|a, b| b.cmp(a));
    in_flight.dedup();
    let mut charts: Vec<Chart> = in_flight.iter().map(|in_flight| throughput(*in_flight, all)).collect();
    let sizes = || all.iter().map(|rounds| rounds.cell.size);
    if let Some(bytes) = sizes().find(|size| *size == 256).or_else(|| sizes().min()) {
        charts.push(round_trip("cores asleep in between", Drive::Idle, bytes, all));
        charts.push(round_trip("one after the other", Drive::Closed, bytes, all));
    }
    charts.retain(|chart| !chart.series.is_empty());
    charts
}

fn throughput(in_flight: u32, all: &[Rounds]) -> Chart {
    let of = |rounds: &&Rounds| rounds.cell.drive == Drive::Closed && rounds.cell.in_flight == in_flight;
    let mut series: Vec<Series> = Vec::new();
    for rounds in all.iter().filter(of) {
        let name = rounds.cell.contender.to_string();
        #[allow(clippy::cast_precision_loss, reason = "at most a MiB")]
        let point = (rounds.cell.size as f64, Spread::of(rounds.rates()).median);
        match series.iter_mut().find(|series| series.name == name) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name, points: vec![point] }),
        }
    }
    series.iter_mut().for_each(|series| series.points.sort_by(|a, b| a.0.total_cmp(&b.0)));
    Chart {
        title: format!("Verdicts, {} in flight", count(f64::from(in_flight))),
        x: Axis { label: "bytes of a message".to_owned(), scale: Scale::Bytes },
        y: Axis { label: "verdicts a second".to_owned(), scale: Scale::Log },
        series,
    }
}

fn round_trip(how: &str, drive: Drive, bytes: usize, all: &[Rounds]) -> Chart {
    let of =
        |rounds: &&Rounds| (rounds.cell.drive, rounds.cell.size) == (drive, bytes) && (drive == Drive::Idle || rounds.cell.in_flight == 1);
    let series = |rounds: &Rounds| Series { name: rounds.cell.contender.to_string(), points: rounds.latency().curve() };
    Chart {
        title: format!("Round trip of {}, {how}", size(bytes as u64)),
        x: Axis { label: "share of the verdicts".to_owned(), scale: Scale::Nines },
        y: Axis { label: "microseconds at most".to_owned(), scale: Scale::Log },
        series: all.iter().filter(of).map(series).collect(),
    }
}
