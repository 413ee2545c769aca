//! What the benches share: one iteration of criterion's is one *message*, so that every figure is a time per message and a rate of messages.

#![allow(dead_code, unreachable_pub, reason = "every bench is a crate of its own and uses a part of it")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Bencher, Criterion, Throughput};

/// The agent's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sizes of batches that are compared, in messages.
pub const BATCHES: [usize; 2] = [1, 64];

/// Sizes of payloads that are compared, in bytes.
pub const SIZES: [usize; 5] = [64, 256, 1_024, 4_096, 65_536];

/// Bytes of a message where its size is not what is measured.
pub const SIZE: usize = 256;

/// Messages that one turn handles at least: a clock read (some 25 ns) costs one of them less than half a nanosecond.
pub const TURN: usize = 64;

/// Short runs, since there are many benches: half a second each. `--measurement-time 5 --sample-size 100` on the command line asks for more.
pub fn criterion() -> Criterion {
    let short = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_millis(500));
    short.sample_size(30).without_plots()
}

/// One message of `bytes` bytes.
pub fn message(bytes: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: 1, bytes: bytes as u64 }
}

/// One message, where its bytes are not touched.
pub const MESSAGE: Throughput = Throughput::Elements(1);

/// The time that `work` takes, without the time to drop its result.
pub fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    let result = black_box(work());
    let time = start.elapsed();
    drop(result);
    time
}

/// Times a part of turns that handle `messages` each: `turn` prepares, times that part with [`timed`], checks what came of it and cleans up.
pub fn spans(bencher: &mut Bencher<'_>, messages: usize, mut turn: impl FnMut() -> Duration) {
    bencher.iter_custom(|iterations| {
        let turns = iterations.div_ceil(messages as u64);
        let total: Duration = (0..turns).map(|_| turn()).sum();
        share(total, iterations, turns * messages as u64)
    });
}

/// Times whole turns that handle `messages` each; what they return is dropped within the time.
pub fn turns<T>(bencher: &mut Bencher<'_>, messages: usize, mut turn: impl FnMut() -> T) {
    bencher.iter_custom(|iterations| {
        let turns = iterations.div_ceil(messages as u64);
        let start = Instant::now();
        for _ in 0..turns {
            black_box(turn());
        }
        share(start.elapsed(), iterations, turns * messages as u64)
    });
}

/// The time of `wanted` messages out of that of `done`; a run handles whole turns.
fn share(time: Duration, wanted: u64, done: u64) -> Duration {
    time.mul_f64(wanted as f64 / done as f64)
}
