use super::*;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

fn written(response: &Response) -> String {
    let sending = Sending { request_id: "r", is_last: true, ..Sending::default() };
    String::from_utf8(response.to_bytes(&sending)).unwrap()
}

#[test]
fn an_error_is_the_contracts_json() {
    let text = written(&Response::error(404, "not_found", "no \"such\" thing"));
    let (_, date) = text.split_once("\r\nDate: ").unwrap();
    let (date, _) = date.split_once("\r\n").unwrap();
    let sent = httpdate::parse_http_date(date).unwrap();
    assert!(sent.elapsed().unwrap().as_secs() < 60, "{date}");
    assert_eq!(
        text.replace(date, "NOW"),
        "HTTP/1.1 404 Not Found\r\nContent-Length: 48\r\nConnection: close\r\nDate: NOW\r\n\
         Server: messenger\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\
         Referrer-Policy: no-referrer\r\nCross-Origin-Opener-Policy: same-origin\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nContent-Type: application/json\r\nX-Request-Id: r\r\n\r\n\
         {\"error\":\"no \\\"such\\\" thing\",\"code\":\"not_found\"}"
    );
    let own = Response::text(200, "x").with_header("Content-Security-Policy", "sandbox");
    let text = written(&own.with_header("Cache-Control", "no-cache"));
    assert!(!text.contains("no-store") && !text.contains("frame-ancestors"), "{text}");
}

#[test]
fn a_header_cannot_end_its_line() {
    let response = Response::text(200, "x").with_header("X-A", "1\r\nSet-Cookie: evil=1");
    assert!(written(&response).contains("\r\nX-A: 1  Set-Cookie: evil=1\r\n"));
}

#[test]
fn no_content_has_no_length() {
    let text = written(&Response::no_content());
    assert!(!text.contains("Content-Length") && text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn who_may_come_back_is_told_when() {
    assert!(written(&HttpError::unavailable("full").into()).contains("\r\nRetry-After: 2\r\n"));
    assert!(!written(&HttpError::bad_request("bad").into()).contains("Retry-After"));
}

#[test]
fn https_is_kept_to_once_it_was_used() {
    let line = "Strict-Transport-Security: max-age=31536000\r\n";
    let over = |is_https| {
        let sending = Sending { is_https, ..Sending::default() };
        String::from_utf8(Response::no_content().to_bytes(&sending)).unwrap()
    };
    assert!(over(true).contains(line) && !over(false).contains(line));
}

/// Pieces of 32 bytes.
struct Pieces;

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        out[..32].fill(b'x');
        Ok(32)
    }
}

#[test]
fn a_client_that_takes_less_than_the_least_rate_is_given_up() {
    let (near, far) = UnixStream::pair().unwrap();
    rustix::net::sockopt::set_socket_send_buffer_size(&near, 1).unwrap();
    let near = TcpStream::from(OwnedFd::from(near));
    // At most a piece in its chunk each 100 ms, 380 bytes a second, and never a pause of a second.
    let reader = os_thread::spawn("reader", 64 * 1024, move || {
        while let Ok(1..) = (&far).read(&mut [0; 38]) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
    });
    let (stall, begun) = (Duration::from_secs(1), Instant::now());
    let sending = Sending::default();
    let response = Response::stream(200, "text/plain", Pieces.take(4096));
    let error = response.send(&near, &sending, stall).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let taken = begun.elapsed();
    drop(near);
    reader.unwrap().join().unwrap();
    assert!(taken > stall, "{taken:?}");
}
