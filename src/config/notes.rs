//! What the settings leave open, and no other setting would help.

use super::Config;

/// See `docs/promises.md` 4.
const ENORMOUS_FRAME: &str = "attach.zeromq is bound. The ZeroMQ library has no largest message: whoever can connect there and announces an enormous frame \
    (larger than the address space), or sends one without end, ends the agent's process, with a token or without. Run it under a supervisor that restarts it; nothing that was acknowledged \
    is lost by that (docs/promises.md 4)";
/// See there.
const SILENT_CONNECTIONS: &str = "attach.zeromq is bound. The ZeroMQ library waits for a handshake without a deadline: whoever can connect there may hold descriptors of the \
    agent (docs/promises.md 4)";

impl Config {
    /// What the settings leave open, and no other setting would help: exceptions to what the agent promises.
    #[must_use]
    pub fn notes(&self) -> Vec<&'static str> {
        if self.settings.attach.zeromq.bind.is_empty() { Vec::new() } else { vec![ENORMOUS_FRAME, SILENT_CONNECTIONS] }
    }
}
