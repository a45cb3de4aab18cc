//! A client of the servers.

mod change;
mod exchange;
mod upload;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;

use crate::endpoints::unique;
use crate::{Endpoints, Socket, raw};
pub use upload::{UPLOAD_TYPE, upload_metadata};

/// One device of an account, or a guest.
pub struct Client {
    endpoints: Endpoints,
    /// The account's or the guest's number.
    pub id: i64,
    /// The name given at signup; empty for a guest.
    pub name: String,
    /// The email given at signup; empty for a guest.
    pub email: String,
    /// The password given at signup; empty for a guest.
    pub password: String,
    /// The token of this device; empty for a guest.
    pub token: String,
    socket: Option<Socket>,
}

impl Client {
    /// Connects as a guest and reads the id from the welcome.
    ///
    /// # Errors
    /// When no welcome comes.
    pub fn guest(endpoints: &Endpoints) -> Result<Self> {
        let mut guest = Self::new(endpoints);
        guest.open(&[])?;
        guest.id =
            guest.receive_type("welcome")?["id"].as_i64().context("a welcome without `id`")?;
        Ok(guest)
    }

    /// Signs up a new account with a unique email and logs in.
    ///
    /// # Errors
    /// When either is refused.
    pub fn signup(endpoints: &Endpoints, name: &str) -> Result<Self> {
        let mut client = Self::new(endpoints);
        name.clone_into(&mut client.name);
        client.email =
            format!("{}.{}@example.com", name.to_lowercase().replace(' ', "."), unique());
        client.password = format!("secret-{}", unique());
        let body = json!({"email": client.email, "name": name, "password": client.password});
        let answer = endpoints.ask("POST", "/signup")?.json(&body).send()?.expect(201)?;
        client.id = answer.body["id"].as_i64().context("a signup without `id`")?;
        client.login("first device")?;
        Ok(client)
    }

    /// A new client that is connected and welcomed: with an account if the servers have accounts, else as a guest.
    ///
    /// # Errors
    /// As [`Client::guest`] or [`Client::signup`].
    pub fn connected(endpoints: &Endpoints, name: &str) -> Result<Self> {
        if !endpoints.has_accounts() {
            return Self::guest(endpoints);
        }
        let mut client = Self::signup(endpoints, name)?;
        client.connect()?;
        Ok(client)
    }

    /// The same account logs in at another device.
    ///
    /// # Errors
    /// When the login is refused.
    pub fn device(&self, name: &str) -> Result<Self> {
        let mut other = Self::new(&self.endpoints);
        other.id = self.id;
        other.name.clone_from(&self.name);
        other.email.clone_from(&self.email);
        other.password.clone_from(&self.password);
        other.login(name)?;
        Ok(other)
    }

    /// Logs in at this device, which gives it a new token.
    ///
    /// # Errors
    /// When the login is refused.
    pub fn login(&mut self, device: &str) -> Result<()> {
        let body = json!({"email": self.email, "password": self.password, "device": device});
        let answer = self.endpoints.ask("POST", "/login")?.json(&body).send()?.expect(200)?;
        answer.body["token"]
            .as_str()
            .context("a login without `token`")?
            .clone_into(&mut self.token);
        self.id = answer.body["id"].as_i64().context("a login without `id`")?;
        Ok(())
    }

    /// A request to the accounts' server with this device's token.
    ///
    /// # Errors
    /// Without an auth server.
    pub fn ask(&self, method: &str, path: &str) -> Result<crate::Call> {
        Ok(self.endpoints.ask(method, path)?.bearer(&self.token))
    }

    /// Connects, sends `hello` and returns the welcome.
    ///
    /// # Errors
    /// When it is not welcomed.
    pub fn connect(&mut self) -> Result<Value> {
        self.hello(&json!({"type": "hello", "token": self.token}))
    }

    /// Connects and asks for everything after `since`.
    ///
    /// # Errors
    /// When it is not welcomed.
    pub fn connect_since(&mut self, since: i64) -> Result<Value> {
        self.hello(&json!({"type": "hello", "token": self.token, "since": since}))
    }

    /// The same over a connection that takes little at a time.
    ///
    /// # Errors
    /// When it is not welcomed.
    pub fn connect_narrow(&mut self, since: i64) -> Result<Value> {
        let narrow = raw::connect_narrow(&self.endpoints.chat_address())?;
        self.socket = Some(Socket::over(narrow, self.endpoints.chat().into_client_request()?)?);
        self.write(&json!({"type": "hello", "token": self.token, "since": since}))?;
        self.welcomed()
    }

    fn hello(&mut self, hello: &Value) -> Result<Value> {
        self.open(&[])?;
        self.write(hello)?;
        self.welcomed()
    }

    /// The welcome, which must be the first frame and name this account.
    ///
    /// # Errors
    /// When it does not.
    pub fn welcomed(&mut self) -> Result<Value> {
        let first = self.receive_next()?;
        ensure!(first["type"] == "welcome", "not a welcome: {first}");
        ensure!(first["id"] == self.id && first["name"] == *self.name, "not mine: {first}");
        ensure!(first["seq"].is_i64(), "a welcome without `seq`: {first}");
        ensure!(first["recovered"] == true, "a log that lost something: {first}");
        ensure!(first["now"].is_i64(), "a welcome without the server's time: {first}");
        Ok(first)
    }

    /// Connects with these headers and sends nothing.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub fn open(&mut self, headers: &[(&str, &str)]) -> Result<()> {
        self.socket = Some(Socket::open(&self.endpoints.chat(), headers)?);
        Ok(())
    }

    /// Closes the connection properly.
    pub fn leave(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.close();
        }
    }

    /// The connection.
    ///
    /// # Errors
    /// When there is none.
    pub fn socket(&mut self) -> Result<&mut Socket> {
        self.socket.as_mut().context("not connected")
    }

    /// Takes the connection out of this client.
    ///
    /// # Errors
    /// When there is none.
    pub fn take_socket(&mut self) -> Result<Socket> {
        self.socket.take().context("not connected")
    }

    /// A client that has neither connected nor signed up.
    pub fn new(endpoints: &Endpoints) -> Self {
        let none = String::new;
        let (name, email, password, token) = (none(), none(), none(), none());
        Self { endpoints: endpoints.clone(), id: 0, name, email, password, token, socket: None }
    }
}
