//! The text that a terminal shows at the start.

use auth::SignupRule;
use net::Endpoint;
use sql::DatabaseUrl;

/// Five lines: where to go and what to try. Of several endpoints, those of TCP are offered first: every client can use them.
pub(crate) fn text<'a>(
    chat: impl Iterator<Item = &'a Endpoint>,
    auth: impl Iterator<Item = &'a Endpoint>,
    database: &DatabaseUrl,
    signup: SignupRule,
) -> String {
    let sign_up = match signup {
        SignupRule::Invite => {
            r#"{"email":"alice@example.com","name":"Alice","password":"secret","invite":"CODE"}"#
        }
        _ => r#"{"email":"alice@example.com","name":"Alice","password":"secret"}"#,
    };
    let log_in = r#"{"email":"alice@example.com","password":"secret"}"#;
    let chat = match best(chat) {
        Some(Endpoint::Unix(path)) => format!("ws+unix:{}:/", path.display()),
        tcp => format!("ws://{}", to_open(tcp)),
    };
    let (auth, curl) = match best(auth) {
        Some(unix @ Endpoint::Unix(path)) => {
            let curl = format!("curl --unix-socket {} http://localhost", path.display());
            (unix.to_string(), curl)
        }
        tcp => (format!("http://{}", to_open(tcp)), format!("curl http://{}", to_open(tcp))),
    };
    let sign_up = match signup {
        SignupRule::Closed => "closed (--signup)".to_owned(),
        _ => format!("{curl}/signup -d '{sign_up}'"),
    };
    format!(
        "Messenger is running: accounts at {auth}, chat at {chat}, everything kept in {database}.\n\
         1. Sign up:  {sign_up}\n\
         2. Log in:   {curl}/login -d '{log_in}'\n\
         3. Connect:  npx wscat -c {chat}   then say   {{\"type\":\"hello\",\"token\":\"TOKEN\"}}\n\
         4. Write:    {{\"to\":1,\"content\":\"hello\"}}   (who does not know you yet answers, or sends {{\"type\":\"accept\",\"id\":FROM}});   Ctrl-C stops everything."
    )
}

fn best<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Option<&'a Endpoint> {
    endpoints.min_by_key(|endpoint| endpoint.tcp().is_none())
}

fn to_open(endpoint: Option<&Endpoint>) -> String {
    endpoint.and_then(Endpoint::to_open).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_opened() {
        let at = |address: &str| Endpoint::Tcp(address.parse().unwrap());
        let unix = || Endpoint::Unix("/run/m.sock".into());
        let database = "sqlite::memory:".parse().unwrap();
        let shown = |chat: &[Endpoint], auth: &[Endpoint]| {
            text(chat.iter(), auth.iter(), &database, SignupRule::Open)
        };
        let said = shown(&[unix(), at("0.0.0.0:8080")], &[at("127.0.0.1:3000"), at("[::1]:3000")]);
        assert!(said.contains("-c ws://localhost:8080 "), "{said}");
        assert!(said.contains("curl http://127.0.0.1:3000/signup"), "{said}");
        let said = shown(&[unix()], &[unix()]);
        assert!(said.contains("-c ws+unix:/run/m.sock:/ "), "{said}");
        assert!(said.contains("curl --unix-socket /run/m.sock http://localhost/login"), "{said}");
    }
}
