//! The model: plain arithmetic over the constants.

use super::constants::*;

const DAY_S: f64 = 86_400.0;
const HOUR_S: f64 = 3_600.0;
const YEAR_DAYS: f64 = 365.0;

/// What so many people need.
pub(crate) struct Fleet {
    people: f64,
}

/// The name of a figure, and the figure.
type Figure = (&'static str, fn(&Fleet) -> f64);

impl Fleet {
    pub(crate) const FIGURES: [Figure; 18] = [
        ("connections at the peak", Self::connections),
        ("messages/s, mean", Self::messages),
        ("messages/s at the peak", Self::messages_at_peak),
        ("deliveries/s at the peak", Self::deliveries_at_peak),
        ("clients that come back, per s", Self::returns),
        ("logins/s at the peak", Self::logins_at_peak),
        ("`chat` machines, by connections", Self::nodes_by_connections),
        ("… by memory", Self::nodes_by_memory),
        ("… by CPU", Self::nodes_by_cpu),
        ("**`chat` machines**, one of them spare", Self::nodes),
        ("**`auth` machines**, one of them spare", Self::auths),
        ("PostgreSQL: cores busy at the peak", Self::database_cores),
        ("**PostgreSQL machines** that this takes, without standbys", Self::databases),
        ("PostgreSQL: connections", Self::database_connections),
        ("PostgreSQL: reads of notices per s", Self::notice_reads),
        ("PostgreSQL: write-ahead log at the peak, MB/s", Self::logged_at_peak),
        ("PostgreSQL: GB more each day", Self::gigabytes_a_day),
        ("PostgreSQL: TB after a year, if nothing is deleted", Self::terabytes_a_year),
    ];

    pub(crate) fn of(people: f64) -> Self {
        Self { people }
    }

    fn connections(&self) -> f64 {
        self.people * SHARE_ONLINE.value * DEVICES.value
    }

    fn messages(&self) -> f64 {
        self.people * MESSAGES_PER_DAY.value / DAY_S
    }

    fn messages_at_peak(&self) -> f64 {
        self.messages() * PEAK.value
    }

    fn group_deliveries_at_peak(&self) -> f64 {
        self.messages_at_peak() * SHARE_IN_GROUPS.value * GROUP_RECEIVERS.value
    }

    fn pair_messages_at_peak(&self) -> f64 {
        self.messages_at_peak() * (1.0 - SHARE_IN_GROUPS.value)
    }

    fn deliveries_at_peak(&self) -> f64 {
        self.pair_messages_at_peak() + self.group_deliveries_at_peak()
    }

    fn returns(&self) -> f64 {
        self.connections() * RETURNS_PER_HOUR.value / HOUR_S
    }

    fn logins_at_peak(&self) -> f64 {
        self.people * LOGINS_PER_DAY.value / DAY_S * PEAK.value
    }

    fn nodes_by_connections(&self) -> f64 {
        (self.connections() / NODE_CONNECTIONS.value).ceil()
    }

    fn nodes_by_memory(&self) -> f64 {
        (self.connections() * CONNECTION_BYTES.value / (NODE_BYTES.value * USED.value)).ceil()
    }

    fn nodes_by_cpu(&self) -> f64 {
        let busy = self.messages_at_peak() * NODE_SECONDS_PER_MESSAGE.value
            + self.deliveries_at_peak() * NODE_SECONDS_PER_DELIVERY.value
            + self.returns() * HELLO_SECONDS.value;
        (busy / (NODE_CORES.value * USED.value)).ceil()
    }

    fn nodes(&self) -> f64 {
        self.nodes_by_connections().max(self.nodes_by_memory()).max(self.nodes_by_cpu()) + 1.0
    }

    fn auths(&self) -> f64 {
        let busy = self.logins_at_peak() * LOGIN_SECONDS.value;
        (busy / (NODE_CORES.value * USED.value)).ceil() + 1.0
    }

    fn database_cores(&self) -> f64 {
        self.pair_messages_at_peak() * DATABASE_SECONDS_PER_MESSAGE.value
            + self.group_deliveries_at_peak() * DATABASE_SECONDS_PER_GROUP_DELIVERY.value
    }

    fn databases(&self) -> f64 {
        (self.database_cores() / (DATABASE_CORES.value * USED.value)).ceil()
    }

    fn database_connections(&self) -> f64 {
        (self.nodes() + self.auths()) * DATABASE_CONNECTIONS.value
    }

    /// Every node reads those of all others in one statement.
    fn notice_reads(&self) -> f64 {
        self.nodes() / NOTICES_READ_EVERY.value
    }

    fn logged_at_peak(&self) -> f64 {
        self.messages_at_peak() * LOGGED_BYTES_PER_MESSAGE.value / 1e6
    }

    fn gigabytes_a_day(&self) -> f64 {
        self.messages() * DAY_S * STORED_BYTES_PER_MESSAGE.value / 1e9
    }

    fn terabytes_a_year(&self) -> f64 {
        self.gigabytes_a_day() * YEAR_DAYS / 1e3
    }
}
