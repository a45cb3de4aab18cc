//! A server on a free port, and clients that never wait longer than [`PATIENCE`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http::{BodyPolicy, Deadlines, Head, Request, Response, Route, ServerConfig, Service, Upgrade};
use net::{Listener, ListenerConfig, Serving, Shutdown};

/// Far more than anything here should take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Deadlines that tests can afford to reach, where they want to.
pub const QUICK: Deadlines = Deadlines {
    head: Duration::from_millis(300),
    idle: Duration::from_millis(300),
    body: Duration::from_millis(300),
    response: Duration::from_millis(300),
    refusal: Duration::from_millis(300),
    linger: Duration::from_millis(100),
};
/// Deadlines that are never reached.
pub const PATIENT: Deadlines = Deadlines {
    head: PATIENCE,
    idle: PATIENCE,
    body: PATIENCE,
    response: PATIENCE,
    refusal: Duration::from_millis(300),
    linger: Duration::from_secs(1),
};

pub struct TestServer {
    pub address: SocketAddr,
    pub serving: Serving,
    pub shutdown: Shutdown,
}

/// Room for many.
pub fn config() -> ListenerConfig {
    ListenerConfig {
        name: "chat",
        connections_max: 1000,
        connections_per_address: 1000,
        trusted_proxies: Vec::new(),
    }
}

type Respond = Box<dyn Fn(Request<'_>) -> Response + Send + Sync>;

/// A service of two functions: `/stay` leaves HTTP, and everything else is answered.
struct TestService {
    policy: BodyPolicy,
    respond: Respond,
    stay: Box<dyn Fn(Upgrade) + Send + Sync>,
}

impl Service for TestService {
    fn route<'a>(&'a self, head: &Head) -> Route<'a> {
        match head.path() {
            "/stay" => Route::Upgrade,
            _ => Route::Respond(self.policy, Box::new(|request| (self.respond)(request))),
        }
    }

    fn upgrade(&self, upgrade: Upgrade) {
        (self.stay)(upgrade);
    }
}

impl TestServer {
    /// Everything is answered by `respond`, with a whole body of at most 64 bytes.
    pub fn open(
        config: ListenerConfig,
        deadlines: Deadlines,
        respond: impl Fn(Request<'_>) -> Response + Send + Sync + 'static,
    ) -> Self {
        Self::with(config, deadlines, BodyPolicy::Whole(64), respond, drop)
    }

    /// As [`TestServer::open`], with another body; and `stay` gets connections that ask for `/stay`.
    pub fn with(
        config: ListenerConfig,
        deadlines: Deadlines,
        policy: BodyPolicy,
        respond: impl Fn(Request<'_>) -> Response + Send + Sync + 'static,
        stay: impl Fn(Upgrade) + Send + Sync + 'static,
    ) -> Self {
        let listener = Listener::bind_address("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.endpoints().next().unwrap().tcp().unwrap();
        let shutdown = Shutdown::new();
        let serving = serve(listener, config, deadlines, &shutdown, policy, respond, stay);
        Self { address, serving, shutdown }
    }

    /// One that greets everybody.
    pub fn greeting(deadlines: Deadlines) -> Self {
        Self::open(config(), deadlines, |_| Response::text(200, "hello"))
    }

    /// One that answers with the body, taking at most 64 bytes of it.
    pub fn echo(deadlines: Deadlines) -> Self {
        Self::open(config(), deadlines, echo)
    }

    pub fn call(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_write_timeout(Some(PATIENCE)).unwrap();
        client
    }

    /// Calls, says that, and returns the open connection.
    pub fn say(&self, words: &str) -> TcpStream {
        let mut client = self.call();
        client.write_all(words.as_bytes()).unwrap();
        client
    }

    /// The whole answer to that.
    pub fn ask(&self, words: &str) -> String {
        answer(self.say(words))
    }

    pub fn get(&self, target: &str) -> String {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }

    /// Whether it still serves.
    pub fn is_well(&self) -> bool {
        self.get("/").starts_with("HTTP/1.1 200 ")
    }

    /// Waits until that many connections hold permits.
    pub fn until_connections(&self, count: usize) {
        until(|| self.serving.connections() == count);
    }
}

/// Serves on any listener, as [`TestServer::with`] does.
pub fn serve(
    listener: Listener,
    config: ListenerConfig,
    deadlines: Deadlines,
    shutdown: &Shutdown,
    policy: BodyPolicy,
    respond: impl Fn(Request<'_>) -> Response + Send + Sync + 'static,
    stay: impl Fn(Upgrade) + Send + Sync + 'static,
) -> Serving {
    let config = ServerConfig { listener: config, web: None, deadlines };
    let service = TestService { policy, respond: Box::new(respond), stay: Box::new(stay) };
    http::serve(listener, config, shutdown, service).unwrap()
}

/// Answers with the body.
#[expect(clippy::needless_pass_by_value, reason = "a handler is a function of a request")]
pub fn echo(request: Request<'_>) -> Response {
    Response::bytes(200, "text/plain", request.body.bytes().to_vec())
}

/// All that comes until the end, once nothing more is asked.
pub fn answer(client: TcpStream) -> String {
    let _ = client.shutdown(std::net::Shutdown::Write);
    heard(client)
}

/// All that comes until the end.
pub fn heard(mut client: TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// Waits for a thing to hold.
pub fn until(mut holds: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < by, "it never came to hold");
        std::thread::yield_now();
    }
}
