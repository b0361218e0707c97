//! Ranges of what is stored (RFC 9110, 13.1.5 and 14; what is not stored yet: `fragments`).

use ringside_tests::{
    check_on, http_date, pattern, wait_until, Answer, Ask, Client, Entity, Origin, Reply, Stage,
};
use std::ops::Range;

/// Five fragments and a bit.
const LARGE: usize = 5 * (1 << 20) + 123;

/// A small and a large object, both with a strong validator.
fn entities() -> [(&'static str, Entity); 2] {
    [("/small", 1000), ("/large", LARGE)].map(|(path, bytes)| {
        let entity = Entity::new(pattern(bytes, bytes as u64))
            .fresh()
            .field("ETag", "\"a\"")
            .field("Content-Type", "text/plain");
        (path, entity)
    })
}

/// Lets the origin have `entity` at `path`, and the cache hold all of it.
#[track_caller]
fn store(stage: &Stage, path: &str, entity: &Entity) {
    stage.origin.publish(path, entity);
    stage.get(path).expect(200).expect_body(entity.content());
    wait_until("the object to be stored", || stage.get(path).is_hit());
}

fn ask(path: &str, range: &str) -> Ask {
    Ask::get(path).field("Range", range)
}

fn range_of(stage: &Stage, path: &str, range: &str) -> Reply {
    stage.client().ask(&ask(path, range))
}

#[test]
fn the_kits_origin_gives_parts() {
    let origin = Origin::start();
    let entity = Entity::new("0123456789").field("ETag", "\"a\"");
    origin.publish("/a", &entity);
    let mut client = Client::connect(origin.port());
    for (range, span) in [
        ("bytes=2-4", 2..5),
        ("bytes=7-", 7..10),
        ("bytes=-2", 8..10),
        ("bytes=-20", 0..10),
        ("bytes=8-20", 8..10),
    ] {
        let reply = client.ask(&ask("/a", range));
        reply.expect_part(entity.content(), span.clone());
        assert_eq!(origin.last("/a").asks_for(10), span, "{range}");
    }
    client.ask(&ask("/a", "bytes=10-")).expect_unsatisfiable(10);
    client.ask(&ask("/a", "bytes=5-4")).expect(200);
    client.ask(&ask("/a", "bytes=0-0,2-2")).expect(200);
    let conditional = |name: &str, value: &str| ask("/a", "bytes=2-4").field(name, value);
    client
        .ask(&conditional("If-Range", "\"b\""))
        .expect(200)
        .expect_body("0123456789");
    client
        .ask(&conditional("If-Range", "\"a\""))
        .expect_part(entity.content(), 2..5);
    client
        .ask(&conditional("If-None-Match", "\"a\""))
        .expect(304);
    let head = client.ask(&Ask::head("/a").field("Range", "bytes=2-4"));
    head.expect(200).expect_field("Content-Length", "10");
}

#[test]
fn the_kit_reads_parts() {
    let origin = Origin::start();
    let body = "--b\r\nContent-Range: bytes 7-9/10\r\nContent-Type: a/b\r\n\r\n7\r\n\r\n\
                --b\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n--b--\r\n";
    let head = format!(
        "HTTP/1.1 206 Partial\r\nContent-Type: multipart/byteranges; boundary=b\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let answer = Answer::raw(head + body);
    origin.on("/a", answer);
    let reply = Client::connect(origin.port()).get("/a");
    reply.expect_parts(b"01234567\r\n", &[7..10, 0..1]);
    let wrong = std::panic::catch_unwind(|| {
        reply.expect_parts(b"0123456789", &[7..10, 0..1]);
    });
    assert!(wrong.is_err());
}

#[test]
fn one_range_of_a_stored_object() {
    // RFC 9110, 14.1.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let fetched = stage.origin.count(path);
            let end = entity.bytes();
            let mut rows: Vec<(String, Range<usize>)> = vec![
                ("bytes=0-0".into(), 0..1),
                ("bytes=2-4".into(), 2..5),
                ("Bytes=100-199".into(), 100..200),
                ("bytes=900-".into(), 900..end),
                ("bytes=0-".into(), 0..end),
                ("bytes=-1".into(), end - 1..end),
                ("bytes=-300".into(), end - 300..end),
                ("bytes=-99999999".into(), 0..end),
                ("bytes=500-99999999".into(), 500..end),
                (format!("bytes={}-", end - 1), end - 1..end),
                (format!("bytes=99999999-,{}-", end - 9), end - 9..end),
            ];
            if end == LARGE {
                let edge = 1 << 20;
                rows.extend([
                    (format!("bytes={}-{edge}", edge - 1), edge - 1..edge + 1),
                    (format!("bytes={edge}-{edge}"), edge..edge + 1),
                    ("bytes=1000000-4000000".into(), 1_000_000..4_000_001),
                    ("bytes=-200".into(), end - 200..end),
                ]);
            }
            stage.everywhere(|client| {
                for (range, span) in &rows {
                    let reply = client.ask(&ask(path, range));
                    reply
                        .expect_part(entity.content(), span.clone())
                        .expect_hit();
                }
                // The connection goes on, and no part became the whole.
                client.get(path).expect_hit().expect_body(entity.content());
            });
            assert_eq!(stage.origin.count(path), fetched, "{path}");
        }
    });
}

