//! Connections of nobody known yet, counted by the host that they come from.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Connections of one host at a time that have not proven who is there, of all that an address takes: one stranger does not take up every place.
const UNPROVEN_PER_HOST: u32 = 64;

/// How many there are, by host. Bounded by the connections that an address takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Strangers(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One of them; counts until it is dropped.
#[derive(Debug)]
pub(super) struct Stranger(Strangers, IpAddr);

impl Strangers {
    /// `None` if that host has too many. A network of IPv6 counts as one host.
    pub(super) fn let_in(&self, host: IpAddr) -> Option<Stranger> {
        let host = match host.to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip => ip,
        };
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hosts.entry(host).or_default();
        if *count >= UNPROVEN_PER_HOST {
            return None;
        }
        *count += 1;
        Some(Stranger(self.clone(), host))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut hosts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = hosts.entry(self.1) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
#[path = "strangers_tests.rs"]
mod tests;
