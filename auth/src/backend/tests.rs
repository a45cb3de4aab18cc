use std::net::Shutdown as Direction;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use http::{Body, Head};
use os_thread::SERVICE_STACK_BYTES;
use sql::Store;

use super::connections::PROBE;
use super::private_socket::PrivateSocket;
use super::*;

fn context() -> Arc<Context> {
    let store =
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap();
    Arc::new(Context::new(Arc::new(store), 0).unwrap())
}

fn request(line: &str, headers: &str, body: &str) -> http::Request<'static> {
    let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
    http::Request {
        id: "r-7".to_owned(),
        address: "192.0.2.1".parse().unwrap(),
        head: Head::parse(head.as_bytes()).unwrap(),
        body: Body::Whole(body.as_bytes().to_vec()),
        is_https: false,
        may_use_cookie: true,
    }
}

fn text(response: http::Response) -> String {
    String::from_utf8(response.into_bytes().unwrap()).unwrap()
}

#[test]
fn a_response_comes_through_the_library_as_it_was_made() {
    let (context, end) = (context(), Shutdown::new());
    let backend = Backend::start(&context, &end).unwrap();
    let refused = backend.call(&request("GET /me", "", ""));
    assert_eq!((refused.status, refused.code), (401, Some("unauthorized")));
    assert_eq!(refused.header("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(refused.header("Content-Type"), Some("application/json"));
    for of_the_library in ["Server", "Date", "X-Error-Code"] {
        assert_eq!(refused.header(of_the_library), None);
    }
    assert!(text(refused).contains("\"code\":\"unauthorized\""));
    let account = context.store.create_account("a@x", "Alice", "phc", 1).unwrap();
    let token = wire::Token::parse("token").unwrap();
    let (now, expires_at) = (context.store.now(), i64::MAX);
    let login = sql::Login { account, epoch: 1, token: token.hash(), device: "", now, expires_at };
    context.store.open_session(&login).unwrap().unwrap();
    let token = "Authorization: Bearer token\r\n";
    let renamed = backend.call(&request("PATCH /m%65", token, r#"{"name":"Al"}"#));
    assert_eq!((renamed.status, renamed.code), (200, None));
    assert!(text(renamed).contains("\"name\":\"Al\""));
    let logout = backend.call(&request("POST /logout", token, ""));
    assert_eq!((logout.status, text(logout)), (204, String::new()));
    // A client that knows the path of the probe gets the usual answer.
    assert_eq!(backend.call(&request(&format!("GET {PROBE}"), "", "")).status, 404);
    end.begin();
}

#[test]
fn many_at_once_are_all_answered() {
    let (context, end) = (context(), Shutdown::new());
    let backend = Arc::new(Backend::start(&context, &end).unwrap());
    let threads = (0..300).map(|_| {
        let backend = Arc::clone(&backend);
        let ask = move || {
            for _ in 0..5 {
                assert_eq!(backend.call(&request("GET /me", "", "")).status, 401);
            }
        };
        os_thread::spawn("asks", SERVICE_STACK_BYTES, ask).unwrap()
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    end.begin();
}

#[test]
fn a_library_that_stops_accepting_is_started_anew() {
    let (socket, listener) = PrivateSocket::create().unwrap();
    // The same socket by another name: its shutdown is an error to whoever waits in accept.
    let other = UnixStream::from(OwnedFd::from(listener.try_clone().unwrap()));
    let context = context();
    let library = library::Library::start(listener, Arc::clone(&context)).unwrap();
    let (end, connections) = (Shutdown::new(), Arc::new(Connections::new(socket)));
    let theirs = (end.clone(), Arc::clone(&connections));
    let keep = move || library::keep_running(library, &theirs.1, &context, &theirs.0);
    let thread = os_thread::spawn("keep", SERVICE_STACK_BYTES, keep).unwrap();
    let backend = Backend(connections);
    assert_eq!(backend.call(&request("GET /me", "", "")).status, 401);
    other.shutdown(Direction::Both).unwrap();
    backend.0.clear();
    let deadline = Instant::now() + Duration::from_secs(30);
    while backend.call(&request("GET /me", "", "")).status != 401 {
        assert!(Instant::now() < deadline, "deaf");
        std::thread::yield_now();
    }
    end.begin();
    thread.join().unwrap();
}
