//! Random schedules over groups and shadows, against a model that keeps everything in plain lists and looks through all of it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use pmq_pipeline::QueueEvent;

const SIZE: u64 = 10;
/// Times are multiples of the wheel's tick, so that it is exact.
const STEP: Duration = Duration::from_millis(5);

#[derive(Debug, Clone)]
enum Step {
    Admit(u8),
    /// In a group, or as a shadow; the window's messages and bytes.
    Attach(Option<usize>, u32, u64),
    Detach(Index),
    Pause(Index, bool),
    Window(Index, u32, u64),
    /// For an offer ever made, by whoever got it (true) or by someone else.
    Verdict(Index, bool, Index, Verdict),
    Pass(u32),
}

fn step(groups: usize) -> impl Strategy<Value = Step> {
    let verdict = prop_oneof![6 => Just(Verdict::Accept), 1 => Just(Verdict::Ignore), 2 => Just(Verdict::Reject)];
    let seat = prop_oneof![3 => (0..groups).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        6 => (1..5_u8).prop_map(Step::Admit),
        3 => (seat, 0..6_u32, 0..80_u64).prop_map(|(seat, messages, bytes)| Step::Attach(seat, messages, bytes)),
        1 => any::<Index>().prop_map(Step::Detach),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(who, paused)| Step::Pause(who, paused)),
        1 => (any::<Index>(), 0..6_u32, 0..80_u64).prop_map(|(who, messages, bytes)| Step::Window(who, messages, bytes)),
        16 => (any::<Index>(), prop::bool::weighted(0.9), any::<Index>(), verdict).prop_map(|(offer, own, who, verdict)| Step::Verdict(offer, own, who, verdict)),
        3 => (1..30_u32).prop_map(Step::Pass),
    ]
}

#[derive(Debug, Clone)]
struct Member {
    link: LinkId,
    /// `None` = a shadow.
    group: Option<usize>,
    window: Window,
    owes: u64,
    paused: bool,
}

impl Member {
    fn room(&self) -> bool {
        let bytes = self.owes == 0 || (self.owes + 1) * SIZE <= self.window.bytes;
        !self.paused && self.owes < u64::from(self.window.messages) && bytes
    }
}

#[derive(Debug, Clone)]
struct Message {
    deadline: Instant,
    group: usize,
    holder: Option<LinkId>,
    orphan: bool,
}

#[derive(Debug, Clone)]
struct Seen {
    deadline: Instant,
    said: Option<Verdict>,
    /// The verdict behind the outcome; `None` inside for a fallback.
    outcome: Option<Option<Verdict>>,
    /// Whether it was compared, once it is over.
    over: Option<bool>,
}

#[derive(Default)]
struct Model {
    groups: usize,
    members: Vec<Member>,
    pending: BTreeMap<u64, Message>,
    waiting: Vec<Vec<u64>>,
    /// Whether by a verdict.
    ended: BTreeMap<u64, bool>,
    seen: BTreeMap<(LinkId, u64), Seen>,
    offers: Vec<(LinkId, u64)>,
    settled: Vec<(u64, Verdict, Reason)>,
    compared: Vec<(u64, Option<Verdict>, Verdict)>,
    conflicts: Vec<u64>,
    skipped: u64,
    unanswered: u64,
}

impl Model {
    fn admit(&mut self, number: u64, deadline: Instant) {
        self.pending.insert(number, Message { deadline, group: 0, holder: None, orphan: false });
        self.waiting[0].push(number);
        for member in self.members.iter_mut().filter(|member| member.group.is_none()) {
            if member.room() {
                member.owes += 1;
                self.seen.insert((member.link, number), Seen { deadline, said: None, outcome: None, over: None });
                self.offers.push((member.link, number));
            } else {
                self.skipped += 1;
            }
        }
    }

