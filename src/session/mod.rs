//! The attach protocol as a state machine without IO, both ends.
