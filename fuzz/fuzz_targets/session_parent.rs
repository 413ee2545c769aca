#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pmq_fuzz::session_parent(data);
});
