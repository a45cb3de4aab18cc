//! Settings that every program has.

use std::net::SocketAddr;

use crate::deadlines::Deadlines;
use crate::origin::Origin;
use crate::server::ServerConfig;
use crate::web::Rules;
use net::ListenerConfig;
use net::capacity::{ConnectionCost, SystemLimits};
use net::host::Host;
use net::limit::CONNECTIONS_PER_ADDRESS;
use net::proxy::TrustedProxy;
use telemetry::log::{self, Format};

/// The command line flags that every program has, for `#[command(flatten)]`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Format of the log lines on standard error
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub log_format: Format,

    /// Which log lines are written: a level (error, warn, info, debug, trace), or levels by crate such as `info,chat=debug`
    #[arg(
        long, env = "LOG_FILTER", default_value = "info", value_name = "FILTER",
        value_parser = log::check_filter
    )]
    pub log_filter: String,

    /// Address and port that serve /metrics, /healthz and /readyz to operators; unset: not served
    #[arg(long, env = "METRICS_LISTEN", value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,

    /// Connections that each server accepts at a time; by default as many as the limits of the process allow
    #[arg(long, env = "CONNECTIONS_MAX", value_name = "COUNT", value_parser = at_least_one)]
    pub connections_max: Option<usize>,

    /// Connections that each server accepts at a time from one address (IPv6: one /64 network)
    #[arg(
        long, env = "CONNECTIONS_PER_ADDRESS", value_name = "COUNT",
        default_value_t = CONNECTIONS_PER_ADDRESS, value_parser = at_least_one
    )]
    pub connections_per_address: usize,

    /// Reverse proxies whose X-Forwarded-For header is trusted: addresses, networks such as 10.0.0.0/8, or unix for a
    /// proxy that connects through a Unix socket; separated by commas
    #[arg(long, env = "TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',')]
    pub trusted_proxy: Vec<TrustedProxy>,

    /// Origins of other sites whose web pages may use this server, such as `https://app.example`; separated by commas
    #[arg(
        long, env = "ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',',
        value_parser = Origin::from_setting
    )]
    pub allow_origin: Vec<Origin>,

    /// The former name of `--allow-origin`
    #[arg(
        long, env = "CHAT_ALLOW_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', hide = true,
        value_parser = Origin::from_setting
    )]
    pub chat_allow_origin: Vec<Origin>,

    /// Host names under which clients reach this server, separated by commas; by default the name of `--public-url`,
    /// localhost and IP addresses, or any name if the server listens beyond this machine and has no `--public-url`
    #[arg(
        long, env = "ALLOW_HOST", value_name = "NAME", value_delimiter = ',', value_parser = host_name
    )]
    pub allow_host: Vec<String>,

    /// The URL that users open, such as `https://chat.example`
    #[arg(long, env = "PUBLIC_URL", value_name = "URL", value_parser = Origin::from_public_url, global = true)]
    pub public_url: Option<Origin>,
}

impl Args {
    /// Starts the log with these settings. The first lines warn about passwords that other users of the machine can read,
    /// without printing the passwords.
    pub fn init_log(&self) {
        log::init(self.log_format, &self.log_filter);
        net::exposed::warn();
    }

    /// The rules for requests from web pages.
    fn rules(&self) -> Rules {
        Rules {
            allowed_origins: [&self.allow_origin[..], &self.chat_allow_origin].concat(),
            allowed_hosts: self.allow_host.clone(),
            public_url: self.public_url.clone(),
        }
    }

    /// The settings of the server `name`. Each of its connections costs the process `cost`. `limits` are the limits of
    /// the process, or this server's share of them. A setting above these limits is lowered to them.
    pub fn config(
        &self,
        name: &'static str,
        limits: SystemLimits,
        cost: ConnectionCost,
    ) -> ServerConfig {
        let most = limits.connections(cost);
        let connections_max = self.connections_max.unwrap_or(most).min(most);
        if let Some(asked) = self.connections_max
            && asked > most
        {
            tracing::warn!(
                server = name,
                asked,
                granted = most,
                "fewer connections than asked for: raise the limits of open files, of threads (TasksMax, pids_limit) \
                 and of vm.max_map_count"
            );
        }
        ServerConfig {
            listener: ListenerConfig {
                name,
                connections_max,
                connections_per_address: self.connections_per_address,
                trusted_proxies: self.trusted_proxy.clone(),
            },
            web: Some(self.rules()),
            deadlines: Deadlines::default(),
        }
    }
}

