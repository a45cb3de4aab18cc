//! Passwords on the command line, where every user of the machine can read them.

use std::ffi::OsString;

/// Schemes whose URLs may have a token in the place of the user's name.
const TOKEN_SCHEMES: [&str; 2] = ["nats", "tls"];

/// Warns of each flag of this process that has a password in its value.
pub fn warn() {
    for flag in flags(std::env::args_os()) {
        tracing::warn!(
            "the password in {flag} can be read by every user of this machine, in the list of processes: set it by its \
             environment variable or its file instead, see --help"
        );
    }
}

/// The flags that have a password in their values.
fn flags(arguments: impl IntoIterator<Item = OsString>) -> Vec<String> {
    let mut found = Vec::new();
    let mut before = String::from("the first argument");
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let (flag, value) = match argument.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag, value),
            _ => (before.as_str(), argument.as_ref()),
        };
        if has_password(value) {
            found.push(flag.to_owned());
        }
        before = argument.into_owned();
    }
    found
}

/// Whether this is a URL with a password, or with something in the place of one.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    // The sender's address is no password.
    let is_mail = ["smtp", "smtps"].contains(&scheme);
    let rest = if is_mail { rest.split('?').next().unwrap_or(rest) } else { rest };
    // The last `@`: passwords are typed unencoded, too.
    let user = rest.rsplit_once('@').map(|(user, _)| user);
    let is_in_user = user.is_some_and(|user| user.contains(':') || TOKEN_SCHEMES.contains(&scheme));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let keys = query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, _)| key);
    // A percent-encoded key may stand for any word.
    is_in_user
        || keys.into_iter().any(|key| key.contains('%') || key.to_lowercase().contains("password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_seen_wherever_a_url_can_have_them() {
        for url in [
            "postgres://me:secret@db/x",
            "postgres://me:se/cr@et@db/x",
            "postgres:///x?host=/run&password=secret",
            "postgres://me@db/x?sslmode=require&PASSWORD=secret",
            "postgres://me@db/x?%70assword=secret",
            "postgres://me@db/x?sslpassword=secret",
            "smtps://me:secret@mail:465?from=me@example.com",
            "nats://token@nats:4222",
            "nats://a:4222,nats://me:secret@b:4222",
        ] {
            assert!(has_password(url), "{url}");
        }
        for url in [
            "postgres://me@db/x?sslmode=verify-full",
            "postgres:///messenger?host=/run/postgresql&user=messenger",
            "postgres://db:5432/x",
            "nats://nats:4222",
            "https://chat.example.com",
            "sqlite:/var/lib/me:x@y.db",
            "",
        ] {
            assert!(!has_password(url), "{url}");
        }
    }

    #[test]
    fn the_flag_is_named_and_its_value_is_not() {
        let url = "postgres://me:secret@db/x";
        let joined = format!("--nats={url}");
        let arguments = ["chat", "--database", url, "--log-format", "json", &joined];
        assert_eq!(flags(arguments.map(OsString::from)), ["--database", "--nats"]);
        let harmless = ["chat", "--database=postgres://me@db/x", "--health"];
        assert!(flags(harmless.map(OsString::from)).is_empty());
    }
}
