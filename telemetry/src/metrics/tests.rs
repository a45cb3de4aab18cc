use super::*;
use std::time::Duration;

fn page(metric: &dyn Metric) -> String {
    let mut out = String::new();
    metric.write(&mut out);
    out
}

#[test]
fn counters_and_gauges_are_written_as_prometheus_reads_them() {
    static SENT: Counter = Counter::new("sent_total", "Messages sent.");
    SENT.add(41);
    SENT.inc();
    assert_eq!(
        page(&SENT),
        "# HELP sent_total Messages sent.\n# TYPE sent_total counter\nsent_total 42\n"
    );
    static DEPTH: Gauge = Gauge::new("depth", "Queue depth.");
    DEPTH.set(3);
    DEPTH.inc();
    DEPTH.add(-5);
    DEPTH.dec();
    assert!(page(&DEPTH).ends_with("# TYPE depth gauge\ndepth -2\n"));
}

#[test]
fn a_labelled_counter_writes_every_word() {
    static CLOSED: CounterVec<2> =
        CounterVec::new("closed_total", "Closes.", "code", ["1001", "4409"]);
    CLOSED.inc("4409");
    assert!(
        page(&CLOSED).ends_with("closed_total{code=\"1001\"} 0\nclosed_total{code=\"4409\"} 1\n")
    );
    assert_eq!((CLOSED.get("4409"), CLOSED.get("9999")), (1, 0));
}

#[test]
fn a_histogram_accumulates() {
    static TOOK: Histogram = Histogram::new("took_seconds", "Time.", &[0.1, 1.0]);
    for value in [0.05, 0.1, 0.5, 7.0] {
        TOOK.observe(value);
    }
    TOOK.observe_duration(Duration::from_millis(500));
    assert!(page(&TOOK).ends_with(
        "# TYPE took_seconds histogram\ntook_seconds_bucket{le=\"0.1\"} 2\n\
         took_seconds_bucket{le=\"1\"} 4\ntook_seconds_bucket{le=\"+Inf\"} 5\n\
         took_seconds_sum 8.15\ntook_seconds_count 5\n"
    ));
    assert_eq!(TOOK.count(), 5);
}

#[test]
fn the_process_is_measured() {
    let page = render(&all());
    let value = |name: &str| -> i64 {
        let line = page.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("process_resident_memory_bytes") > 100_000);
    assert!(value("process_open_fds") >= 3);
    assert!(value("process_threads") >= 1);
}
