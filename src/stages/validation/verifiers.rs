//! The verifiers of one group: who has how much credit, and whose turn it is.

use crate::pipeline::{LinkId, VerifierView};
use crate::wire::{Outstanding, Window};

#[derive(Debug)]
struct Verifier {
    link: LinkId,
    window: Window,
    outstanding: Outstanding,
    paused: bool,
}

/// Verifiers that share the load. Bounded by the agent's bound on sessions.
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

    pub(super) fn window(&mut self, link: LinkId, window: Window) {
        if let Some(verifier) = self.find(link) {
            verifier.window = window;
        }
    }

    pub(super) fn released(&mut self, link: LinkId, messages: u32, bytes: u64) {
        if let Some(verifier) = self.find(link) {
            verifier.outstanding.release(messages, bytes);
        }
    }

    pub(super) fn pause(&mut self, link: LinkId, paused: bool) {
        if let Some(verifier) = self.find(link) {
            verifier.paused = paused;
        }
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

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn view(&self, link: LinkId) -> Option<VerifierView> {
        let &Verifier { window, outstanding, paused, .. } = self.0.iter().find(|verifier| verifier.link == link)?;
        Some(VerifierView { window, outstanding, paused })
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn find(&mut self, link: LinkId) -> Option<&mut Verifier> {
        self.0.iter_mut().find(|verifier| verifier.link == link)
    }
}
