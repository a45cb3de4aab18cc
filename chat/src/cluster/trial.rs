//! Checks whether the servers of the bus deliver messages, for `doctor`.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use async_thread::Failure;
use futures_util::StreamExt as _;
use os_thread::lock;

use super::settings::BusUrl;
use crate::limit::BUS_TRIAL_TIMEOUT;

/// The subject of trials without a database that names the cluster.
const NO_CLUSTER: &str = "trial";
/// The kind of a trial's message. Nodes drop messages of kinds that they do not know.
const TRIAL: &str = "?";

impl BusUrl {
    /// Publishes a message at each server and waits until that server delivers it, on a subject of the nodes of this
    /// [`sql::Store::cluster_id`]. Returns the servers as `HOST:PORT`, each with the reason if it delivers nothing.
    pub fn try_servers(&self, cluster: Option<&str>) -> Vec<(String, Result<(), String>)> {
        let subject = format!("messenger.{}.0", cluster.unwrap_or(NO_CLUSTER));
        let outcomes = self.servers().iter().map(|server| self.try_server(server, &subject));
        self.addresses().into_iter().zip(outcomes).collect()
    }

    fn try_server(&self, server: &ServerAddr, subject: &str) -> Result<(), String> {
        let reason = Arc::<Mutex<Option<String>>>::default();
        let noted = Arc::clone(&reason);
        let options = self.log_in(ConnectOptions::new().name("messenger doctor"));
        let options = options.event_callback(move |event| {
            if let Event::ServerError(error) = event {
                *lock(&noted) = Some(error.to_string());
            }
            std::future::ready(())
        });
        let (server, subject) = (server.clone(), subject.to_owned());
        let trial = async move {
            let client = options.connect(server).await.map_err(|error| error.to_string())?;
            round_trip(&client, subject).await
        };
        async_thread::wait(trial, BUS_TRIAL_TIMEOUT).unwrap_or_else(|failure| match failure {
            Failure::Late => Err(lock(&reason).take().unwrap_or_else(|| "no answer".to_owned())),
            other => Err(format!("{other:?}")),
        })
    }
}

async fn round_trip(client: &Client, subject: String) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    // Another trial may run at the same time.
    let message = format!("{TRIAL}{}.{now}", std::process::id());
    let mut messages = client.subscribe(subject.clone()).await.map_err(|error| said(&error))?;
    let published = client.publish(subject, message.clone().into_bytes().into()).await;
    published.map_err(|error| said(&error))?;
    while let Some(delivered) = messages.next().await {
        if delivered.payload == message.as_bytes() {
            return Ok(());
        }
    }
    Err("it has closed the connection".to_owned())
}
