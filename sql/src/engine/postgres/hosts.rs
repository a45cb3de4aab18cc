//! Connects to the servers of a URL that names several (`host=a,b`). Each server is tried with a share of the time. So a server that
//! does not answer (a machine that is switched off, a network that drops packets) leaves time for the next one.

use postgres::config::Host;
use tokio_postgres::Config;

/// The configuration of each server, in the order of the URL.
pub(super) fn each(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    if count < 2 {
        return vec![config.clone()];
    }
    (0..count).map(|at| one(config, at)).collect()
}

/// The configuration of the server with this index.
fn one(config: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(at) {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => {}
    }
    if let Some(address) = config.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    // If the URL has one port, it is that of all servers.
    if let Some(port) = config.get_ports().get(at).or(config.get_ports().first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.keepalives(config.get_keepalives()).keepalives_idle(config.get_keepalives_idle());
    one.ssl_mode(config.get_ssl_mode()).ssl_negotiation(config.get_ssl_negotiation());
    one.target_session_attrs(config.get_target_session_attrs());
    one.channel_binding(config.get_channel_binding());
    one
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;
    use crate::engine::Purpose;
    use crate::engine::postgres::Connector;
    use crate::limit::CONNECT_TIMEOUT;
    use crate::url::Backend;

    #[test]
    fn each_server_has_all_settings() {
        let url = "postgres://me:pw@a:1,b:2/x?application_name=n&target_session_attrs=read-write&keepalives=0&tcp_user_timeout=7&channel_binding=disable";
        let config: Config = url.parse().unwrap();
        let all = each(&config);
        let alone = ["a:1", "b:2"].map(|host| url.replace("a:1,b:2", host).parse().unwrap());
        assert_eq!(all, alone);
        let same_port: Config = "host=a,b port=7 user=me dbname=x".parse().unwrap();
        assert!(each(&same_port).iter().all(|one| one.get_ports() == [7]));
    }

    #[test]
    fn a_server_that_says_nothing_leaves_time_for_the_next_one() {
        // Accepted by the system, and never answered.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = acceptance::Cluster::shared().unwrap().database().unwrap();
        let two = url.replace("@", &format!("@{},", silent.local_addr().unwrap()));
        let two: crate::DatabaseUrl = two.parse().unwrap();
        let Backend::Postgres(config, tls, given) = &two.0 else { panic!("{two}") };
        let began = Instant::now();
        Connector::new(config, tls, given).unwrap().connect(Purpose::Read).unwrap();
        assert!(began.elapsed() < CONNECT_TIMEOUT, "{:?}", began.elapsed());
    }
}