    fn hand_out(&mut self, now: Instant) -> Vec<(LinkId, u64)> {
        for group in 0..self.groups {
            while let Some(&number) = self.waiting[group].first() {
                let free = self.members.iter_mut().filter(|member| member.group == Some(group) && member.room());
                let Some(member) = free.min_by_key(|member| member.owes) else { break };
                let message = self.pending.get_mut(&number).unwrap();
                assert!(message.deadline > now, "expired before it was handed out");
                member.owes += 1;
                message.holder = Some(member.link);
                self.offers.push((member.link, number));
                self.waiting[group].remove(0);
            }
        }
        let mut offers = std::mem::take(&mut self.offers);
        offers.sort_unstable();
        offers
    }

    fn detach(&mut self, link: LinkId) {
        let member = self.members.iter().find(|member| member.link == link).unwrap().clone();
        self.members.retain(|member| member.link != link);
        self.offers.retain(|(to, _)| *to != link);
        let Some(group) = member.group else {
            self.seen.retain(|(to, _), _| *to != link);
            return;
        };
        let mut back: Vec<(Instant, u64)> = Vec::new();
        for (number, message) in self.pending.iter_mut().filter(|(_, message)| message.holder == Some(link)) {
            (message.holder, message.orphan) = (None, true);
            back.push((message.deadline, *number));
        }
        self.waiting[group].splice(0..0, back.into_iter().map(|(_, number)| number));
    }

    fn settle(&mut self, number: u64, outcome: (Verdict, Reason), said: Option<Verdict>) {
        self.pending.remove(&number);
        self.waiting.iter_mut().for_each(|list| list.retain(|other| *other != number));
        self.ended.insert(number, said.is_some());
        self.settled.push((number, outcome.0, outcome.1));
        for ((_, of), seen) in &mut self.seen {
            if *of != number || seen.over.is_some() {
                continue;
            }
            seen.outcome = Some(said.map(|_| outcome.0));
            match seen.said {
                Some(shadow) => {
                    self.compared.push((number, said.map(|_| outcome.0), shadow));
                    seen.over = Some(true);
                }
                None if said.is_none() => {
                    self.unanswered += 1;
                    seen.over = Some(false);
                }
                None => {}
            }
        }
    }

    fn verdict(&mut self, link: LinkId, number: u64, verdict: Verdict, now: Instant) -> Result<(), VerdictRefused> {
        let member = self.members.iter().find(|member| member.link == link).unwrap();
        if member.group.is_none() {
            let Some(seen) = self.seen.get_mut(&(link, number)) else { return Err(VerdictRefused::StaleSession) };
            match (seen.over, seen.said) {
                (Some(false), _) => return Err(VerdictRefused::Late),
                (Some(true), _) | (None, Some(_)) => return Err(VerdictRefused::Duplicate),
                (None, None) if seen.deadline <= now => return Err(VerdictRefused::Late),
                (None, None) => seen.said = Some(verdict),
            }
            if let Some(outcome) = seen.outcome {
                self.compared.push((number, outcome, verdict));
                seen.over = Some(true);
            }
            return Ok(());
        }
        let Some(message) = self.pending.get_mut(&number) else {
            return Err(if self.ended[&number] { VerdictRefused::Duplicate } else { VerdictRefused::Late });
        };
        if message.holder != Some(link) {
            return Err(VerdictRefused::StaleSession);
        }
        match (verdict, message.group) {
            (Verdict::Accept, group) if group + 1 < self.groups => {
                *message = Message { group: group + 1, holder: None, orphan: false, ..message.clone() };
                self.waiting[group + 1].push(number);
            }
            (Verdict::Reject, 1..) => {
                self.conflicts.push(number);
                self.settle(number, (Verdict::Ignore, Reason::VerifierConflict), Some(verdict));
            }
            _ => self.settle(number, (verdict, Reason::Verified), Some(verdict)),
        }
        Ok(())
    }

