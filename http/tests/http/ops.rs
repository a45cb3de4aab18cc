//! The operators' listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::{PATIENT, TestServer, answer, status};
use http::ops;
use net::{Shutdown, metrics};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

fn get(address: SocketAddr, request: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).unwrap();
    answer(client)
}

#[test]
fn operators_see_numbers_health_and_the_end() {
    let server = TestServer::greeting(PATIENT);
    assert!(server.is_well());
    let (shutdown, well) = (Shutdown::new(), Arc::new(AtomicBool::new(true)));
    let ready = {
        let well = Arc::clone(&well);
        move || {
            well.load(Ordering::SeqCst)
                .then_some(())
                .ok_or(telemetry::health::Unhealthy::new("not_storing", "no database"))
        }
    };
    let any = "127.0.0.1:0".parse().unwrap();
    let registry = [metrics::all(), telemetry::metrics::all()].into_iter().flatten().collect();
    let address = ops::serve(any, registry, ready, &shutdown).unwrap().tcp().unwrap();

    let page = get(address, "GET /metrics");
    assert!(page.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{page}");
    for line in [
        "messenger_connections_accepted_total{server=\"chat\"} ",
        "messenger_connections_open{server=\"ops\"} ",
        "messenger_connections_refused_total{server=\"chat\",cause=\"head_timeout\"} ",
        "messenger_panics_total ",
        "process_resident_memory_bytes ",
        "process_open_fds ",
        "process_threads ",
    ] {
        assert!(page.contains(&format!("\n{line}")), "{line} in {page}");
    }
    assert_eq!(status(&get(address, "GET /healthz")), 200);
    assert_eq!(status(&get(address, "HEAD /readyz?x")), 200);
    assert_eq!(status(&get(address, "GET /else")), 404);
    assert_eq!(status(&get(address, "POST /metrics")), 405);

    well.store(false, Ordering::SeqCst);
    assert!(get(address, "GET /healthz").contains("no database"));
    assert!(get(address, "GET /readyz").contains("\"not_storing\""));
    assert_eq!(status(&get(address, "GET /livez")), 200);

    well.store(true, Ordering::SeqCst);
    shutdown.begin();
    assert_eq!(status(&get(address, "GET /healthz")), 200);
    assert_eq!(status(&get(address, "GET /readyz")), 503, "still told while draining");
}
