//! The access log: one line per request, whatever the client sent.

use ringside_tests::{check_with, wait_until, Answer, Ask, Setup, Stage};
use serde_json::Value;

fn to_file(format: &str) -> Setup {
    Setup::new()
        .log(&format!("format = \"{format}\""))
        .log("target = \"SCRATCH/access.log\"")
}

/// The log's lines, once there are `n` of them.
#[track_caller]
fn lines(stage: &Stage, n: usize) -> Vec<String> {
    let path = stage.ringside.scratch_file("access.log");
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    wait_until("the log's lines", || {
        read().lines().count() >= n && read().ends_with('\n')
    });
    let lines: Vec<String> = read().lines().map(String::from).collect();
    assert_eq!(lines.len(), n, "{lines:#?}");
    lines
}

#[test]
fn json_lines_tell_outcome_and_timings() {
    check_with(&[1, 2, 4], &to_file("json"), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let mut client = stage.client();
        client
            .ask(
                &Ask::get("/a?x=1")
                    .field("User-Agent", "kit/1")
                    .field("Referer", "http://r/"),
            )
            .expect(200);
        client.get("/a?x=1").expect_hit();
        client.ask(&Ask::post("/b", "x")).expect(404);
        let lines = lines(stage, 3);
        let all: Vec<Value> = lines
            .iter()
            .map(|l| serde_json::from_str(l).expect(l))
            .collect();
        let words: Vec<&str> = all
            .iter()
            .filter_map(|line| line["outcome"].as_str())
            .collect();
        assert_eq!(words, ["miss", "hit", "pass"]);
        for (line, status) in all.iter().zip([200, 200, 404]) {
            let text = line.to_string();
            assert_eq!(line["status"].as_u64(), Some(status), "{text}");
            assert!(text.contains("127.0.0.1"), "{text}");
            assert!(text.contains("ringside.test"), "{text}");
        }
        assert!(
            lines[0].contains("kit/1") && lines[0].contains("http://r/"),
            "{}",
            lines[0]
        );
        assert!(lines[0].contains("/a?x=1"), "{}", lines[0]);
    });
}

#[test]
fn hostile_bytes_stay_within_their_line() {
    for format in ["json", "combined"] {
        check_with(&[1, 2], &to_file(format), |stage| {
            stage.origin.on("/*", Answer::ok("hello").no_store());
            for agent in [
                "\"quoted\" \\ back",
                "caf\u{e9}",
                "a\ttab",
                "<b>&",
                "%0a%0d",
                "\\\"},{\\\"",
            ] {
                stage
                    .client()
                    .ask(&Ask::get("/a").field("User-Agent", agent))
                    .expect(200);
            }
            let mut client = stage.client();
            client.send(b"GET /\xff\xfe\x80 HTTP/1.1\r\nHost: ringside.test\r\n\r\n");
            assert!(client.reply().status >= 200);
            let mut client = stage.client();
            client.send("GET /\x1b[31m HTTP/1.1\r\n\r\n");
            client.reply().expect(400);
            let lines = lines(stage, 8);
            for line in &lines {
                let odd = line.chars().any(char::is_control);
                assert!(!odd, "control characters reach the log: {line:?}");
                if format == "json" {
                    serde_json::from_str::<Value>(line).expect("JSON");
                }
            }
            if format == "json" {
                // Read back, it is what was sent.
                let agent = Value::from("\"quoted\" \\ back");
                let is_told = |line: &String| {
                    let line: Value = serde_json::from_str(line).expect("JSON");
                    line.as_object()
                        .is_some_and(|fields| fields.values().any(|v| *v == agent))
                };
                assert!(lines.iter().any(is_told), "{lines:#?}");
            }
        });
    }
}

#[test]
fn combined_lines_are_apaches() {
    check_with(&[1, 2], &to_file("combined"), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let ask = Ask::get("/a?x=1")
            .field("User-Agent", "kit/1")
            .field("Referer", "http://r/");
        // One connection, one shard: its lines keep their order.
        let mut client = stage.client();
        client.ask(&ask).expect(200);
        client.ask(&ask).expect_hit();
        let lines = lines(stage, 2);
        for (line, outcome) in lines.iter().zip(["miss", "hit"]) {
            assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
            assert!(
                line.contains("] \"GET /a?x=1 HTTP/1.1\" 200 5 \"http://r/\" \"kit/1\""),
                "{line}"
            );
            assert!(line.contains(outcome), "{line}");
        }
    });
}

#[test]
fn the_log_may_go_to_standard_output() {
    let setup = Setup::new()
        .log("format = \"json\"")
        .log("target = \"stdout\"");
    check_with(&[1, 2], &setup, |stage| {
        stage.origin.on("/seen", Answer::ok("hello").fresh());
        stage.get("/seen").expect(200);
        let line = stage
            .ringside
            .wait_for_line("about /seen", |line| line.contains("/seen"));
        serde_json::from_str::<Value>(&line).expect("JSON");
    });
}

#[test]
fn a_full_log_disk_drops_lines_and_serves_on() {
    let setup = Setup::new().log("target = \"/dev/full\"");
    check_with(&[1, 2], &setup, |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let mut client = stage.client();
        for _ in 0..200 {
            client.get("/a").expect(200);
        }
        let dropped = || {
            let text = stage.ringside.metrics();
            let samples = ringside_tests::parse_metrics(&text).expect("Prometheus text");
            let dropped = samples
                .iter()
                .filter(|s| s.name.contains("log") && s.name.contains("dropped"));
            dropped.map(|s| s.value).sum::<f64>()
        };
        wait_until("the dropped lines to be counted", || dropped() >= 200.0);
        client.get("/a").expect_hit();
    });
}

#[test]
fn every_line_is_written_by_the_stop() {
    for shards in [1, 4] {
        let origin = ringside_tests::Origin::start();
        origin.on("/a", Answer::ok("hello").fresh());
        let setup = to_file("json");
        let mut ringside = ringside_tests::Ringside::start(&setup.text(shards, origin.port()));
        for _ in 0..50 {
            ringside.client().get("/a").expect(200);
        }
        assert!(ringside.stop().success());
        let log = std::fs::read_to_string(ringside.scratch_file("access.log")).expect("the log");
        assert_eq!(log.lines().count(), 50);
    }
}
