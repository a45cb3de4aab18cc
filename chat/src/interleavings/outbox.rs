//! Several threads append to one outbox, and each of them flushes it.

use std::sync::Arc;

use shuttle::thread;
use tungstenite::protocol::{Role, WebSocket};
use wire::Close;

use super::explore;
use crate::outbox::Outbox;
use crate::test_support;

const THREADS: usize = 3;
const FRAMES: usize = 3;

fn append(outbox: &Arc<Outbox>, number: usize) -> thread::JoinHandle<()> {
    let outbox = Arc::clone(outbox);
    thread::spawn(move || {
        for frame in 0..FRAMES {
            outbox.push_text(format!("{number}{frame}").as_bytes());
            outbox.flush();
        }
    })
}

/// The frames that have arrived, and whether the close frame has.
fn sent(outbox: &Arc<Outbox>, theirs: std::net::TcpStream) -> (Vec<String>, bool) {
    outbox.stream().shutdown(std::net::Shutdown::Write).unwrap();
    let mut socket = WebSocket::from_raw_socket(theirs, Role::Client, None);
    let (mut texts, mut is_closed) = (Vec::new(), false);
    while let Ok(message) = socket.read() {
        assert!(!is_closed, "{message} came after the close frame");
        is_closed = message.is_close();
        if message.is_text() {
            texts.push(message.into_text().unwrap().as_str().to_owned());
        }
    }
    (texts, is_closed)
}

fn of_thread(texts: &[String], number: usize) -> Vec<&str> {
    let start = number.to_string();
    texts.iter().map(String::as_str).filter(|text| text.starts_with(&start)).collect()
}

#[test]
fn what_each_thread_appends_is_sent_once_and_in_its_order() {
    explore(|| {
        let (outbox, theirs) = test_support::outbox();
        let threads: Vec<_> = (0..THREADS).map(|number| append(&outbox, number)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        // Nobody flushes once more: the last thread that appended has, or the one that was sending then.
        let (texts, is_closed) = sent(&outbox, theirs);
        assert!(!is_closed);
        for number in 0..THREADS {
            let expected: Vec<_> = (0..FRAMES).map(|frame| format!("{number}{frame}")).collect();
            assert_eq!(of_thread(&texts, number), expected);
        }
    });
}

#[test]
fn nothing_follows_the_close_frame_and_what_came_before_it_is_sent() {
    explore(|| {
        let (outbox, theirs) = test_support::outbox();
        let threads: Vec<_> = (0..THREADS).map(|number| append(&outbox, number)).collect();
        let closing = Arc::clone(&outbox);
        let closed = thread::spawn(move || {
            closing.push_text(b"last");
            closing.send_close(Close::GoingAway);
        });
        threads.into_iter().chain([closed]).for_each(|thread| thread.join().unwrap());
        assert!(outbox.is_done());
        let (texts, is_closed) = sent(&outbox, theirs);
        assert!(is_closed);
        assert!(texts.contains(&"last".to_owned()), "{texts:?}");
        for number in 0..THREADS {
            for (frame, text) in of_thread(&texts, number).iter().enumerate() {
                assert_eq!(*text, format!("{number}{frame}"));
            }
        }
    });
}
