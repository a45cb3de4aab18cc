use super::*;
use std::io::Read;
use std::net::TcpListener;

const FAR: &str = "203.0.113.7";

struct ListenerShared {
    permits: Permits,
    listener: TcpListener,
    /// What a handler would hold.
    streams: Vec<Arc<TcpStream>>,
}

impl ListenerShared {
    fn new(connections_max: usize, connections_per_address: usize, proxies: &[&str]) -> Self {
        let config = crate::ListenerConfig {
            name: "other",
            connections_max,
            connections_per_address,
            trusted_proxies: proxies.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let permits = Permits::new(&config, crate::metrics::named("other"));
        Self { permits, listener: TcpListener::bind("127.0.0.1:0").unwrap(), streams: Vec::new() }
    }

    /// A newcomer who claims that address, and the client's end of its connection.
    fn comes(&mut self, peer: &str) -> Result<(Permit, TcpStream), Cause> {
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let stream = Arc::new(self.listener.accept().unwrap().0);
        self.streams.push(Arc::clone(&stream));
        Ok((self.permits.admit(peer.parse().unwrap(), &stream)?, client))
    }
}

/// Waits for the end; a reset or a time-out is none.
fn is_shut(client: &mut TcpStream) -> bool {
    matches!(client.read(&mut [0]), Ok(0))
}

fn is_open(client: &mut TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    let error = client.read(&mut [0]).unwrap_err();
    client.set_nonblocking(false).unwrap();
    error.kind() == std::io::ErrorKind::WouldBlock
}

#[test]
fn the_one_that_waited_longest_makes_place() {
    let mut shared = ListenerShared::new(2, 10, &[]);
    let (_first, mut first) = shared.comes(FAR).unwrap();
    let (second_permit, mut second) = shared.comes(FAR).unwrap();
    assert!(second_permit.mark_established());
    let (_third, mut third) = shared.comes(FAR).unwrap();
    assert!(is_shut(&mut first) && is_open(&mut second) && is_open(&mut third));
    // `first` has not noticed yet, and `second` is settled: now `third` goes.
    let (_fourth, mut fourth) = shared.comes(FAR).unwrap();
    assert!(is_shut(&mut third) && is_open(&mut second) && is_open(&mut fourth));
}

#[test]
fn who_became_idle_last_is_evicted_last() {
    let mut shared = ListenerShared::new(3, 10, &[]);
    let (mut active, mut first) = shared.comes(FAR).unwrap();
    assert!(active.mark_established());
    let (_second, mut second) = shared.comes(FAR).unwrap();
    let (mut refused, mut third) = shared.comes(FAR).unwrap();
    active.mark_idle(&shared.streams[0]);
    // A request that was refused before it was established: it waits anew, and once.
    refused.mark_idle(&shared.streams[2]);
    let (_fourth, mut fourth) = shared.comes(FAR).unwrap();
    assert!(is_shut(&mut second) && is_open(&mut first) && is_open(&mut third));
    let (_fifth, mut fifth) = shared.comes(FAR).unwrap();
    assert!(is_shut(&mut first) && is_open(&mut third));
    assert!(!active.mark_established());
    assert!(refused.mark_established() && is_open(&mut fourth) && is_open(&mut fifth));
    assert_eq!(lock(&shared.permits.0.state).waiting.len(), 2);
}

#[test]
fn who_is_settled_stays_and_the_newcomer_goes() {
    let mut shared = ListenerShared::new(2, 10, &[]);
    let permits: Vec<_> = (0..2).map(|_| shared.comes(FAR).unwrap()).collect();
    assert!(permits.iter().all(|(permit, _)| permit.mark_established()));
    assert_eq!(shared.comes(FAR).map(drop), Err(Cause::Full));
    drop(permits);
    assert!(shared.comes(FAR).is_ok());
}

#[test]
fn settling_after_the_eviction_is_too_late() {
    let mut shared = ListenerShared::new(1, 10, &[]);
    let (first, _a) = shared.comes(FAR).unwrap();
    let (second, _b) = shared.comes(FAR).unwrap();
    assert!(!first.mark_established() && second.mark_established() && second.mark_established());
    drop(first);
    assert_eq!(
        shared.comes(FAR).map(drop),
        Err(Cause::Full),
        "its permit was the second's already"
    );
}

#[test]
fn those_who_leave_are_bounded_too() {
    let mut shared = ListenerShared::new(1, 1000, &[]);
    let kept: Vec<_> = (0..=LEAVING_MAX).map(|_| shared.comes(FAR).unwrap()).collect();
    assert_eq!(shared.comes(FAR).map(drop), Err(Cause::Full));
    assert_eq!(shared.permits.held(), LEAVING_MAX + 1);
    drop(kept);
    assert!(shared.comes(FAR).is_ok());
}

#[test]
fn one_address_has_its_share_and_gives_it_back() {
    let mut shared = ListenerShared::new(100, 2, &[]);
    let first = shared.comes("2001:db8::1").unwrap();
    let _second = shared.comes("2001:db8::2").unwrap();
    assert_eq!(shared.comes("2001:db8::3").map(drop), Err(Cause::AddressFull), "one /64");
    let _other = shared.comes("2001:db8:0:1::1").unwrap();
    drop(first);
    assert!(shared.comes("2001:db8::3").is_ok());
}

#[test]
fn this_machine_and_trusted_proxies_are_not_counted() {
    let mut shared = ListenerShared::new(100, 1, &["10.0.0.1"]);
    let _kept: Vec<_> = ["127.0.0.1", "::1", "127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1"]
        .map(|peer| shared.comes(peer).unwrap())
        .into();
    assert_eq!(lock(&shared.permits.0.state).addresses.len(), 0);
}

#[test]
fn whom_a_proxy_names_is_counted_instead() {
    let mut shared = ListenerShared::new(100, 1, &["10.0.0.1"]);
    let (mut first, _a) = shared.comes("10.0.0.1").unwrap();
    let (mut second, _b) = shared.comes("10.0.0.1").unwrap();
    assert!(first.count_for(FAR.parse().unwrap()));
    assert!(!second.count_for(FAR.parse().unwrap()));
    assert!(second.count_for("203.0.113.8".parse().unwrap()));
    assert_eq!(shared.comes(FAR).map(drop), Err(Cause::AddressFull));
    drop((first, second));
    assert_eq!(lock(&shared.permits.0.state).addresses.len(), 0);
}

#[test]
fn at_the_end_all_who_wait_are_turned_out_and_nobody_else() {
    let mut shared = ListenerShared::new(10, 10, &[]);
    let (waiting, mut a) = shared.comes(FAR).unwrap();
    let (settled, mut b) = shared.comes(FAR).unwrap();
    settled.mark_established();
    shared.permits.evict_all();
    assert!(is_shut(&mut a) && is_open(&mut b));
    assert!(!shared.permits.wait_until_returned(Duration::from_millis(1), false));
    drop((waiting, settled));
    assert!(shared.permits.wait_until_returned(Duration::ZERO, false));
    // The accept thread might still be about to admit someone.
    assert!(!shared.permits.wait_until_returned(Duration::ZERO, true));
    shared.permits.close();
    assert!(shared.permits.wait_until_returned(Duration::ZERO, true));
}

#[test]
fn under_many_threads_every_permit_comes_back() {
    let shared = ListenerShared::new(3, 1000, &[]);
    let client = TcpStream::connect(shared.listener.local_addr().unwrap()).unwrap();
    let stream = Arc::new(client);
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (permits, stream) = (shared.permits.clone(), Arc::clone(&stream));
            os_thread::spawn("guest", 64 * 1024, move || {
                for turn in 0..2000 {
                    let admitted = permits.admit(FAR.parse().unwrap(), &stream);
                    if let Ok(permit) = admitted
                        && turn % 2 == 0
                    {
                        permit.mark_established();
                    }
                }
            })
            .unwrap()
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let state = lock(&shared.permits.0.state);
    assert_eq!((state.held, state.leaving.len(), state.waiting.len()), (0, 0, 0));
    assert!(state.addresses.is_empty());
}
