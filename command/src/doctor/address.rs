//! Checks the addresses under which users reach the server, and the proxies before it.

use std::net::ToSocketAddrs as _;

use sql::{Diagnostic, Severity};

use super::Settings;

pub(super) fn look(settings: &Settings<'_>) -> Vec<Diagnostic> {
    let mut advice = Vec::new();
    let mut note = |level, about, text: String| advice.push(Diagnostic::new(level, about, text));
    let is_near = settings.listen.iter().all(net::Listen::is_local);
    let has_proxy = !settings.http.trusted_proxy.is_empty();
    let Some(url) = &settings.http.public_url else {
        if is_near {
            note(
                Severity::Fine,
                "address",
                "only this machine can connect, and there is no --public-url".to_owned(),
            );
        } else {
            let text = "others can connect, and under any name: set --public-url to the address that people open";
            note(Severity::Warning, "address", text.to_owned());
        }
        return advice;
    };
    let shown = url.to_string();
    let (scheme, host) = shown.split_once("://").unwrap_or(("", &shown));
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host }
    });
    let name = name.trim_matches(['[', ']']);
    let is_local =
        name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if scheme == "https" || is_local {
        note(Severity::Fine, "address", format!("people open {shown}"));
    } else {
        let text = format!(
            "people open {shown}, where passwords go in the clear: put a proxy with TLS before it and make it https"
        );
        note(Severity::Warning, "address", text);
    }
    if (name, 443).to_socket_addrs().is_err() {
        note(
            Severity::Warning,
            "name",
            format!("this machine does not find {name}: is it in the DNS?"),
        );
    }
    if is_near && !is_local && !has_proxy {
        let text = "people come through a proxy on this machine, which is not believed, so they count as one address: set --trusted-proxy 127.0.0.1, or unix if it connects by a Unix socket";
        note(Severity::Warning, "proxy", text.to_owned());
    } else if has_proxy {
        note(Severity::Fine, "proxy", "the addresses that it passes on are believed".to_owned());
    }
    advice
}
