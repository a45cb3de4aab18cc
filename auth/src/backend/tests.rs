use std::io::Read as _;
use std::net::Shutdown as Direction;
use std::os::fd::OwnedFd;
use std::time::Duration;

use sql::Store;

use super::*;

fn context() -> Arc<Context> {
    let store =
        Store::open(&"sqlite::memory:".parse().unwrap(), sql::ContactPolicy::Open, &|_| false)
            .unwrap();
    Arc::new(Context::new(Arc::new(store), 0).unwrap())
}

/// The answer, or what kept it from coming.
fn ask(socket: &Path, request: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn get(path: &str, version: &str) -> String {
    format!("GET {path} HTTP/{version}\r\nConnection: close\r\nX-Request-Id: r-7\r\n\r\n")
}

#[test]
fn an_answer_is_json_and_carries_its_requests_id() {
    let end = Shutdown::new();
    let socket = serve(context(), &end).unwrap();
    let answer = ask(socket.path(), &get("/healthz", "1.1")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for line in ["X-Request-Id: r-7", "Content-Type: application/json", "Cache-Control: no-store"] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line} in {answer}");
    }
    assert!(answer.ends_with("\r\n\r\n{\"status\":\"ok\"}"), "{answer}");
    let refused = ask(socket.path(), &get("/me", "1.1")).unwrap();
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("WWW-Authenticate: Bearer"));
    assert!(refused.contains("\"code\":\"unauthorized\""), "{refused}");
    let head = ask(socket.path(), &get("/", "1.1").replace("GET", "HEAD")).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    end.begin();
}

#[test]
fn an_export_is_streamed_to_old_clients_too() {
    let (context, end) = (context(), Shutdown::new());
    let account = context.store.create_account("a@x", "Alice", "phc", 1).unwrap();
    let token = wire::Token::parse("token").unwrap();
    let (now, expires_at) = (context.store.now(), i64::MAX);
    let login = sql::Login { account, epoch: 1, token: token.hash(), device: "", now, expires_at };
    context.store.open_session(&login).unwrap().unwrap();
    let socket = serve(context, &end).unwrap();
    let ask = |version| {
        let request =
            get("/export", version).replace("\r\n\r\n", "\r\nAuthorization: Bearer token\r\n\r\n");
        ask(socket.path(), &request).unwrap()
    };
    let (old, new) = (ask("1.0"), ask("1.1"));
    assert!(new.contains("Transfer-Encoding: chunked") && new.ends_with("\r\n0\r\n\r\n"), "{new}");
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("Transfer-Encoding") && !head.contains("Content-Length"), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap()["account"]["email"], "a@x");
    end.begin();
}

#[test]
fn an_export_that_breaks_off_does_not_end_as_a_whole_one() {
    struct Breaking(bool);
    impl io::Read for Breaking {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the database is away"));
            }
            out[..4].copy_from_slice(b"half");
            Ok(4)
        }
    }
    let (socket, listener) = PrivateSocket::create().unwrap();
    let server = Arc::new(library(listener).unwrap());
    let theirs = Arc::clone(&server);
    let send = move || {
        let request = theirs.recv().unwrap();
        Response::stream("x.json", Box::new(Breaking(false))).send(request).unwrap_err();
    };
    let thread = os_thread::spawn("send", SERVICE_STACK_BYTES, send).unwrap();
    let answer = ask(socket.path(), &get("/export", "1.1")).unwrap();
    assert!(answer.contains("Transfer-Encoding: chunked\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4\r\nhalf\r\n"), "{answer}");
    thread.join().unwrap();
}

#[test]
fn a_library_that_stops_accepting_is_started_anew() {
    let (socket, listener) = PrivateSocket::create().unwrap();
    // The same socket by another name: its shutdown is an error to whoever waits in accept.
    let other = UnixStream::from(OwnedFd::from(listener.try_clone().unwrap()));
    let server = tiny_http::Server::from_listener(listener, None).unwrap();
    let (end, socket) = (Shutdown::new(), Arc::new(socket));
    let theirs = (end.clone(), Arc::clone(&socket));
    let keep = move || keep_receiving(server, &theirs.1, &context(), &theirs.0);
    let thread = os_thread::spawn("receive", SERVICE_STACK_BYTES, keep).unwrap();
    ask(socket.path(), &get("/healthz", "1.1")).unwrap();
    other.shutdown(Direction::Both).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(socket.path(), &get("/healthz", "1.1")).is_err() {
        assert!(Instant::now() < deadline, "deaf");
        std::thread::yield_now();
    }
    end.begin();
    // Wakes the thread, so that it sees the end.
    let _ = ask(socket.path(), &get(PROBE, "1.1"));
    thread.join().unwrap();
}
