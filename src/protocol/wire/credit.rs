//! Credit: what a parent lets the agent have on its way to it.

/// How much may be on its way to a parent without an answer. Set by the parent.
///
/// A message larger than `bytes` passes when nothing else is outstanding, so that no window can block the pipeline for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Messages.
    pub messages: u32,
    /// Payload bytes.
    pub bytes: u64,
}

/// What a parent owes: the part of its [`Window`] that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outstanding {
    /// Messages.
    pub messages: u32,
    /// Payload bytes.
    pub bytes: u64,
}

impl Outstanding {
    /// Takes credit for one message of `bytes`, or says that the window has no room.
    pub fn take(&mut self, window: Window, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let fits = self.messages < window.messages && (self.messages == 0 || self.bytes.saturating_add(bytes) <= window.bytes);
        if fits {
            self.messages += 1;
            self.bytes = self.bytes.saturating_add(bytes);
        }
        fits
    }

    /// Gives credit back.
    pub fn release(&mut self, messages: u32, bytes: u64) {
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
