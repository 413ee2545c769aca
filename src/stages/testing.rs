//! What the tests of the stages have in common.

use super::NetworkContext;
use pmq_pipeline::Claims;

pub(crate) fn network() -> NetworkContext {
    NetworkContext { name: "test".into(), claims: Claims(vec!["*".into()]), max_message: 1 << 20, max_topics: 64 }
}
