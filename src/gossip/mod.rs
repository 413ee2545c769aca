//! The only room that knows libp2p.
