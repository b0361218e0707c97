//! Parts of one version make a whole, parts of two never do (RFC 9111, 3.3 and 3.4; RFC 9110,
//! 15.3.7.3).

use ringside_tests::{
    check_on, http_date, pattern, wait_until, Answer, Ask, Entity, Gate, Reply, Stage,
};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Five fragments and a bit.
const LARGE: usize = 5 * (1 << 20) + 123;

/// An entity of [`LARGE`] bytes with a strong validator.
fn large(seed: u64, tag: &str) -> Entity {
    Entity::new(pattern(LARGE, seed)).fresh().field("ETag", tag)
}

fn ask(path: &str, range: &str) -> Ask {
    Ask::get(path).field("Range", range)
}

fn range_of(stage: &Stage, path: &str, range: &str) -> Reply {
    stage.client().ask(&ask(path, range))
}

/// Asks until the cache answers by itself; what comes before must be right, too.
#[track_caller]
fn wait_for_hit(stage: &Stage, ask: &Ask, right: impl Fn(&Reply)) {
    wait_until("the bytes to be stored", || {
        let reply = stage.client().ask(ask);
        right(&reply);
        reply.is_hit()
    });
}

/// Of which version a reply about `span` is, as its ETag says; fails if any byte is of another, or
/// if it looks complete and is not. `None` when it broke off.
#[track_caller]
fn version_of(
    reply: &Reply,
    span: Range<usize>,
    versions: &[Entity],
    tags: &[&str],
) -> Option<usize> {
    assert!(matches!(reply.status, 200 | 206), "{}", reply.status);
    let tag = reply.field("ETag").expect("an ETag");
    let version = tags
        .iter()
        .position(|known| *known == tag)
        .expect("a known tag");
    let content = &versions[version].content()[span];
    assert!(
        content.starts_with(&reply.body),
        "bytes that are not of version {tag} in {} of {} bytes",
        reply.body.len(),
        content.len()
    );
    if reply.complete {
        assert_eq!(reply.body.len(), content.len(), "complete, but not all");
    }
    reply.complete.then_some(version)
}

#[test]
fn a_front_or_a_suffix_and_the_rest_make_the_whole() {
    // RFC 9111, 3.3 and 3.4: what an origin gives less of than it was asked for is kept.
    check_on(&[1, 2], |stage| {
        let entity = Entity::new("0123456789").fresh().field("ETag", "\"a\"");
        for (path, range, first, rest_line, rest) in [
            ("/front", "bytes=0-4", 0..5, "bytes=5-", 5..10),
            ("/suffix", "bytes=-5", 5..10, "bytes=0-4", 0..5),
        ] {
            let (own, part, other) = (entity.clone(), first.clone(), rest.clone());
            stage.origin.on_each(path, move |received, _| {
                match received.field("Range").as_deref() {
                    Some(line) if line == rest_line => own.part(other.clone()),
                    Some(_) => own.part(part.clone()),
                    None => own.whole(),
                }
            });
            range_of(stage, path, range).expect_part(entity.content(), first.clone());
            wait_for_hit(stage, &ask(path, range), |reply| {
                reply.expect_part(entity.content(), first.clone());
            });
            assert_eq!(stage.origin.count(path), 1);
            let reply = stage.get(path);
            reply
                .expect(200)
                .expect_body("0123456789")
                .expect_no_field("Content-Range");
            assert_eq!(stage.origin.count(path), 2);
            stage.origin.last(path).expect_field("Range", rest_line);
            wait_for_hit(stage, &Ask::get(path), |reply| {
                reply.expect(200).expect_body("0123456789");
            });
            stage.everywhere(|client| {
                client
                    .ask(&ask(path, "bytes=3-7"))
                    .expect_part(entity.content(), 3..8)
                    .expect_hit();
            });
            assert_eq!(stage.origin.count(path), 2);
        }
    });
}

