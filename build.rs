//! Compiles `proto/` where a feature needs it, without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    #[cfg(feature = "client-grpc")]
    grpc::compile()?;
    Ok(())
}

#[cfg(feature = "client-grpc")]
mod grpc {
    use std::path::PathBuf;

    const FILES: [&str; 3] = ["proto/pmq/v1/attach.proto", "proto/p2pmq/p2pmq.proto", "proto/plugin/plugin.proto"];

    pub(crate) fn compile() -> Result<(), Box<dyn std::error::Error>> {
        println!("cargo::rerun-if-changed=proto");
        let descriptors = protox::compile(FILES, ["proto"])?;
        let out = PathBuf::from(std::env::var("OUT_DIR")?);
        // What server reflection shows.
        std::fs::write(out.join("descriptors.bin"), protox::prost::Message::encode_to_vec(&descriptors))?;
        // The attach protocol's messages are lists of entries; the others hold payloads where it has lists.
        let (attach, others) = descriptors.file.into_iter().partition(|file| file.package() == "pmq.v1");
        for (file, codec) in [(attach, "Codec"), (others, "FlatCodec")] {
            // Payloads are shared with the buffer that they came in, not copied.
            tonic_prost_build::configure()
                .bytes(".")
                .codec_path(format!("crate::transports::grpc::{codec}"))
                .build_transport(false)
                .compile_fds(protox::prost_reflect::prost_types::FileDescriptorSet { file })?;
        }
        Ok(())
    }
}