#[test]
fn a_part_has_the_fields_of_the_whole() {
    // RFC 9110, 15.3.7
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let whole = stage.get(path);
            let part = range_of(stage, path, "bytes=1-3");
            part.expect_part(entity.content(), 1..4).expect_hit();
            let parts = range_of(stage, path, "bytes=0-0,-1");
            parts.expect(206);
            for name in ["ETag", "Date", "Cache-Control", "Via"] {
                assert!(whole.field(name).is_some(), "{name} of {path}");
                assert_eq!(part.field(name), whole.field(name), "{name} of {path}");
                assert_eq!(parts.field(name), whole.field(name), "{name} of {path}");
            }
            part.expect_field("Content-Type", "text/plain");
            assert!(part.field("Age").is_some() && parts.field("Age").is_some());
        }
    });
}

#[test]
fn several_ranges_of_a_stored_object() {
    // RFC 9110, 14.1.2 and 15.3.7.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let fetched = stage.origin.count(path);
            let end = entity.bytes();
            let mut rows: Vec<(&str, Vec<Range<usize>>)> = vec![
                ("bytes=0-0,-1", vec![0..1, end - 1..end]),
                ("bytes=-1,0-0", vec![end - 1..end, 0..1]),
                (
                    "bytes=800-809, 0-9, 99999999-, 400-409",
                    vec![800..810, 0..10, 400..410],
                ),
                // Overlapping and near ones become one, in the first one's place.
                ("bytes=600-700,0-9,650-720,730-739", vec![600..740, 0..10]),
            ];
            if end == LARGE {
                rows.extend([
                    (
                        "bytes=1048570-1048580,5242879-5242881,0-9",
                        vec![1_048_570..1_048_581, 5_242_879..5_242_882, 0..10],
                    ),
                    (
                        "bytes=3000000-5000000,100-2200000",
                        vec![3_000_000..5_000_001, 100..2_200_001],
                    ),
                ]);
            }
            stage.everywhere(|client| {
                for (range, spans) in &rows {
                    let reply = client.ask(&ask(path, range));
                    reply.expect_parts(entity.content(), spans).expect_hit();
                    for part in reply.parts() {
                        let kind = ("Content-Type".to_string(), "text/plain".to_string());
                        assert!(part.fields.contains(&kind), "{:?}", part.fields);
                    }
                }
                client.get(path).expect_hit();
            });
            assert_eq!(stage.origin.count(path), fetched, "{path}");
        }
    });
}

#[test]
fn several_ranges_that_come_to_one_are_no_multipart() {
    // RFC 9110, 15.3.7.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            for (range, span) in [
                ("bytes=0-9,5-19", 0..20),
                ("bytes=10-19,0-9", 0..20),
                ("bytes=0-0,2-2,40-49", 0..50),
                ("bytes=0-0,99999999-", 0..1),
                ("bytes=500-,0-499", 0..entity.bytes()),
            ] {
                range_of(stage, path, range)
                    .expect_part(entity.content(), span)
                    .expect_hit();
            }
        }
    });
}

#[test]
fn a_range_that_is_none_is_ignored() {
    // RFC 9110, 14.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let too_many = format!("bytes={}", ["0-0"; 33].join(","));
            let scattered: Vec<String> =
                (0..33).rev().map(|at| format!("{0}-{0}", at * 5)).collect();
            for range in [
                "bytes=5-4",
                "bytes=0-0,5-4",
                "bytes=a-b",
                "bytes=",
                "bytes",
                "lines=0-1",
                too_many.as_str(),
                &format!("bytes={}", scattered.join(",")),
            ] {
                let reply = range_of(stage, path, range);
                reply.expect(200).expect_hit().expect_body(entity.content());
                reply.expect_no_field("Content-Range");
            }
            let two_lines = ask(path, "bytes=0-0").field("Range", "bytes=500-500");
            let reply = stage.client().ask(&two_lines);
            reply.expect(200).expect_body(entity.content());
        }
    });
}

#[test]
fn as_many_ranges_as_the_bound_are_answered() {
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(LARGE, 3))
            .fresh()
            .field("ETag", "\"a\"");
        store(stage, "/a", &entity);
        let spans: Vec<Range<usize>> = (0..32)
            .rev()
            .map(|at| at * 160_000..at * 160_000 + 1000)
            .collect();
        let specs: Vec<String> = spans
            .iter()
            .map(|span| format!("{}-{}", span.start, span.end - 1))
            .collect();
        let reply = range_of(stage, "/a", &format!("bytes={}", specs.join(",")));
        reply.expect_parts(entity.content(), &spans).expect_hit();
    });
}