#[test]
fn parts_without_a_strong_validator_in_common_are_never_put_together() {
    // RFC 9111, 3.4
    let dates = |entity: Entity, modified: i64| entity.field("Last-Modified", http_date(modified));
    for (why, first, second) in [
        (
            "other tag",
            Entity::new("0123456789").field("ETag", "\"a\""),
            Entity::new("abcdefghij").field("ETag", "\"b\""),
        ),
        (
            "the same weak tag",
            Entity::new("0123456789").field("ETag", "W/\"a\""),
            Entity::new("abcdefghij").field("ETag", "W/\"a\""),
        ),
        (
            "no validators",
            Entity::new("0123456789"),
            Entity::new("abcdefghij"),
        ),
        (
            "other date",
            dates(Entity::new("0123456789"), -5000),
            dates(Entity::new("abcdefghij"), -4000),
        ),
        (
            "a date that is no strong validator",
            dates(Entity::new("0123456789"), 3600),
            dates(Entity::new("abcdefghij"), 3600),
        ),
        (
            "the same tag, another length",
            Entity::new("0123456789").field("ETag", "\"a\""),
            Entity::new("abcdefghijklmnop").field("ETag", "\"a\""),
        ),
    ] {
        check_on(&[1, 2], |stage| {
            let (old, new) = (first.clone().fresh(), second.clone().fresh());
            let (one, two) = (old.clone(), new.clone());
            stage.origin.on_each("/a", move |received, number| {
                match (number, received.field("Range")) {
                    (1, _) => one.part(0..5),
                    (_, Some(_)) => two.answer(received),
                    (_, None) => two.whole(),
                }
            });
            range_of(stage, "/a", "bytes=0-4").expect_part(old.content(), 0..5);
            let reply = stage.get("/a");
            let right = reply.body == new.content();
            let broke = !reply.complete && old.content().starts_with(&reply.body);
            assert!(right && reply.complete || broke, "{why}: {reply:#?}");
            stage.get("/a").expect(200).expect_body(new.content());
        });
    }
}

#[test]
fn a_part_that_is_shorter_than_it_says_harms_nothing() {
    // The public conformance tests have such an origin: five bytes that claim to be six.
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let entity = Entity::new("0123456789").fresh().field("ETag", "\"a\"");
            if number == 1 {
                let answer = Answer::raw(
                    "HTTP/1.1 206 Partial Content\r\nCache-Control: max-age=60\r\n\
                     ETag: \"a\"\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 5\r\n\r\n45678",
                );
                return answer;
            }
            entity.answer(received)
        });
        let reply = range_of(stage, "/a", "bytes=-5");
        assert_ne!(reply.status, 200, "{reply:#?}");
        stage.get("/a").expect(200).expect_body("0123456789");
        range_of(stage, "/a", "bytes=-5").expect_part(b"0123456789", 5..10);
    });
}

#[test]
fn an_entity_that_changed_between_fragments_heals() {
    check_on(&[1, 2], |stage| {
        let tags = ["\"a\"", "\"b\""];
        let versions = [large(14, tags[0]), large(15, tags[1])];
        for (path, then, span) in [
            ("/part", Some("bytes=2000000-2000099"), 2_000_000..2_000_100),
            ("/over", Some("bytes=1000000-2000099"), 1_000_000..2_000_100),
            ("/whole", None, 0..LARGE),
        ] {
            let now = stage.origin.publish_versions(path, &versions);
            wait_for_hit(stage, &ask(path, "bytes=0-99"), |reply| {
                reply.expect_part(versions[0].content(), 0..100);
            });
            now.store(1, Ordering::SeqCst);
            let then = then.map_or(Ask::get(path), |range| ask(path, range));
            // This one finds out. It may break off, but never be of both.
            let reply = stage.client().ask(&then);
            version_of(&reply, span.clone(), &versions, &tags);
            let reply = stage.client().ask(&then);
            let version = version_of(&reply, span, &versions, &tags);
            assert_eq!(version, Some(1), "{path}: the next one is right");
            // What was of the old one is gone on every shard.
            stage.everywhere(|client| {
                client
                    .ask(&ask(path, "bytes=0-99"))
                    .expect_part(versions[1].content(), 0..100);
                client
                    .get(path)
                    .expect(200)
                    .expect_body(versions[1].content());
            });
        }
    });
}

