//! The generated code is what `proto/` makes today. `PMQ_WRITE_PROTO=1` writes it anew.

use std::fs;
use std::path::Path;

use protox::prost::Message as _;
use protox::prost_reflect::prost_types::FileDescriptorSet;

const FILES: [&str; 3] = ["pmq/v1/attach.proto", "p2pmq/p2pmq.proto", "plugin/plugin.proto"];

/// File made by the compiler, and the file that is kept.
const KEPT: [(&str, &str); 4] =
    [("pmq.v1.rs", "pmq.v1.rs"), ("proto.rs", "p2pmq.rs"), ("plugin.rs", "plugin.rs"), ("descriptors.bin", "descriptors.bin")];

fn generate(out: &Path) {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let descriptors = protox::compile(FILES, [proto]).unwrap();
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec()).unwrap();
    // The attach protocol's messages are lists of entries; the others hold payloads where it has lists.
    let (attach, others) = descriptors.file.into_iter().partition(|file| file.package() == "pmq.v1");
    for (file, codec) in [(attach, "Codec"), (others, "FlatCodec")] {
        // Payloads are shared with the buffer that they came in, not copied.
        tonic_prost_build::configure()
            .bytes(".")
            .codec_path(format!("crate::grpc::{codec}"))
            .build_transport(false)
            .emit_rerun_if_changed(false)
            .out_dir(out)
            .compile_fds(FileDescriptorSet { file })
            .unwrap();
    }
}

#[test]
fn the_generated_code_is_fresh() {
    let out = tempfile::tempdir().unwrap();
    generate(out.path());
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("grpc/generated");
    for (made, name) in KEPT {
        let made = fs::read(out.path().join(made)).unwrap();
        if std::env::var_os("PMQ_WRITE_PROTO").is_some() {
            fs::write(kept.join(name), &made).unwrap();
        }
        assert!(
            fs::read(kept.join(name)).unwrap() == made,
            "{name} is out of date: run the tests of pmq-transports with PMQ_WRITE_PROTO=1"
        );
    }
}
