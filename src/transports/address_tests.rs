#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use super::*;

#[test]
fn urls_of_grpc_over_tls_are_read_and_written() {
    let is = |url: &str, host: &str, port| {
        let address: Address = url.parse().unwrap();
        assert_eq!(address, Address::Grpcs { host: host.into(), port }, "{url}");
        assert_eq!(address.to_string().parse::<Address>().unwrap(), address, "{address}");
    };
    is("grpcs://agent.example.org:9001", "agent.example.org", 9001);
    is("grpcs://agent.example.org", "agent.example.org", 8001);
    is("grpcs://127.0.0.1:0", "127.0.0.1", 0);
    is("grpcs://[::1]:9001", "::1", 9001);
    is("grpcs://[::1]", "::1", 8001);
    for url in
        ["grpcs://", "grpcs://:8001", "grpcs://::1", "grpcs://here:port", "grpcs://here:8001/path", "grpcs://me@here:8001", "grpcs://[::1"]
    {
        let told = url.parse::<Address>().unwrap_err().to_string();
        assert!(told.contains("grpcs://HOST:PORT"), "{told}");
    }
}
