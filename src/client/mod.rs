//! The parent's library: verify, consume, publish; reconnects and resumes by itself.
