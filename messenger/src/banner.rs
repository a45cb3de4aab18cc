//! What a person sees who has just started it.

use std::net::SocketAddr;

use sql::DatabaseUrl;

/// Five lines: where to go and what to try.
pub(crate) fn text(chat: SocketAddr, auth: SocketAddr, database: &DatabaseUrl) -> String {
    let sign_up = r#"{"email":"alice@example.com","name":"Alice","password":"secret"}"#;
    let (chat, auth) = (door::address::to_open(chat), door::address::to_open(auth));
    let log_in = r#"{"email":"alice@example.com","password":"secret"}"#;
    format!(
        "Messenger is running: accounts at http://{auth}, chat at ws://{chat}, everything kept in {database}.\n\
         1. Sign up:  curl http://{auth}/signup -d '{sign_up}'\n\
         2. Log in:   curl http://{auth}/login -d '{log_in}'\n\
         3. Connect:  npx wscat -c ws://{chat}   then say   {{\"type\":\"hello\",\"token\":\"TOKEN\"}}\n\
         4. Write:    {{\"to\":1,\"content\":\"hello\"}}   and stop everything with Ctrl-C."
    )
}