    fn expire(&mut self, now: Instant) {
        let due: Vec<u64> = self.pending.iter().filter(|(_, message)| message.deadline <= now).map(|(number, _)| *number).collect();
        for number in due {
            let message = &self.pending[&number];
            let group: Vec<&Member> = self.members.iter().filter(|member| member.group == Some(message.group)).collect();
            let cause = match message {
                Message { holder: Some(_), .. } => Reason::Timeout,
                Message { orphan: true, .. } => Reason::VerifierLost,
                _ if group.is_empty() => Reason::NoVerifier,
                _ if group.iter().all(|member| member.paused) => Reason::Paused,
                _ => Reason::Timeout,
            };
            self.settle(number, (Verdict::Ignore, cause), None);
        }
        for seen in self.seen.values_mut() {
            if seen.deadline <= now && seen.over.is_none() {
                self.unanswered += 1;
                seen.over = Some(false);
            }
        }
    }
}

struct Both {
    bench: Bench,
    model: Model,
    names: Vec<String>,
    links: u32,
    numbers: u64,
    /// Every offer ever made, with its ticket and whether its credit came back.
    offers: Vec<(LinkId, Ticket, u64, bool)>,
}

impl Both {
    fn new(groups: usize) -> Self {
        let names: Vec<String> = if groups == 1 { Vec::new() } else { (0..groups).map(|group| format!("g{group}")).collect() };
        let mut bench = Bench::new(|settings| {
            settings.groups.clone_from(&names);
            settings.deadline = STEP * 40;
        });
        bench.admit([0], 0);
        bench.pass(STEP * 100);
        bench.settled();
        let model = Model { groups, waiting: vec![Vec::new(); groups], ..Model::default() };
        Self { bench, model, names, links: 0, numbers: 0, offers: Vec::new() }
    }

    fn member(&mut self, index: &Index) -> Option<&mut Member> {
        let at = (!self.model.members.is_empty()).then(|| index.index(self.model.members.len()))?;
        self.model.members.get_mut(at)
    }

