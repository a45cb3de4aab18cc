//! A relay as it is commonly written on tokio: a task that reads and one that writes for each connection, a channel between.
//!
//! `{"id":1}` says who this is, `{"join":7}` enters a group, `{"to":2,…}` and `{"group":7,…}` are passed on as they came. No
//! accounts, no bounds, no metrics: it does less than the server that it is compared with.
#![allow(clippy::disallowed_methods, reason = "it shows how others do it")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// Maps that many locks guard, so that they are seldom waited for.
const SHARDS: usize = 64;
const BACKLOG: u32 = 4096;

#[derive(Deserialize)]
struct Request<'a> {
    id: Option<u64>,
    join: Option<u64>,
    group: Option<u64>,
    to: Option<u64>,
    #[serde(borrow, rename = "content")]
    _content: Option<Cow<'a, str>>,
}

type Sender = UnboundedSender<Utf8Bytes>;

#[derive(Default)]
struct State {
    people: Vec<RwLock<HashMap<u64, Sender>>>,
    groups: RwLock<HashMap<u64, Vec<(u64, Sender)>>>,
}

impl State {
    fn shard(&self, id: u64) -> &RwLock<HashMap<u64, Sender>> {
        &self.people[id as usize % SHARDS]
    }
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9003".to_owned());
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(&address))
}

async fn serve(address: &str) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse().map_err(std::io::Error::other)?)?;
    let listener = socket.listen(BACKLOG)?;
    let people = (0..SHARDS).map(|_| RwLock::default()).collect();
    let state = Arc::new(State { people, groups: RwLock::default() });
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(attend(stream, Arc::clone(&state)));
        }
    }
}

async fn attend(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let (mut sink, mut source) = socket.split();
    let (sender, mut waiting) = unbounded_channel::<Utf8Bytes>();
    let writer = tokio::spawn(async move {
        while let Some(text) = waiting.recv().await {
            if sink.feed(Message::Text(text)).await.is_err() {
                return;
            }
            while let Ok(text) = waiting.try_recv() {
                if sink.feed(Message::Text(text)).await.is_err() {
                    return;
                }
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
    });
    let mut me = None;
    while let Some(Ok(message)) = source.next().await {
        if let Message::Text(text) = message {
            take(&state, &mut me, &sender, &text);
        }
    }
    if let Some(me) = me {
        state.shard(me).write().unwrap_or_else(PoisonError::into_inner).remove(&me);
        let mut groups = state.groups.write().unwrap_or_else(PoisonError::into_inner);
        groups.values_mut().for_each(|members| members.retain(|(id, _)| *id != me));
    }
    writer.abort();
}

fn take(state: &State, me: &mut Option<u64>, sender: &Sender, text: &Utf8Bytes) {
    let Ok(request) = serde_json::from_str::<Request<'_>>(text) else { return };
    match request {
        Request { id: Some(id), .. } => {
            *me = Some(id);
            let mut people = state.shard(id).write().unwrap_or_else(PoisonError::into_inner);
            people.insert(id, sender.clone());
        }
        Request { join: Some(group), .. } => {
            let mut groups = state.groups.write().unwrap_or_else(PoisonError::into_inner);
            groups.entry(group).or_default().push((me.unwrap_or(0), sender.clone()));
        }
        Request { group: Some(group), .. } => {
            let groups = state.groups.read().unwrap_or_else(PoisonError::into_inner);
            for (id, member) in groups.get(&group).into_iter().flatten() {
                if Some(*id) != *me {
                    let _ = member.send(text.clone());
                }
            }
        }
        Request { to: Some(to), .. } => {
            let people = state.shard(to).read().unwrap_or_else(PoisonError::into_inner);
            if let Some(receiver) = people.get(&to) {
                let _ = receiver.send(text.clone());
            }
        }
        _ => {}
    }
}
