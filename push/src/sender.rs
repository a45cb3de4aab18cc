//! Delivers pushes to push services (RFC 8030).

use std::error::Error as _;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response, StatusCode};

use crate::encrypt::{SubscriptionKeys, encrypt};
use crate::endpoint::Endpoint;
use crate::limit::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, CONNECT_TIMEOUT, PUSH_LIFE, RETRY_AFTER_MAX};
use crate::resolver::{NotPublic, PublicResolver};
use crate::vapid::ServerKey;

/// What a push says: that there is something. The browser asks this server for it.
const TEXT: &[u8] = br#"{"type":"new"}"#;
/// Of several pushes that wait for a browser, the push service keeps the last one.
const TOPIC: &str = "new";

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The push service has taken it.
    Delivered,
    /// The subscription is over (404, 410).
    Gone,
    /// The endpoint is not on the public internet.
    NotPublic,
    /// The push service refuses it, with this status, and would again.
    Refused(u16),
    /// It can be tried again: the push service has too much to do, is broken, or was not reached. The time is what it asks for.
    Failed(Option<Duration>),
}

/// Two HTTP clients that differ in which addresses they connect to.
pub struct Sender {
    key: ServerKey,
    contact: Option<String>,
    public: Client,
    allowed: Client,
}

impl Sender {
    /// `contact`: an https address at which push services find who runs this server.
    ///
    /// # Errors
    /// The system has no certificates of authorities.
    pub fn new(key: ServerKey, contact: Option<String>) -> Result<Self, reqwest::Error> {
        // Another library of the process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            // Where a push goes is decided by its endpoint alone.
            ClientBuilder::new()
                .redirect(Policy::none())
                .no_proxy()
                .http1_only()
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(ANSWER_TIMEOUT)
                .pool_max_idle_per_host(1)
                .user_agent(concat!("messenger/", env!("CARGO_PKG_VERSION")))
        };
        let public = builder().dns_resolver(PublicResolver::default()).build()?;
        Ok(Self { key, contact, public, allowed: builder().build()? })
    }

    /// Begins to deliver a push, and calls `done` on the thread of asynchronous libraries, where it must not wait.
    ///
    /// # Errors
    /// That thread could not be started, or the system has no random numbers.
    pub fn send(
        &self,
        endpoint: &Endpoint,
        keys: &SubscriptionKeys,
        done: impl FnOnce(Delivery) + Send + 'static,
    ) -> io::Result<()> {
        let body = encrypt(keys, TEXT).map_err(|_| io::Error::other("a push is not encrypted"))?;
        let contact = self.contact.as_deref();
        let authorization = self
            .key
            .authorization(&endpoint.origin(), contact, SystemTime::now())
            .map_err(io::Error::other)?;
        let client = if endpoint.is_allowed { &self.allowed } else { &self.public };
        let request = client
            .post(endpoint.url.clone())
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("TTL", PUSH_LIFE.as_secs())
            .header("Urgency", "high")
            .header("Topic", TOPIC)
            .body(body);
        async_thread::spawn(async move {
            done(match request.send().await {
                Ok(answer) => outcome(answer).await,
                Err(error) => failure(&error),
            });
        })
    }
}

/// What an answer means. Some of its body is read, so that the connection can be used again.
async fn outcome(mut answer: Response) -> Delivery {
    let status = answer.status();
    let wanted = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let wanted = wanted.and_then(|value| value.parse().ok()).map(Duration::from_secs);
    let mut left = ANSWER_BYTES_MAX;
    while let Ok(Some(bytes)) = answer.chunk().await {
        match left.checked_sub(bytes.len()) {
            Some(less) => left = less,
            None => break,
        }
    }
    match status {
        _ if status.is_success() => Delivery::Delivered,
        StatusCode::NOT_FOUND | StatusCode::GONE => Delivery::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Delivery::Failed(wanted.map(|wait| wait.min(RETRY_AFTER_MAX)))
        }
        _ if status.is_server_error() => {
            Delivery::Failed(wanted.map(|wait| wait.min(RETRY_AFTER_MAX)))
        }
        // A redirection is not followed.
        _ => Delivery::Refused(status.as_u16()),
    }
}

