//! From memory to disk and back: the same bytes, for each kind of question.

use super::{always, auto, check_disk, check_ways, entity, expect_from_disk, used, Way, KIB, MIB};
use ringside_tests::{pattern, Answer, Ask, Entity, Stage};

/// Bytes of contents: none, about a page, about a fragment, several fragments.
const SIZES: &[usize] = &[
    0,
    1,
    3000,
    4096,
    100 * KIB,
    MIB - 1,
    MIB,
    MIB + 1,
    5 * MIB + 77,
];

/// Publishes contents of all sizes, and asks for each until it was used. They go to disk before
/// memory needs room: of several MiB that it gives up at once some would be dropped.
fn store_sizes(stage: &Stage) -> Vec<(String, Entity)> {
    let mut all = Vec::new();
    let mut client = stage.client();
    for bytes in SIZES {
        let path = format!("/{bytes}");
        let entity = entity(pattern(*bytes, *bytes as u64), &bytes.to_string());
        stage.origin.publish(&path, &entity);
        used(&mut client, &Ask::get(&path), 1);
        all.push((path, entity));
    }
    let records = SIZES.iter().map(|bytes| super::records_of(*bytes)).sum();
    super::settle_on_disk(stage, records);
    all
}

#[test]
fn contents_come_back_byte_for_byte() {
    check_ways(&[1, 2], &auto(), |stage, way| {
        let all = store_sizes(stage);
        way.go(stage);
        let asked = stage.origin.total();
        for (path, entity) in &all {
            let reply = stage.get(path);
            reply.expect(200).expect_body(entity.content());
            expect_from_disk(&reply).expect_field("Cache-Groups", "\"one\"");
            assert!(reply.age() < 60, "{path}, {way:?}");
        }
        // However often it is asked for now, and wherever.
        stage.everywhere(|client| {
            for (path, entity) in &all {
                let reply = client.get(path);
                reply.expect_hit().expect_body(entity.content());
            }
        });
        assert_eq!(stage.origin.total(), asked, "{way:?}");
    });
}

#[test]
fn questions_are_answered_from_disk_as_from_memory() {
    check_ways(&[1, 2], &auto(), |stage, way| {
        let all = store_sizes(stage);
        way.go(stage);
        let asked = stage.origin.total();
        let mut client = stage.client();
        for (path, entity) in &all {
            let content = entity.content();
            let head = client.ask(&Ask::head(path));
            head.expect(200).expect_hit();
            head.expect_field("Content-Length", &content.len().to_string());
            let tag = format!("\"{}\"", content.len());
            let known = Ask::get(path).field("If-None-Match", &tag);
            client.ask(&known).expect(304).expect_hit();
            let other = Ask::get(path).field("If-None-Match", "\"other\"");
            let reply = client.ask(&other);
            reply.expect(200).expect_hit().expect_body(content);
        }
        assert_eq!(stage.origin.total(), asked, "{way:?}");
    });
}

#[test]
fn ranges_are_answered_from_disk() {
    check_ways(&[1, 2], &auto(), |stage, way| {
        let all = store_sizes(stage);
        way.go(stage);
        let mut client = stage.client();
        for (path, entity) in &all {
            let len = entity.bytes();
            let spans = [0..len, 0..len / 2, len / 3..len, len.saturating_sub(7)..len];
            for span in spans.into_iter().filter(|span| !span.is_empty()) {
                let range = format!("bytes={}-{}", span.start, span.end - 1);
                let reply = client.ask(&Ask::get(path).field("Range", range));
                reply.expect_part(entity.content(), span).expect_hit();
            }
            let beyond = format!("bytes={len}-");
            let reply = client.ask(&Ask::get(path).field("Range", beyond));
            reply.expect_unsatisfiable(len);
        }
        // Across the edges of fragments, in two parts.
        let (path, large) = all.last().expect("one");
        let spans = [MIB - 10..MIB + 10, 3 * MIB - 1..4 * MIB + 1];
        let ranges = spans.clone().map(|s| format!("{}-{}", s.start, s.end - 1));
        let range = format!("bytes={}", ranges.join(","));
        let reply = client.ask(&Ask::get(path).field("Range", range));
        reply.expect_parts(large.content(), &spans);
    });
}

#[test]
fn what_the_origin_said_otherwise_comes_back_too() {
    check_ways(&[1, 2], &auto(), |stage, way| {
        let body = pattern(30_000, 5);
        let chunked = Answer::ok(body.clone()).chunked(&[1, 10_000]).fresh();
        stage.origin.on("/chunked", chunked);
        let until_close = Answer::ok(body.clone()).until_close().fresh();
        stage.origin.on("/close", until_close);
        stage.origin.on("/missing", Answer::status(404).fresh());
        stage.origin.on("/gone", Answer::status(410).fresh());
        let moved = Answer::status(301).field("Location", "/a").fresh();
        stage.origin.on("/moved", moved);
        let rich = Answer::ok("rich").fresh();
        let rich = rich.field("X-One", "a").field("X-One", "b, c");
        stage.origin.on("/rich", rich.field("X-Empty", ""));
        let all = ["/chunked", "/close", "/missing", "/gone", "/moved", "/rich"];
        let mut client = stage.client();
        let held = all.map(|path| {
            client.get(path);
            client.get(path)
        });
        way.go(stage);
        let asked = stage.origin.total();
        for (path, held) in all.into_iter().zip(held) {
            let reply = stage.get(path);
            reply.expect(held.status).expect_body(&held.body);
            expect_from_disk(&reply);
            for name in ["X-One", "X-Empty", "Location", "Cache-Control", "Date"] {
                assert_eq!(reply.field(name), held.field(name), "{name} of {path}");
            }
        }
        assert_eq!(stage.origin.total(), asked, "{way:?}");
    });
}

