//! A stage of your own, by name in a network's list, and a stock tower layer around the stack. It runs by itself.
#![allow(clippy::print_stdout, reason = "it shows what happens")]

use std::time::Instant;

use pmq_pipeline::{Arrival, Batch, Blueprint, Claims, Outcome, Part, Pass, Peer, Plan, Road, Stage, Topics};
use pmq_protocol::wire::{MessageId, Reason};
use pmq_stages::{NetworkContext, Registry, SettingError, StageSettings};

const STAGES: &str =
    "stage = [{ use = 'admission' }, { use = 'banned', word = 'spam' }, { use = 'validation-queue' }, { use = 'delivery' }]";

/// Settings and stage in one: it keeps nothing.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Banned {
    word: String,
}
impl StageSettings for Banned {
    fn into_part(self, _: &NetworkContext) -> Result<Part, SettingError> {
        Ok(Part::Stage(Box::new(self)))
    }
}
impl Blueprint for Banned {
    fn name(&self) -> &'static str {
        "banned"
    }
    fn build(&self) -> Box<dyn Stage> {
        Box::new(self.clone())
    }
}
impl Stage for Banned {
    fn name(&self) -> &'static str {
        "banned"
    }
    fn inward(&mut self, batch: &mut Batch, _: Instant) {
        let bad = |payload: &[u8]| String::from_utf8_lossy(payload).contains(&self.word);
        batch.settle_where(|message| bad(&message.arrival.payload).then(|| Outcome::reject(Reason::Stage)));
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = NetworkContext { name: "example".into(), claims: Claims(vec!["news".into()]), max_message: 64, max_topics: 1 };
    let plan = Plan::new(Registry::standard().with::<Banned>("banned").parse_list(STAGES, &network)?)?;
    let mut road = Road::new(&plan, 1).wrap(&tower::util::MapRequestLayer::new(|pass| {
        let Pass::Inward(batch, _) = &pass else { return pass };
        println!("{} messages come in", batch.live.len());
        pass
    }));
    let (now, topic, mut arrivals) = (Instant::now(), Topics::new(1).intern("news")?, vec![]);
    for (id, text) in [("one", "rain at noon"), ("two", "buy spam now"), ("three", "snow at night")] {
        let (id, payload) = (MessageId::new(id.as_bytes())?, text.into());
        arrivals.push(Arrival { peer: Peer(1), topic: topic.clone(), id, payload, arrived: now });
    }
    road.arrive(&mut arrivals, now)?;
    road.reports().drain(..).for_each(|report| println!("{} is settled: {:?}", report.id, report.outcome));
    println!("{} messages wait for a verifier", road.store.len());
    Ok(())
}
