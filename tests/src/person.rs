//! Somebody who talks.

mod act;
mod talk;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;

use crate::world::unique;
use crate::{Socket, World, raw};

/// An account (or a guest) at one device.
pub struct Person {
    world: World,
    /// The account's or the guest's number.
    pub id: i64,
    /// The name given at signup; empty for a guest.
    pub name: String,
    /// The email given at signup; empty for a guest.
    pub email: String,
    /// The password given at signup; empty for a guest.
    pub password: String,
    /// This device's token; empty for a guest.
    pub token: String,
    socket: Option<Socket>,
}

impl Person {
    /// A guest connects and is told a number.
    ///
    /// # Errors
    /// When no welcome comes.
    pub fn guest(world: &World) -> Result<Self> {
        let mut guest = Self::stranger(world);
        guest.open(&[])?;
        guest.id = guest.hear_type("welcome")?["id"].as_i64().context("a welcome without `id`")?;
        Ok(guest)
    }

    /// Somebody signs up under an email of their own and logs in.
    ///
    /// # Errors
    /// When either is refused.
    pub fn signup(world: &World, name: &str) -> Result<Self> {
        let mut person = Self::stranger(world);
        name.clone_into(&mut person.name);
        person.email =
            format!("{}.{}@example.com", name.to_lowercase().replace(' ', "."), unique());
        person.password = format!("secret-{}", unique());
        let body = json!({"email": person.email, "name": name, "password": person.password});
        let answer = world.ask("POST", "/signup")?.json(&body).send()?.expect(201)?;
        person.id = answer.body["id"].as_i64().context("a signup without `id`")?;
        person.login("first device")?;
        Ok(person)
    }

    /// Somebody new, connected and welcomed: with an account where there are any, else a guest.
    ///
    /// # Errors
    /// As [`Person::guest`] or [`Person::signup`].
    pub fn arrive(world: &World, name: &str) -> Result<Self> {
        if !world.has_accounts() {
            return Self::guest(world);
        }
        let mut person = Self::signup(world, name)?;
        person.connect()?;
        Ok(person)
    }

    /// The same account logs in at another device.
    ///
    /// # Errors
    /// When the login is refused.
    pub fn device(&self, name: &str) -> Result<Self> {
        let mut other = Self::stranger(&self.world);
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
        let answer = self.world.ask("POST", "/login")?.json(&body).send()?.expect(200)?;
        answer.body["token"]
            .as_str()
            .context("a login without `token`")?
            .clone_into(&mut self.token);
        Ok(())
    }

    /// A request to the accounts' server with this device's token.
    ///
    /// # Errors
    /// In a world of guests.
    pub fn ask(&self, method: &str, path: &str) -> Result<crate::Call> {
        Ok(self.world.ask(method, path)?.bearer(&self.token))
    }

    /// Connects, says hello and gives the welcome.
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
        let narrow = raw::connect_narrow(&self.world.chat_address())?;
        self.socket = Some(Socket::over(narrow, self.world.chat().into_client_request()?)?);
        self.write(&json!({"type": "hello", "token": self.token, "since": since}))?;
        self.welcomed()
    }

    fn hello(&mut self, hello: &Value) -> Result<Value> {
        self.open(&[])?;
        self.write(hello)?;
        self.welcomed()
    }

    /// The welcome, which must be the first thing heard and name this person.
    ///
    /// # Errors
    /// When it does not.
    pub fn welcomed(&mut self) -> Result<Value> {
        let first = self.hear_next()?;
        ensure!(first["type"] == "welcome", "not a welcome: {first}");
        ensure!(first["id"] == self.id && first["name"] == *self.name, "not mine: {first}");
        ensure!(first["seq"].is_i64(), "a welcome without `seq`: {first}");
        ensure!(first["recovered"] == true, "a log that lost something: {first}");
        Ok(first)
    }

    /// Connects with these headers and says nothing.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub fn open(&mut self, headers: &[(&str, &str)]) -> Result<()> {
        self.socket = Some(Socket::open(&self.world.chat(), headers)?);
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

    /// Takes the connection away from this person.
    ///
    /// # Errors
    /// When there is none.
    pub fn take_socket(&mut self) -> Result<Socket> {
        self.socket.take().context("not connected")
    }

    /// Somebody who has neither connected nor signed up.
    pub fn stranger(world: &World) -> Self {
        let none = String::new;
        let (name, email, password, token) = (none(), none(), none(), none());
        Self { world: world.clone(), id: 0, name, email, password, token, socket: None }
    }
}
