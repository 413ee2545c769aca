use super::*;

#[test]
fn a_payload_has_its_bytes_whatever_came_before() {
    let mut payloads = Payloads::default();
    let sizes = [0, 1, 300, COPIED, COPIED + 1, CHUNK, CHUNK + 1, 2];
    let made: Vec<(Vec<u8>, Bytes)> = (0_u8..100)
        .map(|number| {
            let payload = vec![number; sizes[usize::from(number) % sizes.len()]];
            (payload.clone(), payloads.share(payload))
        })
        .collect();
    assert!(made.iter().all(|(payload, shared)| payload == shared));
}

#[test]
fn a_chunk_that_nobody_holds_is_used_again() {
    let mut payloads = Payloads::default();
    let first = payloads.share(vec![1; COPIED]);
    let at = first.as_ptr();
    drop(first);
    for _ in 0..CHUNK / COPIED {
        drop(payloads.share(vec![2; COPIED]));
    }
    let again = payloads.share(vec![3; COPIED]);
    assert!(again.as_ptr().addr().wrapping_sub(at.addr()) < CHUNK);
}
