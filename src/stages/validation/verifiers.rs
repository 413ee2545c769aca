//! The verifiers of one group, or the shadows: who has how much credit, and whose turn it is.

use pmq_pipeline::{LinkId, VerifierView};
use pmq_protocol::wire::{Outstanding, Window};

#[derive(Debug)]
struct Verifier {
    link: LinkId,
    window: Window,
    outstanding: Outstanding,
    paused: bool,
}

/// Verifiers, or shadows. Bounded by the agent's bound on sessions.
#[derive(Debug, Default)]
pub(super) struct Verifiers(Vec<Verifier>);

impl Verifiers {
    pub(super) fn attach(&mut self, link: LinkId, window: Window) {
        self.0.push(Verifier { link, window, outstanding: Outstanding::default(), paused: false });
    }

    /// Answers whether it was attached.
    pub(super) fn detach(&mut self, link: LinkId) -> bool {
        let before = self.0.len();
        self.0.retain(|verifier| verifier.link != link);
        before != self.0.len()
    }

    /// Answers whether it was found here, as do the others.
    pub(super) fn window(&mut self, link: LinkId, window: Window) -> bool {
        self.find(link).map(|verifier| verifier.window = window).is_some()
    }

    pub(super) fn released(&mut self, link: LinkId, messages: u32, bytes: u64) -> bool {
        self.find(link).map(|verifier| verifier.outstanding.release(messages, bytes)).is_some()
    }

    pub(super) fn pause(&mut self, link: LinkId, paused: bool) -> bool {
        self.find(link).map(|verifier| verifier.paused = paused).is_some()
    }

    /// Takes credit for a message of `bytes` from one of them; `None` if it has none, or wants none now.
    pub(super) fn take(&mut self, index: usize, bytes: usize) -> Option<LinkId> {
        let verifier = self.0.get_mut(index).filter(|verifier| !verifier.paused)?;
        verifier.outstanding.take(verifier.window, bytes).then_some(verifier.link)
    }

    /// The verifier with the least outstanding work that has credit for a message of `bytes`; the credit is taken.
    pub(super) fn choose(&mut self, bytes: usize) -> Option<LinkId> {
        let free = |verifier: &&mut Verifier| {
            let mut attempt = verifier.outstanding;
            !verifier.paused && attempt.take(verifier.window, bytes)
        };
        let verifier = self.0.iter_mut().filter(free).min_by_key(|verifier| (verifier.outstanding.messages, verifier.outstanding.bytes))?;
        verifier.outstanding.take(verifier.window, bytes).then_some(verifier.link)
    }

    pub(super) fn all_paused(&self) -> bool {
        self.0.iter().all(|verifier| verifier.paused)
    }

    pub(super) fn paused(&self) -> usize {
        self.0.iter().filter(|verifier| verifier.paused).count()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Without its group, which these do not know.
    pub(super) fn view(&self, link: LinkId) -> Option<VerifierView> {
        let &Verifier { window, outstanding, paused, .. } = self.0.iter().find(|verifier| verifier.link == link)?;
        Some(VerifierView { group: "".into(), shadow: false, window, outstanding, paused })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, link: LinkId) -> bool {
        self.0.iter().any(|verifier| verifier.link == link)
    }

    fn find(&mut self, link: LinkId) -> Option<&mut Verifier> {
        self.0.iter_mut().find(|verifier| verifier.link == link)
    }
}
