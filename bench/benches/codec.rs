//! From a frame's text to a request, and from an answer to its JSON.
#![allow(missing_docs, reason = "criterion's macros make what is public here")]
#![allow(clippy::unwrap_used, reason = "a benchmark ends where it cannot go on")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wire::{AccountId, Frame, Message, MessageId, Request, Seq};

fn codec(criterion: &mut Criterion) {
    let content = "x".repeat(100);
    let escaped = "say \\\"hi\\\"\\n".repeat(10);
    for (name, text) in [
        ("parse a message", format!(r#"{{"from":2,"to":1,"content":"{content}"}}"#)),
        ("parse a message with a ref", format!(r#"{{"to":1,"content":"{content}","ref":"c-42"}}"#)),
        ("parse a message with escapes", format!(r#"{{"to":1,"content":"{escaped}"}}"#)),
        ("parse a receipt", r#"{"type":"received","seq":12345}"#.to_owned()),
        ("refuse what is no JSON", "{\"to\":1,".to_owned()),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| black_box(Request::parse(black_box(&text)).is_ok()));
        });
    }
    let message = |content| {
        let (id, seq) = (Some(MessageId(1_234_567)), Some(Seq(4321)));
        let (from, to, at) = (AccountId(2), Some(AccountId(1)), 1_767_000_000_000);
        Frame::Message(Message { id, seq, from, to, content, at, ..Message::default() })
    };
    let reference = "c-42";
    let (id, seq, at) = (Some(MessageId(77)), Some(Seq(9)), 1_767_000_000_000);
    for (name, frame) in [
        ("write a message", message(&content)),
        ("write a message with escapes", message("say \"hi\"\n")),
        ("write sent", Frame::Sent { reference, id, seq, at }),
    ] {
        let mut out = Vec::with_capacity(512);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                black_box(&frame).write(&mut out);
                black_box(out.len())
            });
        });
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
