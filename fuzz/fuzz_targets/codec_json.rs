#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    pmq_fuzz::codec_json(data);
});
