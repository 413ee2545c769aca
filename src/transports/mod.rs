//! Links between agent and parent: twins under one small trait. They move frames and know who is at the other end, nothing else.