#[test]
fn an_entity_that_changes_while_it_is_sent_breaks_off() {
    check_on(&[1, 2], |stage| {
        let tags = ["\"a\"", "\"b\""];
        let versions = [large(16, tags[0]), large(17, tags[1])];
        let gate = Gate::new();
        let now = Arc::new(AtomicUsize::new(0));
        let (own, current, waiting) = (versions.clone(), Arc::clone(&now), gate.clone());
        stage.origin.on_each("/a", move |received, number| {
            let answer = own[current.load(Ordering::SeqCst)].answer(received);
            if number == 1 {
                answer.wait_after(100_000, &waiting)
            } else {
                answer
            }
        });
        let mut client = stage.client();
        client.send(ask("/a", "bytes=0-2999999").bytes());
        let mut reading = client.begin("GET");
        reading.read_at_least(1000);
        // Its first fragment is of the old version and under way, the next one will be of the new.
        now.store(1, Ordering::SeqCst);
        gate.open();
        // What its head said binds it: it can't go on with the new one.
        let version = version_of(&reading.finish(), 0..3_000_000, &versions, &tags);
        assert_ne!(version, Some(1));
        let reply = range_of(stage, "/a", "bytes=0-2999999");
        reply.expect_part(versions[1].content(), 0..3_000_000);
        stage
            .get("/a")
            .expect(200)
            .expect_body(versions[1].content());
    });
}

#[test]
fn an_entity_without_validators_is_never_mixed() {
    check_on(&[1, 2], |stage| {
        let bare = |seed| Entity::new(pattern(LARGE, seed)).fresh();
        let versions = [bare(18), bare(19)];
        let now = stage.origin.publish_versions("/a", &versions);
        for (range, span) in [
            ("bytes=100-199", 100..200),
            ("bytes=2000000-2000099", 2_000_000..2_000_100),
            ("bytes=1000000-2500000", 1_000_000..2_500_001),
        ] {
            range_of(stage, "/a", range).expect_part(versions[0].content(), span);
        }
        now.store(1, Ordering::SeqCst);
        for (ask, span) in [
            (ask("/a", "bytes=900000-3500000"), 900_000..3_500_001),
            (ask("/a", "bytes=4000000-"), 4_000_000..LARGE),
            (Ask::get("/a"), 0..LARGE),
            (ask("/a", "bytes=-3000000"), LARGE - 3_000_000..LARGE),
        ] {
            let reply = stage.client().ask(&ask);
            let of_one = versions.iter().any(|version| {
                let content = &version.content()[span.clone()];
                content == reply.body || !reply.complete && content.starts_with(&reply.body)
            });
            assert!(of_one, "{ask:?} is of two versions, or of none");
        }
    });
}

#[test]
fn variants_have_fragments_of_their_own() {
    check_on(&[1, 2], |stage| {
        let by = |seed, tag| large(seed, tag).field("Vary", "Accept-Language");
        let (english, german) = (by(22, "\"en\""), by(23, "\"de\""));
        let (en, de) = (english.clone(), german.clone());
        stage.origin.on_each("/a", move |received, _| {
            match received.field("Accept-Language").as_deref() {
                Some("de") => de.answer(received),
                _ => en.answer(received),
            }
        });
        let ask = |language: &str, range: &str| {
            let ask = Ask::get("/a").field("Accept-Language", language);
            if range.is_empty() {
                ask
            } else {
                ask.field("Range", range)
            }
        };
        for round in 0..2 {
            for (language, entity) in [("en", &english), ("de", &german)] {
                let mut client = stage.client();
                client
                    .ask(&ask(language, "bytes=100-199"))
                    .expect_part(entity.content(), 100..200);
                client
                    .ask(&ask(language, "bytes=1000000-2000000"))
                    .expect_part(entity.content(), 1_000_000..2_000_001);
                assert!(round == 0 || stage.origin.count("/a") >= 4);
            }
        }
        for (language, entity) in [("de", &german), ("en", &english)] {
            let reply = stage.client().ask(&ask(language, ""));
            reply.expect(200).expect_body(entity.content());
        }
    });
}