/// A name as the `Host` header of a browser has it, without the port.
fn host_name(text: &str) -> Result<String, String> {
    match Host::parse(text) {
        Some(host) if host.name() == text => Ok(text.to_owned()),
        Some(host) => Err(format!("write the name alone and in lower case: {}", host.name())),
        None => Err("a name looks like chat.example; no scheme, no port, no *".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        net: Args,
    }

    const COST: ConnectionCost = ConnectionCost { descriptors: 1, maps: 2, tasks: 1 };
    const MEANS: SystemLimits = SystemLimits { descriptors: 1000, maps: 65_530, tasks: 65_536 };

    fn parsed(flags: &[&str]) -> Result<Args, clap::Error> {
        Program::try_parse_from([&["program"], flags].concat()).map(|program| program.net)
    }

    #[test]
    fn the_defaults_work() {
        let args = parsed(&[]).unwrap();
        let config = args.config("chat", MEANS, COST);
        assert_eq!(
            (config.listener.connections_max, config.listener.connections_per_address),
            (1000, 256)
        );
        assert_eq!((args.log_format, args.log_filter.as_str()), (Format::Text, "info"));
        assert!(args.metrics_listen.is_none() && config.listener.trusted_proxies.is_empty());
    }

    #[test]
    fn settings_hold_unless_they_would_be_the_end() {
        let flags = ["--connections-max", "7", "--trusted-proxy", "10.0.0.1,::1,10.0.0.0/8"];
        let config = parsed(&flags).unwrap().config("chat", MEANS, COST);
        assert_eq!(
            (config.listener.connections_max, config.listener.trusted_proxies.len()),
            (7, 3)
        );
        let config = parsed(&["--connections-max", "1000000"]).unwrap().config("chat", MEANS, COST);
        assert_eq!(config.listener.connections_max, 1000);
    }

    #[test]
    fn nonsense_is_refused_with_its_flag() {
        for flags in [
            ["--connections-max", "0"],
            ["--connections-per-address", "0"],
            ["--trusted-proxy", "proxy.example"],
            ["--trusted-proxy", "10.0.0.0/33"],
            ["--allow-origin", "https://app.example/"],
            ["--allow-origin", "https://app.example,*"],
            ["--chat-allow-origin", "null"],
            ["--allow-host", "chat.example:443"],
            ["--allow-host", "https://chat.example"],
            ["--allow-host", "Chat.example"],
            ["--allow-host", "*.example"],
            ["--public-url", "chat.example"],
            ["--public-url", "https://chat.example/app"],
            ["--metrics-listen", "9090"],
            ["--log-format", "xml"],
            ["--log-filter", "net=loud"],
        ] {
            assert!(parsed(&flags).unwrap_err().to_string().contains(flags[0]), "{flags:?}");
        }
    }

    #[test]
    fn the_old_name_of_the_allowed_origins_goes_on_beside_the_new() {
        let flags = ["--allow-origin=https://a.example", "--chat-allow-origin=https://b.example"];
        let origins = parsed(&flags).unwrap().rules().allowed_origins;
        let origins: Vec<_> = origins.iter().map(ToString::to_string).collect();
        assert_eq!(origins, ["https://a.example", "https://b.example"]);
    }

    #[test]
    fn every_flag_has_its_twin_and_its_sentence() {
        let command = <Program as clap::CommandFactory>::command();
        for arg in command.get_arguments().filter(|arg| arg.get_id() != "help") {
            let twin = arg.get_long().unwrap().to_uppercase().replace('-', "_");
            assert_eq!(arg.get_env().unwrap(), twin.as_str());
            assert!(arg.get_help().is_some(), "{twin}");
        }
    }
}
