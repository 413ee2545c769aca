//! PMQ
fn main() {}
