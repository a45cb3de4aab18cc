//! A node with a store in memory, and connections whose other end a test reads.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sql::{Batch, ContactPolicy, Operation, Store, Submission};
use tungstenite::protocol::{Role, WebSocket};
use wire::{AccountId, Recipient, Seq};

use super::outbox;
use crate::clock::now_ms;
use crate::dispatcher::{self, Inbox};
use crate::hub::{Endpoint, Hub};
use crate::outbox::Outbox;
use crate::presence::Presence;
use crate::service::Ended;

/// A node with two accounts, and connections of them that are live from the beginning of their logs.
pub(crate) struct TestNode {
    pub(crate) store: Arc<Store>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) inbox: Inbox,
    ended: Ended,
    pub(crate) alice: AccountId,
    pub(crate) bob: AccountId,
}

pub(crate) struct Device {
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) socket: WebSocket<TcpStream>,
}

impl TestNode {
    pub(crate) fn new() -> Self {
        Self::on(store())
    }

    /// A node with a store that other nodes may use, too.
    pub(crate) fn on(store: Arc<Store>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let [alice, bob] = [(); 2].map(|()| {
            let email = format!("{}@x.org", NEXT.fetch_add(1, Ordering::Relaxed));
            store.create_account(&email, "Somebody", "none", 1).unwrap()
        });
        let (hub, inbox) = (Arc::new(Hub::new()), Inbox::default());
        let presence = Arc::new(Presence::new(Arc::clone(&hub), now_ms));
        let kept = Some(Arc::clone(&store));
        let ended =
            dispatcher::start(inbox.clone(), kept, Arc::clone(&hub), presence, None).unwrap();
        Self { store, hub, inbox, ended, alice, bob }
    }

    pub(crate) fn device(&self, account: AccountId) -> Device {
        let device = device();
        device.outbox.start_replay();
        assert!(device.outbox.go_live(Seq(0)));
        let endpoint = Endpoint { outbox: Arc::clone(&device.outbox), session: None, since: 0 };
        self.hub.register(account, endpoint);
        device
    }

    /// Another node stores a message.
    pub(crate) fn store_elsewhere(&self, by: AccountId, to: AccountId, content: &str) {
        let batch = batch(by, to, content, None);
        self.store.commit(&batch, now_ms()).unwrap();
    }

    /// This node stores a message of a device.
    pub(crate) fn store(&self, by: AccountId, device: &Device, to: AccountId, content: &str) {
        let committing = self.inbox.begin_commit([by].into());
        let batch = batch(by, to, content, Some(content));
        let committed = self.store.commit(&batch, now_ms()).unwrap();
        committing.deliver(batch, vec![Some(Arc::clone(&device.outbox))], Some(committed));
    }

    pub(crate) fn end(&self) {
        self.inbox.close();
        assert!(self.ended.wait_until(Instant::now() + Duration::from_secs(20)));
    }
}

pub(crate) fn batch(by: AccountId, to: AccountId, content: &str, reference: Option<&str>) -> Batch {
    let to = Recipient::Account(to);
    let operation =
        Operation::Post { to, content: content.to_owned(), files: Vec::new(), reply_to: None };
    let reference = reference.map(str::to_owned);
    Batch { submissions: vec![Submission { by, reference, operation }], ..Batch::default() }
}

/// A store in memory.
pub(crate) fn store() -> Arc<Store> {
    let url = "sqlite::memory:".parse().unwrap();
    Arc::new(Store::open(&url, ContactPolicy::Open, &|_| false).unwrap())
}

/// A connection that is not in the hub.
pub(crate) fn device() -> Device {
    let (outbox, theirs) = outbox();
    theirs.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    Device { outbox, socket: WebSocket::from_raw_socket(theirs, Role::Client, None) }
}

impl Device {
    /// The next frame: its type, its `seq` and its text.
    pub(crate) fn next(&mut self) -> String {
        describe(self.socket.read().unwrap().into_text().unwrap().as_str())
    }

    /// All frames that are still to be read; nothing is sent any more.
    #[cfg(feature = "shuttle")]
    pub(crate) fn rest(&mut self) -> Vec<String> {
        let _ = self.outbox.stream().shutdown(std::net::Shutdown::Write);
        let texts = std::iter::from_fn(|| self.socket.read().ok()?.into_text().ok());
        texts.filter(|text| text.starts_with('{')).map(|text| describe(text.as_str())).collect()
    }
}

fn describe(text: &str) -> String {
    let frame: serde_json::Value = serde_json::from_str(text).unwrap();
    let content = frame["content"].as_str().unwrap_or("");
    format!("{} {} {content}", frame["type"].as_str().unwrap(), frame["seq"])
}
