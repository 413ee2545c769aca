//! Heap allocations per message in the steady state, both roads: gossip's edge -> stages -> queue -> session -> memory link -> client ->
//! verdict -> road -> report and delivery -> session -> memory link -> client -> ack. Counted over the whole process, from the router's vector on.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use pmq_bench::rig::{self, Messages, Parent, Rig, Work};
use pmq_protocol::wire::Limits;
use pmq_transports::{Address, Listener};

/// Messages before the measured span, and in it.
const WARM_UP: u64 = 60_000;
const MEASURED: u64 = 120_000;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

#[allow(unsafe_code, reason = "a global allocator cannot be written without; every call goes on to the system's unchanged")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Content of a message, in bytes: small enough that gossip's edge shares memory, and too large for that.
const SMALL: usize = 256;
const LARGE: usize = 2_048;

struct Figures {
    /// The whole path.
    all: f64,
    /// Of these: making a payload that can be shared, and its first clone.
    sharing: f64,
}

async fn measure(name: &str, size: usize) -> Figures {
    let topic = rig::topic();
    let listener = Listener::bind(&Address::Memory(name.into()), 1_000, Limits::default()).await.unwrap();
    let mut agent = Rig::start(rig::FULL, vec![listener]).await.unwrap();
    let parent = Parent::attach(&format!("memory:{name}"), Work::Consume).await.unwrap();
    let mut edge = Messages::new(size);
    agent.pass(&parent, &mut edge, rig::received(&topic, 1, WARM_UP, size)).await.unwrap();
    let measured = rig::received(&topic, WARM_UP + 1, MEASURED, size);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    agent.pass(&parent, &mut edge, measured).await.unwrap();
    let all = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let again = rig::received(&topic, 1, MEASURED, size);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    rig::share_and_clone(again);
    let sharing = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let per_message = |count: u64| count as f64 / MEASURED as f64;
    Figures { all: per_message(all), sharing: per_message(sharing) }
}

#[test]
fn at_most_one_allocation_a_message() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (small, large) = runtime.block_on(async { (measure("small", SMALL).await, measure("large", LARGE).await) });
    assert!(large.sharing >= 1.0, "the allocator counts: a large payload has a block for its reference count");
    for (size, Figures { all, sharing }) in [(SMALL, &small), (LARGE, &large)] {
        println!(
            "{size} B: {all:.4} heap allocations per message over {MEASURED} messages; {:.4} without the payload's sharing ({sharing:.4})",
            all - sharing
        );
    }
    assert!(small.all <= 1.0, "{:.4} allocations per message", small.all);
    // What is not copied has its own block; the rest of the path has next to none.
    assert!(large.all - large.sharing <= 0.1, "{:.4} allocations per message beside the payload's own", large.all - large.sharing);
}