#[test]
fn a_purge_takes_all_fragments() {
    check_on(&[1, 2], |stage| {
        // The same validator on purpose: only the purge tells that it is another.
        let versions = [large(27, "\"a\""), large(28, "\"a\"")];
        let now = stage.origin.publish_versions("/a", &versions);
        for range in ["bytes=0-99", "bytes=3000000-3000099"] {
            wait_for_hit(stage, &ask("/a", range), |reply| {
                reply.expect(206);
            });
        }
        now.store(1, Ordering::SeqCst);
        stage.ringside.purge("http://ringside.test/a").expect(200);
        stage.everywhere(|client| {
            for (range, span) in [
                ("bytes=0-99", 0..100),
                ("bytes=3000000-3000099", 3_000_000..3_000_100),
            ] {
                client
                    .ask(&ask("/a", range))
                    .expect_part(versions[1].content(), span);
            }
        });
        stage
            .get("/a")
            .expect(200)
            .expect_body(versions[1].content());
    });
}

#[test]
fn a_stale_part_is_not_served_without_asking() {
    // RFC 9111, 4.2.4 and 4.3
    check_on(&[1, 2], |stage| {
        // One second is left of the lifetime when it gets here.
        let aged = |seed, tag| {
            Entity::new(pattern(LARGE, seed))
                .field("Cache-Control", "max-age=60, must-revalidate")
                .field("Age", "59")
                .field("ETag", tag)
        };
        let tags = ["\"a\"", "\"b\""];
        let versions = [aged(29, tags[0]), aged(30, tags[1])];
        let now = stage.origin.publish_versions("/a", &versions);
        let part = ask("/a", "bytes=2000000-2000099");
        let span = 2_000_000..2_000_100;
        let reply = stage.client().ask(&part);
        reply.expect_part(versions[0].content(), span.clone());
        let before = stage.origin.count("/a");
        wait_until("the part to go stale", || {
            let reply = stage.client().ask(&part);
            reply.expect_part(versions[0].content(), span.clone());
            stage.origin.count("/a") > before
        });
        let validated = stage.origin.requests("/a").iter().any(|request| {
            let tags = request.field("If-None-Match");
            tags.is_some_and(|tags| tags.contains("\"a\""))
        });
        assert!(validated, "it is asked whether the part still holds");
        now.store(1, Ordering::SeqCst);
        wait_until("the new version", || {
            let reply = stage.client().ask(&part);
            version_of(&reply, span.clone(), &versions, &tags) == Some(1)
        });
        stage
            .get("/a")
            .expect(200)
            .expect_body(versions[1].content());
    });
}

#[test]
fn an_unsafe_request_takes_the_fragments_too() {
    // RFC 9111, 4.4
    check_on(&[1, 2], |stage| {
        let versions = [large(32, "\"a\""), large(33, "\"a\"")];
        let now = Arc::new(AtomicUsize::new(0));
        let (own, current) = (versions.clone(), Arc::clone(&now));
        stage.origin.on_each("/a", move |received, _| {
            if received.method == "POST" {
                current.store(1, Ordering::SeqCst);
                return Answer::ok("changed").no_store();
            }
            own[current.load(Ordering::SeqCst)].answer(received)
        });
        wait_for_hit(stage, &ask("/a", "bytes=0-99"), |reply| {
            reply.expect_part(versions[0].content(), 0..100);
        });
        stage.client().ask(&Ask::post("/a", "x")).expect(200);
        assert_eq!(now.load(Ordering::SeqCst), 1);
        stage.everywhere(|client| {
            client
                .ask(&ask("/a", "bytes=0-99"))
                .expect_part(versions[1].content(), 0..100);
        });
        stage
            .get("/a")
            .expect(200)
            .expect_body(versions[1].content());
    });
}