#[test]
fn a_range_behind_the_end_is_a_416() {
    // RFC 9110, 15.5.17
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let fetched = stage.origin.count(path);
            let end = entity.bytes();
            stage.everywhere(|client| {
                for range in [
                    &format!("bytes={end}-"),
                    &format!("bytes={end}-{}", end + 5),
                    "bytes=99999999999999999999999-",
                    "bytes=-0",
                    &format!("bytes=-0,{end}-"),
                ] {
                    let reply = client.ask(&ask(path, range));
                    reply.expect_unsatisfiable(end).expect_hit();
                }
                client.get(path).expect(200).expect_hit();
            });
            assert_eq!(stage.origin.count(path), fetched, "{path}");
        }
    });
}

#[test]
fn if_range_decides_between_the_part_and_the_whole() {
    // RFC 9110, 13.1.5
    check_on(&[1, 2], |stage| {
        let (old, other) = (http_date(-5000), http_date(-4000));
        for (path, bytes) in [("/small", 1000), ("/large", LARGE)] {
            let entity = Entity::new(pattern(bytes, 9)).fresh();
            let strong = entity.clone().field("ETag", "\"a\"");
            let strong = strong.field("Last-Modified", &old);
            let weak = entity.field("ETag", "W/\"a\"");
            let weak_path = format!("{path}/weak");
            store(stage, path, &strong);
            store(stage, &weak_path, &weak);
            for (path, validator, is_part) in [
                (path, "\"a\"", true),
                (path, "\"b\"", false),
                (path, "W/\"a\"", false),
                (path, "a", false),
                (path, &old, true),
                (path, &other, false),
                (&weak_path, "W/\"a\"", false),
                (&weak_path, "\"a\"", false),
            ] {
                let ask = ask(path, "bytes=100-199").field("If-Range", validator);
                let reply = stage.client().ask(&ask);
                reply.expect_hit();
                if is_part {
                    reply.expect_part(strong.content(), 100..200);
                } else {
                    reply.expect(200).expect_body(strong.content());
                }
            }
            // Without the part there is nothing that could not be satisfied.
            let ask = ask(path, "bytes=99999999-").field("If-Range", "\"b\"");
            stage.client().ask(&ask).expect(200).expect_hit();
        }
    });
}

#[test]
fn conditions_go_before_ranges() {
    // RFC 9110, 13.2.2 and 14.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let with = |tag: &str| ask(path, "bytes=2-4").field("If-None-Match", tag);
            let mut client = stage.client();
            client.ask(&with("\"a\"")).expect(304).expect_hit();
            client
                .ask(&with("\"b\""))
                .expect_part(entity.content(), 2..5)
                .expect_hit();
            let behind = ask(path, "bytes=99999999-").field("If-None-Match", "\"a\"");
            client.ask(&behind).expect(304).expect_hit();
        }
    });
}

#[test]
fn head_knows_no_ranges() {
    // RFC 9110, 14.2
    check_on(&[1, 2], |stage| {
        for (path, entity) in entities() {
            store(stage, path, &entity);
            let length = entity.bytes().to_string();
            stage.everywhere(|client| {
                for range in ["bytes=2-4", "bytes=0-0,-1", "bytes=99999999-"] {
                    let reply = client.ask(&Ask::head(path).field("Range", range));
                    reply.expect(200).expect_hit();
                    reply
                        .expect_field("Content-Length", &length)
                        .expect_no_field("Content-Range");
                }
                client.get(path).expect_hit();
            });
        }
    });
}

#[test]
fn an_error_has_no_parts() {
    // RFC 9110, 14.2: only what would be a 200 is sent in parts.
    check_on(&[1, 2], |stage| {
        let gone = Answer::status(404).fresh();
        stage.origin.on("/gone", gone);
        stage.get("/gone").expect(404);
        let reply = range_of(stage, "/gone", "bytes=0-0");
        reply.expect(404).expect_body("404").expect_hit();
    });
}

#[test]
fn a_reader_of_many_parts_may_be_slow() {
    // Parts that do not fit into one write, to a client that takes its time.
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(LARGE, 4))
            .fresh()
            .field("ETag", "\"a\"");
        store(stage, "/a", &entity);
        let spans = [3_000_000..LARGE, 0..2_900_000];
        let mut client = stage.client().reads_little();
        client.send(ask("/a", "bytes=3000000-,0-2899999").bytes());
        let mut reading = client.begin("GET");
        reading.read_at_least(1000);
        // Others are served meanwhile.
        range_of(stage, "/a", "bytes=5-9").expect_part(entity.content(), 5..10);
        reading
            .finish()
            .expect_parts(entity.content(), &spans)
            .expect_hit();
        client.get("/a").expect(200).expect_body(entity.content());
    });
}