fn failure(error: &reqwest::Error) -> Delivery {
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<NotPublic>() {
            return Delivery::NotPublic;
        }
        source = cause.source();
    }
    Delivery::Failed(None)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::sync_channel;
    use std::thread;

    use ring::agreement::{ECDH_P256, EphemeralPrivateKey};
    use ring::rand::SystemRandom;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    fn keys() -> SubscriptionKeys {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        SubscriptionKeys::new(private.compute_public_key().unwrap().as_ref(), &[7; 16]).unwrap()
    }

    fn sender() -> Sender {
        let key = ServerKey::load(&ServerKey::generate().unwrap()).unwrap();
        Sender::new(key, None).unwrap()
    }

    fn deliver(endpoint: &Endpoint) -> Delivery {
        let (told, heard) = sync_channel(1);
        sender().send(endpoint, &keys(), move |delivery| told.send(delivery).unwrap()).unwrap();
        heard.recv_timeout(LONG).unwrap()
    }

    /// A push service that reads one request and answers it so; returns its head.
    fn service(
        answer: impl Fn(&mut TcpStream) + Send + 'static,
    ) -> (Endpoint, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::parse(&format!("{origin}/x"), &[origin.parse().unwrap()]).unwrap();
        let named = thread::Builder::new().name("push-service".to_owned());
        let served = named
            .spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut head).unwrap(), 0);
                }
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.unwrap().parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                answer(&mut stream);
                head
            })
            .unwrap();
        (endpoint, served)
    }

    fn answered(head: &str) -> Delivery {
        let head = format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n");
        let (endpoint, served) = service(move |stream| stream.write_all(head.as_bytes()).unwrap());
        let delivery = deliver(&endpoint);
        served.join().unwrap();
        delivery
    }

    #[test]
    fn what_a_push_service_answers_is_understood() {
        for (head, expected) in [
            ("201 Created", Delivery::Delivered),
            ("200 OK", Delivery::Delivered),
            ("404 Not Found", Delivery::Gone),
            ("410 Gone", Delivery::Gone),
            ("400 Bad Request", Delivery::Refused(400)),
            ("403 Forbidden", Delivery::Refused(403)),
            ("413 Too Large", Delivery::Refused(413)),
            ("301 Moved\r\nLocation: http://127.0.0.1:9/", Delivery::Refused(301)),
            ("307 Moved\r\nLocation: http://127.0.0.1:9/", Delivery::Refused(307)),
            ("429 Slow\r\nRetry-After: 7", Delivery::Failed(Some(Duration::from_secs(7)))),
            ("503 Busy\r\nRetry-After: 999999", Delivery::Failed(Some(RETRY_AFTER_MAX))),
            ("500 Broken\r\nRetry-After: soon", Delivery::Failed(None)),
        ] {
            assert_eq!(answered(head), expected, "{head}");
        }
    }

    #[test]
    fn a_push_says_how_long_it_is_kept_and_who_sends_it() {
        let (endpoint, served) = service(|stream| {
            stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap()
        });
        assert_eq!(deliver(&endpoint), Delivery::Delivered);
        let head = served.join().unwrap();
        for line in [
            "POST /x HTTP/1.1",
            "ttl: 86400",
            "content-encoding: aes128gcm",
            "topic: new",
            "urgency: high",
        ] {
            assert!(head.lines().any(|found| found == line), "{line}: {head}");
        }
        assert!(head.contains("authorization: vapid t="), "{head}");
    }

    #[test]
    fn an_endless_body_is_not_waited_for() {
        let (endpoint, served) = service(|stream| {
            let _ =
                stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 99999999999\r\n\r\n");
            // Until the other side has enough.
            while stream.write_all(&[b'x'; 1024]).is_ok() {}
        });
        assert_eq!(deliver(&endpoint), Delivery::Delivered);
        served.join().unwrap();
    }

    #[test]
    fn a_push_service_that_does_not_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let endpoint = Endpoint::parse(&origin, &[origin.parse().unwrap()]).unwrap();
        assert_eq!(deliver(&endpoint), Delivery::Failed(None));
        drop(listener);
        assert_eq!(deliver(&endpoint), Delivery::Failed(None), "refused");
    }

    /// `localhost` is refused before; a name that leads here is only found when it is looked up.
    #[test]
    fn a_name_that_leads_to_this_machine_is_not_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("https://localhost:{port}/").parse().unwrap();
        let endpoint = Endpoint { url, is_allowed: false };
        assert_eq!(deliver(&endpoint), Delivery::NotPublic);
        assert!(listener.accept().is_err(), "somebody has connected");
    }
}
