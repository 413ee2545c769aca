//! Heap allocations per message in the steady state, both roads: router -> stages -> queue -> session -> memory link -> parent -> verdict
//! -> road -> report and delivery -> memory link -> ack. Counted over the whole process.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod harness;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

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

#[test]
fn at_most_one_allocation_a_message() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let per_message = runtime.block_on(async {
        let topic = harness::topic();
        let mut harness = harness::Harness::start(harness::FULL, "alloc").await;
        harness.pass(harness::messages(&topic, 1, WARM_UP, 256)).await;
        let measured = harness::messages(&topic, WARM_UP + 1, MEASURED, 256);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        harness.pass(measured).await;
        (ALLOCATIONS.load(Ordering::Relaxed) - before) as f64 / MEASURED as f64
    });
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > MEASURED, "the allocator counts");
    println!("heap allocations per message over {MEASURED} messages: {per_message:.4}");
    assert!(per_message <= 1.0, "{per_message:.4} allocations per message");
}