#[test]
fn variants_are_kept_apart_on_disk() {
    check_ways(&[1, 2], &auto(), |stage, way| {
        stage.origin.on_each("/*", |received, _| {
            let kind = received.field("X-Kind").unwrap_or_default();
            let tag = format!("\"{kind}\"");
            let answer = Answer::ok(format!("{} for {kind}", received.target));
            answer.fresh().field("Vary", "X-Kind").field("ETag", tag)
        });
        let ask = |path: &str, kind: &str| Ask::get(path).field("X-Kind", kind);
        let all = [("/a", "x"), ("/a", "y"), ("/b", "x"), ("/a", "z")];
        for (path, kind) in all {
            used(&mut stage.client(), &ask(path, kind), 1);
        }
        way.go(stage);
        let asked = stage.origin.total();
        for (path, kind) in all {
            let reply = stage.client().ask(&ask(path, kind));
            reply.expect_body(format!("{path} for {kind}"));
            expect_from_disk(&reply);
        }
        assert_eq!(stage.origin.total(), asked, "{way:?}");
        // One that is not there is a miss, and hides none of the others.
        let reply = stage.client().ask(&ask("/a", "w"));
        reply.expect_forwarded().expect_body("/a for w");
        for (path, kind) in all {
            let reply = stage.client().ask(&ask(path, kind));
            reply.expect_hit().expect_body(format!("{path} for {kind}"));
        }
    });
}

#[test]
fn every_shard_is_answered_from_any_shard_s_disk() {
    const OBJECTS: usize = 24;
    check_ways(&[2, 4], &auto(), |stage, way| {
        let body = |number: usize| pattern(50_000 + number, number as u64);
        for number in 0..OBJECTS {
            let path = format!("/{number}");
            stage.origin.publish(&path, &entity(body(number), "t"));
            used(&mut stage.client(), &Ask::get(&path), 1);
        }
        way.go(stage);
        let asked = stage.origin.total();
        let mut clients = stage.clients();
        let count = clients.len();
        let mut from_disk = 0;
        for number in 0..OBJECTS {
            // Each object's first question comes from another connection.
            for turn in 0..count {
                let client = &mut clients[(number + turn) % count];
                let reply = client.get(&format!("/{number}"));
                reply.expect_hit().expect_body(body(number));
                from_disk += usize::from(super::is_from_disk(&reply));
            }
        }
        assert!(from_disk >= OBJECTS, "{from_disk} of {OBJECTS}");
        assert_eq!(stage.origin.total(), asked, "{way:?}");
    });
}

#[test]
fn many_who_ask_at_once_are_answered_by_few_reads() {
    const CLIENTS: usize = 16;
    check_disk(&[1, 2], &auto(), |stage| {
        let body = pattern(800 * KIB, 8);
        stage.origin.publish("/a", &entity(body.clone(), "a"));
        used(&mut stage.client(), &Ask::get("/a"), 1);
        Way::Restarted.go(stage);
        let asked = stage.origin.total();
        let replies = stage.together(CLIENTS, |mut client, _| client.get("/a"));
        for reply in &replies {
            reply.expect_hit().expect_body(&body);
        }
        assert_eq!(stage.origin.total(), asked);
        // Identical reads are shared, and what is read twice returns to memory.
        let read = stage.ringside.disk("read_bytes_total") as usize;
        assert!(read < CLIENTS / 2 * body.len(), "{read} bytes were read");
    });
}

#[test]
fn what_is_asked_for_often_returns_to_memory() {
    check_disk(&[1, 2], &auto(), |stage| {
        stage.origin.publish("/a", &entity("hello", "a"));
        used(&mut stage.client(), &Ask::get("/a"), 1);
        Way::Restarted.go(stage);
        let mut client = stage.client();
        expect_from_disk(&client.get("/a"));
        client.get("/a").expect_hit();
        let read = stage.ringside.disk("hits_total");
        for _ in 0..20 {
            let reply = client.get("/a");
            reply.expect_hit().expect_body("hello");
            assert!(!super::is_from_disk(&reply), "{:?}", reply.status_told());
        }
        assert_eq!(stage.ringside.disk("hits_total"), read);
    });
}

#[test]
fn what_is_stale_on_disk_is_validated() {
    check_ways(&[1, 2], &always(), |stage, way| {
        let tagged = |answer: Answer| answer.field("ETag", "\"1\"");
        for path in ["/confirmed", "/replaced"] {
            let old = tagged(Answer::ok("version 1").fresh().field("Age", "100"));
            stage.origin.on(path, old);
            stage.get(path).expect(200);
        }
        super::settle_on_disk(stage, 2);
        way.go(stage);
        let confirmed = tagged(Answer::status(304).fresh());
        stage.origin.on("/confirmed", confirmed);
        let other = Answer::ok("version 2").fresh().field("ETag", "\"2\"");
        stage.origin.on("/replaced", other);
        for (path, body) in [("/confirmed", "version 1"), ("/replaced", "version 2")] {
            let reply = stage.get(path);
            reply.expect(200).expect_forwarded().expect_body(body);
            let last = stage.origin.last(path);
            last.expect_field("If-None-Match", "\"1\"");
            stage.everywhere(|client| {
                client.get(path).expect_hit().expect_body(body);
            });
            assert_eq!(stage.origin.count(path), 2, "{path}, {way:?}");
        }
        // And what became of it is what comes back the next time.
        super::settle_on_disk(stage, 2);
        Way::Restarted.go(stage);
        for (path, body) in [("/confirmed", "version 1"), ("/replaced", "version 2")] {
            let reply = stage.get(path);
            reply.expect(200).expect_body(body);
            assert_eq!(stage.origin.count(path), 2, "{path}, {way:?}");
        }
    });
}
