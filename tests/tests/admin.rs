//! The admin listener: health, metrics, and nothing that a client of the cache could reach.

use ringside_tests::{
    check_on, check_with, parse_metrics, wait_until, Answer, Ask, Client, Sample, Setup,
};
use std::collections::BTreeSet;

#[test]
fn healthz_says_ok() {
    check_on(&[1, 2], |stage| {
        let mut admin = Client::connect(stage.ringside.admin());
        admin.get("/healthz").expect(200);
        admin.ask(&Ask::head("/healthz")).expect(200);
        admin.get("/nothing").expect(404);
        assert_eq!(stage.origin.total(), 0);
    });
}

#[test]
fn the_admin_listener_is_off_by_default() {
    let origin = ringside_tests::Origin::start();
    let text = Setup::new().text(1, origin.port());
    let text = text.replace("[admin]\naddress = \"127.0.0.1:0\"\n", "");
    let ringside = ringside_tests::Ringside::start(&text);
    let lines = ringside.stdout_lines();
    assert!(
        !lines.iter().any(|line| line.contains("admin")),
        "{lines:?}"
    );
    // What the admin would answer is the origin's business now.
    ringside.client().get("/metrics").expect(404);
    assert_eq!(origin.count("/metrics"), 1);
}

#[test]
fn metrics_are_prometheus_text() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.origin.on("/b", Answer::ok("hello").no_store());
        for path in ["/a", "/a", "/a", "/b", "/b"] {
            stage.get(path).expect(200);
        }
        stage.client().send("broken\r\n\r\n").reply().expect(400);
        let mut admin = Client::connect(stage.ringside.admin());
        let reply = admin.get("/metrics");
        let kind = reply.field("Content-Type").unwrap_or_default();
        assert!(kind.starts_with("text/plain"), "{kind}");
        let samples = parse_metrics(&reply.expect(200).text()).expect("Prometheus text");
        for sample in &samples {
            assert!(sample.name.starts_with("ringside_"), "{}", sample.name);
            assert!(sample.value >= 0.0, "{sample:?}");
        }
        let shards: BTreeSet<&str> = samples.iter().filter_map(|s| label(s, "shard")).collect();
        assert_eq!(shards.len(), stage.shards);
        for family in [
            "requests",
            "bytes",
            "memory",
            "connections",
            "letters",
            "flights",
            "panics",
            "turn",
        ] {
            let told = samples.iter().any(|sample| sample.name.contains(family));
            assert!(told, "something about {family}");
        }
        histograms_add_up(&samples);
    });
}

fn label<'a>(sample: &'a Sample, name: &str) -> Option<&'a str> {
    let found = sample.labels.iter().find(|(label, _)| label == name);
    found.map(|(_, value)| value.as_str())
}

/// Buckets grow, end in +Inf, and +Inf is the count.
fn histograms_add_up(samples: &[Sample]) {
    let counts: Vec<&Sample> = samples
        .iter()
        .filter(|s| s.name.ends_with("_count"))
        .collect();
    assert!(!counts.is_empty(), "a latency histogram");
    for count in counts {
        let stem = count.name.trim_end_matches("_count");
        let bucket = format!("{stem}_bucket");
        let shard = label(count, "shard");
        let buckets = samples
            .iter()
            .filter(|s| s.name == bucket && label(s, "shard") == shard);
        let mut last = (f64::NEG_INFINITY, 0.0);
        for sample in buckets {
            let bound = label(sample, "le").expect("le");
            let bound = if bound == "+Inf" {
                f64::INFINITY
            } else {
                bound.parse().expect("a bound")
            };
            assert!(
                bound > last.0 && sample.value >= last.1,
                "{sample:?} after {last:?}"
            );
            last = (bound, sample.value);
        }
        assert_eq!(last, (f64::INFINITY, count.value), "{stem}");
        assert!(samples
            .iter()
            .any(|s| s.name == format!("{stem}_sum") && label(s, "shard") == shard));
    }
}

#[test]
fn requests_are_counted_by_outcome() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.origin.on("/b", Answer::ok("hello").no_store());
        let mut client = stage.client();
        for path in ["/a", "/a", "/a"] {
            client.get(path).expect(200);
        }
        for _ in 0..2 {
            client.ask(&Ask::post("/b", "x")).expect(200);
        }
        drop(client);
        stage.client().send("broken\r\n\r\n").reply().expect(400);
        let count = |outcome| {
            stage
                .ringside
                .metric("ringside_requests_total", &[("outcome", outcome)])
        };
        for (outcome, requests) in [("miss", 1.0), ("hit", 2.0), ("pass", 2.0), ("refused", 1.0)] {
            wait_until("the request to be counted", || count(outcome) >= requests);
            assert_eq!(count(outcome), requests, "{outcome}");
        }
    });
}

#[test]
fn open_connections_are_counted_both_ways() {
    check_with(&[1, 2], &Setup::new(), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let open = || {
            let samples = parse_metrics(&stage.ringside.metrics()).expect("Prometheus text");
            let open = samples
                .iter()
                .filter(|s| s.name == "ringside_connections_open");
            open.map(|s| s.value).sum::<f64>()
        };
        let mut clients: Vec<Client> = (0..20).map(|_| stage.client()).collect();
        for client in &mut clients {
            client.get("/a").expect(200);
        }
        wait_until("20 connections to be counted", || open() == 20.0);
        drop(clients);
        wait_until("no connection to be counted", || open() == 0.0);
    });
}