    fn apply(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Admit(count) => {
                for _ in 0..count {
                    self.numbers += 1;
                    // Each a little after the one before, so that the older of two is known, and all of them before the tick.
                    let arrived = self.bench.now - Duration::from_millis(1) + Duration::from_nanos(self.numbers);
                    let mut batch = batch([self.numbers], SIZE as usize, arrived);
                    self.bench.queue.admit(&mut batch, self.bench.now);
                    self.model.admit(self.numbers, arrived + STEP * 40);
                }
            }
            Step::Attach(group, messages, bytes) if self.model.members.len() < 8 => {
                self.links += 1;
                let (link, window) = (LinkId(self.links), Window { messages, bytes });
                let name = |group: usize| self.names.get(group).map_or("", |name| name).into();
                let seat = group.map_or(VerifierRole::Shadow, |group| VerifierRole::Group(name(group)));
                let terms = VerifierTerms { window, seat };
                prop_assert!(self.bench.queue.attach(link, terms, self.bench.now));
                self.model.members.push(Member { link, group, window, owes: 0, paused: false });
            }
            Step::Attach(..) => {}
            Step::Detach(ref who) => {
                if let Some(link) = self.member(who).map(|member| member.link) {
                    self.bench.queue.detach(link, self.bench.now);
                    self.model.detach(link);
                }
            }
            Step::Pause(ref who, paused) => {
                if let Some(member) = self.member(who) {
                    member.paused = paused;
                    let link = member.link;
                    self.bench.queue.pause(link, paused);
                }
            }
            Step::Window(ref who, messages, bytes) => {
                if let Some(member) = self.member(who) {
                    member.window = Window { messages, bytes };
                    let (link, window) = (member.link, member.window);
                    self.bench.queue.window(link, window);
                }
            }
            Step::Verdict(ref which, own, ref who, verdict) => self.verdict(which, own, who, verdict)?,
            Step::Pass(steps) => {
                self.bench.pass(STEP * steps);
                self.model.expire(self.bench.now);
            }
        }
        self.compare()
    }

    fn verdict(&mut self, which: &Index, own: bool, who: &Index, verdict: Verdict) -> Result<(), TestCaseError> {
        if self.offers.is_empty() {
            return Ok(());
        }
        let at = which.index(self.offers.len());
        let (to, ticket, number, released) = self.offers[at];
        let shadows = |model: &Model, link| model.members.iter().find(|member| member.link == link).map(|member| member.group.is_none());
        let link = match self.member(who) {
            Some(member) if !own => member.link,
            _ => to,
        };
        let Some(shadow) = shadows(&self.model, link) else {
            let heard = self.bench.verdict_of(link, ticket, verdict);
            prop_assert!(heard.is_err(), "a verdict of who is gone had an effect");
            return Ok(());
        };
        // Tickets of verifiers and of shadows have nothing to do with each other: only those of the same kind can be mistaken.
        if link != to && (shadow || shadows(&self.model, to) != Some(false)) {
            return Ok(());
        }
        if link == to && !released {
            self.offers[at].3 = true;
            self.bench.queue.released(link, 1, SIZE);
            self.model.members.iter_mut().find(|member| member.link == link).unwrap().owes -= 1;
        }
        let expected = self.model.verdict(link, number, verdict, self.bench.now);
        let heard = self.bench.verdict_of(link, ticket, verdict);
        match (heard, expected) {
            // How a ticket ended is forgotten when its place is used for the second time.
            (Err(VerdictRefused::Late), Err(VerdictRefused::Duplicate)) => {}
            (heard, expected) => prop_assert_eq!(heard.map(|_| ()), expected, "{:?} on {} by {:?}", verdict, number, link),
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let offers = self.bench.offers();
        let mut handed: Vec<(LinkId, u64)> = offers.iter().map(|&(link, _, number)| (link, number)).collect();
        handed.sort_unstable();
        prop_assert_eq!(handed, self.model.hand_out(self.bench.now), "offers");
        self.offers.extend(offers.into_iter().map(|(link, ticket, number)| (link, ticket, number, false)));
        let sorted = |mut ends: Vec<(u64, Verdict, Reason)>| {
            ends.sort_unstable_by_key(|end| end.0);
            ends
        };
        prop_assert_eq!(sorted(self.bench.settled()), sorted(std::mem::take(&mut self.model.settled)), "outcomes");
        let (mut compared, mut conflicts) = (Vec::new(), Vec::new());
        for news in self.bench.queue.news().drain(..) {
            match news {
                QueueEvent::Conflict(conflict) => conflicts.push(number(&conflict.id)),
                QueueEvent::Compared(of) => compared.push((number(&of.id), of.said.map(|_| of.outcome.verdict), of.shadow.verdict)),
            }
        }
        let key = |(number, outcome, shadow): &(u64, Option<Verdict>, Verdict)| (*number, outcome.map(|v| v as u8), *shadow as u8);
        compared.sort_unstable_by_key(key);
        self.model.compared.sort_unstable_by_key(key);
        prop_assert_eq!(compared, std::mem::take(&mut self.model.compared), "comparisons");
        prop_assert_eq!(conflicts, std::mem::take(&mut self.model.conflicts), "conflicts");
        let census = self.bench.queue.census();
        prop_assert_eq!((census.skipped, census.unanswered), (self.model.skipped, self.model.unanswered), "skipped, unanswered");
        prop_assert_eq!(self.bench.queue.len(), self.model.pending.len());
        let of = |group: Option<usize>| self.model.members.iter().filter(|member| member.group == group).count();
        let groups: Vec<usize> = census.groups.iter().map(|(_, count)| *count).collect();
        prop_assert_eq!(groups, (0..self.model.groups).map(|group| of(Some(group))).collect::<Vec<_>>());
        prop_assert_eq!(census.shadows, of(None));
        Ok(())
    }
}

fn agree(groups: usize, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut both = Both::new(groups);
    steps.iter().try_for_each(|step| both.apply(step))?;
    // In the end nothing is left, whatever came before.
    both.apply(&Step::Pass(1_000))?;
    prop_assert_eq!((both.bench.queue.len(), both.bench.queue.shadows.open(), both.bench.queue.bytes()), (0, 0, 0));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn one_group_does_as_the_model_does(steps in prop::collection::vec(step(1), 1..150)) {
        agree(1, &steps)?;
    }

    #[test]
    fn a_chain_does_as_the_model_does(steps in prop::collection::vec(step(3), 1..150)) {
        agree(3, &steps)?;
    }
}
