//! Looks up the names of push services, and gives out addresses of the public internet only. A connection goes to one of the
//! very addresses that were checked, so a name that changes in between leads nowhere else.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::is_public;
use crate::limit::LOOKUPS_AT_ONCE_MAX;

/// A name has no address on the public internet.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name has no address on the public internet")]
pub(crate) struct NotPublic;

/// See the module.
#[derive(Clone, Default)]
pub(crate) struct PublicResolver {
    running: Arc<AtomicUsize>,
}

/// A look-up that runs.
struct Lookup(Arc<AtomicUsize>);

impl Drop for Lookup {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PublicResolver {
    /// One of the look-ups that run at the same time.
    fn begin(&self) -> Option<Lookup> {
        let lookup = Lookup(Arc::clone(&self.running));
        (self.running.fetch_add(1, Ordering::Relaxed) < LOOKUPS_AT_ONCE_MAX).then_some(lookup)
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.begin();
        Box::pin(async move {
            let lookup = lookup.ok_or_else(|| {
                io::Error::new(io::ErrorKind::ResourceBusy, "too many names are being looked up")
            })?;
            let found = tokio::task::spawn_blocking(move || {
                // Until the system's resolver gives up, also when nobody waits any more.
                let _lookup = lookup;
                let found = (name.as_str(), 0).to_socket_addrs();
                found.map(Iterator::collect::<Vec<_>>)
            });
            public(found.await??)
        })
    }
}

/// Those of these addresses that are public.
fn public(found: Vec<SocketAddr>) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    let public: Vec<_> = found.into_iter().filter(|found| is_public(found.ip())).collect();
    if public.is_empty() {
        return Err(NotPublic.into());
    }
    Ok(Box::new(public.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_given_out() {
        let of = |all: &[&str]| {
            let all = all.iter().map(|one| SocketAddr::new(one.parse().unwrap(), 0)).collect();
            public(all).map(|found| found.map(|one| one.ip().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["10.0.0.1", "8.8.8.8", "::1", "fe80::1"]).unwrap(), ["8.8.8.8"]);
        for private in [&["127.0.0.1"][..], &["::ffff:10.0.0.1", "169.254.169.254"], &[]] {
            assert!(of(private).err().unwrap().is::<NotPublic>());
        }
    }

    #[test]
    fn a_name_of_this_machine_is_looked_up_and_refused() {
        let name = "localhost".parse().unwrap();
        let resolving = PublicResolver::default().resolve(name);
        let found = async_thread::wait(
            async { resolving.await.map(drop).map_err(|error| error.is::<NotPublic>()) },
            std::time::Duration::from_secs(20),
        );
        assert!(matches!(found, Ok(Err(true))));
    }

    #[test]
    fn look_ups_at_the_same_time_are_bounded() {
        let resolver = PublicResolver::default();
        let running: Vec<_> = (0..LOOKUPS_AT_ONCE_MAX).map(|_| resolver.begin()).collect();
        assert!(running.iter().all(Option::is_some));
        assert!(resolver.begin().is_none());
        drop(running);
        assert!(resolver.begin().is_some());
    }
}
