//! Heads: what HEAD and POST tell the cache, what preconditions do, and that Date and Age come once.

use ringside_tests::{check_on, http_date, Answer, Ask, Received};

fn say(body: &str, tag: &str) -> Answer {
    Answer::ok(body).field("ETag", format!("\"{tag}\""))
}

#[test]
fn head_freshens_what_it_confirms() {
    // RFC 9111, 4.3.5
    check_on(&[1, 2, 4], |stage| {
        let answer = say("hello", "1").fresh();
        stage.origin.on(
            "/a",
            answer.clone().field("Age", "100").field("X-Told", "by GET"),
        );
        stage.get("/a").expect(200);
        stage.origin.on("/a", answer.field("X-Told", "by HEAD"));
        let reply = stage.client().ask(&Ask::head("/a"));
        reply.expect(200).expect_field("Content-Length", "5");
        assert_eq!(stage.origin.count("/a"), 2);
        // What is stored elsewhere may take a moment to hear of it.
        stage.settle();
        stage.everywhere(|client| {
            let reply = client.get("/a");
            reply
                .expect(200)
                .expect_hit()
                .expect_body("hello")
                .expect_field("X-Told", "by HEAD")
                .expect_field("Content-Length", "5");
            assert!(reply.age() < 60, "{reply:#?}");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

#[test]
fn head_outdates_what_it_contradicts() {
    // RFC 9111, 4.3.5: another tag, date or length.
    let (then, later) = (http_date(-1000), http_date(-500));
    let dated = |body: &str, date: &str| Answer::ok(body).field("Last-Modified", date);
    for (why, old, new) in [
        ("another tag", say("old", "1"), say("new", "2")),
        ("another date", dated("old", &then), dated("new", &later)),
        ("another length", say("old", "1"), say("longer", "1")),
        ("no tag any more", say("old", "1"), Answer::ok("longer")),
    ] {
        check_on(&[1, 2, 4], |stage| {
            stage.origin.on("/a", old.clone().fresh());
            stage.get("/a").expect(200).expect_body("old");
            stage.everywhere(|client| {
                client.get("/a").expect_hit();
            });
            stage.origin.on("/a", new.clone().fresh());
            // What is stored is fresh: only a HEAD that insists gets to the origin.
            let insisting = Ask::head("/a").field("Cache-Control", "no-cache");
            stage.client().ask(&insisting).expect(200);
            stage.settle();
            let body = match why {
                "another tag" | "another date" => "new",
                _ => "longer",
            };
            stage.everywhere(|client| {
                let reply = client.get("/a");
                assert_eq!(reply.expect(200).text(), body, "{why}");
            });
            assert_eq!(stage.origin.count("/a"), 3, "{why}");
        });
    }
}

#[test]
fn a_head_that_fails_says_nothing() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", say("hello", "1").fresh());
        stage.get("/a").expect(200);
        let insisting = Ask::head("/a").field("Cache-Control", "no-cache");
        for status in [500, 503] {
            stage.origin.on("/a", Answer::status(status).no_store());
            stage.client().ask(&insisting).expect(status);
            stage.everywhere(|client| {
                client
                    .get("/a")
                    .expect(200)
                    .expect_hit()
                    .expect_body("hello");
            });
        }
    });
}

#[test]
fn a_head_for_another_variant_leaves_this_one_alone() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            let kind = received.field("X-Kind").unwrap_or_default();
            say(&format!("for {kind}"), &kind)
                .fresh()
                .field("Vary", "X-Kind")
        });
        let get = Ask::get("/a").field("X-Kind", "a");
        stage.client().ask(&get).expect(200);
        let head = Ask::head("/a").field("X-Kind", "b");
        stage
            .client()
            .ask(&head)
            .expect(200)
            .expect_field("ETag", "\"b\"");
        stage.client().ask(&get).expect_hit().expect_body("for a");
    });
}

/// What a POST to /a is answered with, and whether the answer is stored for GET.
const POSTED: &[(&str, &str, u16, bool)] = &[
    ("/a", "max-age=60", 200, true),
    ("/a", "max-age=60", 201, true),
    ("http://ringside.test/a", "max-age=60", 200, true),
    ("http://RINGSIDE.test:80/a", "max-age=60", 200, true),
    ("/a", "s-maxage=60", 200, true),
    ("/a", "", 200, false),
    ("/a", "public", 200, false),
    ("/a", "no-store, max-age=60", 200, false),
    ("/a", "private, max-age=60", 200, false),
    ("/b", "max-age=60", 200, false),
    ("/a?x", "max-age=60", 200, false),
    ("http://other.test/a", "max-age=60", 200, false),
    ("https://ringside.test/a", "max-age=60", 200, false),
    ("", "max-age=60", 200, false),
    ("/a", "max-age=60", 404, false),
    ("/a", "max-age=60", 302, false),
];

#[test]
fn a_post_that_says_so_answers_get() {
    // RFC 9110, 9.3.3: explicit freshness, and a Content-Location that is the target's own URI.
    check_on(&[1, 2, 4], |stage| {
        for (number, (location, control, status, stored)) in POSTED.iter().enumerate() {
            // A host of its own for each, so that all can be named /a.
            let posted = {
                let mut answer = Answer::status(*status);
                for (name, value) in [("Content-Location", location), ("Cache-Control", control)] {
                    if !value.is_empty() {
                        let own = value.replace("ringside.test", &format!("n{number}.test"));
                        let own = own.replace("RINGSIDE.test", &format!("N{number}.TEST"));
                        answer = answer.field(name, own);
                    }
                }
                answer.field("X-Said", "to POST")
            };
            stage
                .origin
                .on_each("/a", move |received, _| match received.method.as_str() {
                    "POST" => posted.clone(),
                    _ => Answer::ok("got").fresh().field("X-Said", "to GET"),
                });
            let host = format!("n{number}.test");
            let why = format!("{location} | {control} | {status}");
            let post = Ask::post("/a", "x").host(&host);
            let reply = stage.client().ask(&post);
            reply.expect(*status).expect_field("X-Said", "to POST");
            stage.everywhere(|client| {
                let reply = client.ask(&Ask::get("/a").host(&host));
                let said = if *stored { "to POST" } else { "to GET" };
                assert_eq!(reply.field("X-Said").as_deref(), Some(said), "{why}");
                if *stored {
                    assert!(reply.is_hit(), "{why}");
                    reply.expect(*status).expect_body(status.to_string());
                }
            });
            // A POST itself always reaches the origin.
            let before = stage.origin.count("/a");
            stage.client().ask(&post).expect(*status);
            assert_eq!(stage.origin.count("/a"), before + 1, "{why}");
        }
    });
}

#[test]
fn what_a_post_was_told_in_private_is_not_told_to_get() {
    // RFC 9111, 5.2.2.4 and 5.2.2.7: fields that are for the client that sent the POST.
    check_on(&[1, 2], |stage| {
        let control = "max-age=60, private=\"x-one\", no-cache=\"x-two\"";
        let answer = Answer::ok("hello")
            .field("Content-Location", "/a")
            .field("Cache-Control", control)
            .field("X-One", "1")
            .field("X-Two", "2")
            .field("X-Three", "3");
        stage.origin.on("/a", answer);
        let posted = stage.client().ask(&Ask::post("/a", "x"));
        posted.expect_field("X-One", "1").expect_field("X-Two", "2");
        let reply = stage.wait_for_hit(&Ask::get("/a"));
        reply
            .expect_field("X-Three", "3")
            .expect_no_field("X-One")
            .expect_no_field("X-Two");
    });
}

#[test]
fn the_content_of_a_post_that_broke_off_is_not_stored() {
    check_on(&[1, 2], |stage| {
        let answer = Answer::ok("a longer answer")
            .fresh()
            .field("Content-Location", "/a")
            .cut_after(4);
        stage.origin.on("/a", answer);
        stage.client().ask(&Ask::post("/a", "x")).expect_broken();
        stage.origin.on("/a", Answer::ok("whole").fresh());
        stage.get("/a").expect(200).expect_body("whole");
    });
}

/// An origin that knows its preconditions: its tag is "1", modified 1000 seconds ago.
fn guarded(received: &Received, modified: &str) -> Answer {
    let field = |name| received.field(name).unwrap_or_default();
    let fails = match received.field("If-Match") {
        Some(tags) => tags != "*" && !tags.split(',').any(|tag| tag.trim() == "\"1\""),
        None => {
            !field("If-Unmodified-Since").is_empty() && field("If-Unmodified-Since") != modified
        }
    };
    if fails {
        return Answer::status(412).no_store();
    }
    say("hello", "1").fresh().field("Last-Modified", modified)
}

#[test]
fn preconditions_that_fail_are_the_origins_to_judge() {
    // RFC 9110, 13.1.1 and 13.1.4
    let modified = http_date(-1000);
    check_on(&[1, 2], |stage| {
        let date = modified.clone();
        stage
            .origin
            .on_each("/*", move |received, _| guarded(received, &date));
        stage.get("/a").expect(200);
        for (name, value, holds) in [
            ("If-Match", "\"1\"", true),
            ("If-Match", "\"0\", \"1\"", true),
            ("If-Match", "*", true),
            ("If-Match", "\"2\"", false),
            // Strong comparison: a weak tag matches nothing.
            ("If-Match", "W/\"1\"", false),
            ("If-Unmodified-Since", modified.as_str(), true),
            ("If-Unmodified-Since", &http_date(-2000), false),
        ] {
            let before = stage.origin.count("/a");
            let reply = stage.client().ask(&Ask::get("/a").field(name, value));
            if holds {
                reply.expect(200).expect_body("hello");
            } else {
                reply.expect(412);
                assert_eq!(stage.origin.count("/a"), before + 1, "{name}: {value}");
                // It went as it came.
                stage.origin.last("/a").expect_field(name, value);
            }
            // Neither way is what is stored touched.
            stage.everywhere(|client| {
                client.get("/a").expect_hit().expect_body("hello");
            });
        }
        // Where nothing is stored there is nothing to compare with.
        for (number, (name, value, status)) in [
            ("If-Match", "\"1\"", 200),
            ("If-Match", "\"2\"", 412),
            ("If-Unmodified-Since", &http_date(-2000), 412),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/new/{number}");
            let ask = Ask::get(&path).field(name, value);
            stage.client().ask(&ask).expect(status);
            stage.get(&path).expect(200).expect_body("hello");
        }
    });
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let modified = http_date(-1000);
    check_on(&[1, 2], |stage| {
        let date = modified.clone();
        stage
            .origin
            .on_each("/a", move |received, _| guarded(received, &date));
        stage.get("/a").expect(200);
        let put = Ask::new("PUT", "/a")
            .content("x")
            .field("If-Match", "\"2\"");
        stage.client().ask(&put).expect(412);
        stage.get("/a").expect_hit();
        let put = Ask::new("PUT", "/a")
            .content("x")
            .field("If-Match", "\"1\"");
        stage.client().ask(&put).expect(200);
        stage.get("/a").expect(200).expect_forwarded();
    });
}

#[test]
fn date_and_age_come_once() {
    // RFC 9110, 6.6.1; RFC 9111, 5.1
    check_on(&[1, 2], |stage| {
        let old = http_date(-50);
        let one = |answer: Answer| answer.fresh().field("ETag", "\"1\"");
        let cases = [
            ("/plain", one(Answer::ok("hello"))),
            ("/none", one(Answer::ok("hello").without_date())),
            ("/aged", one(Answer::ok("hello").field("Age", "10"))),
            (
                "/ages",
                one(Answer::ok("hello").field("Age", "10").field("Age", "20")),
            ),
            ("/list", one(Answer::ok("hello").field("Age", "10, 20"))),
            ("/nonsense", one(Answer::ok("hello").field("Age", "old"))),
            ("/dates", one(Answer::ok("hello").field("Date", &old))),
            (
                "/no-date",
                one(Answer::ok("hello").without_date().field("Date", "today")),
            ),
            (
                "/pass",
                Answer::ok("hello")
                    .no_store()
                    .field("Age", "10")
                    .field("Age", "20"),
            ),
        ];
        for (path, answer) in cases {
            stage.origin.on(path, answer);
            let own = Ask::get(path).field("If-None-Match", "\"1\"");
            let asks = [
                Ask::get(path),
                Ask::get(path),
                Ask::head(path),
                own,
                Ask::post(path, "x"),
            ];
            for ask in asks {
                let reply = stage.client().ask(&ask);
                assert!(reply.complete && reply.status < 400, "{path}");
                assert_eq!(reply.lines("Date"), 1, "{path}: {reply:#?}");
                assert!(reply.lines("Age") <= 1, "{path}: {reply:#?}");
                let age = reply.field("Age").unwrap_or("0".into());
                assert!(
                    age.bytes().all(|byte| byte.is_ascii_digit()),
                    "{path}: {age}"
                );
            }
        }
    });
}

#[test]
fn a_304_does_not_double_them() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let answer = match received.field("If-None-Match") {
                Some(_) => Answer::status(304),
                None => Answer::ok("hello"),
            };
            let answer = if number % 2 == 0 {
                answer.without_date()
            } else {
                answer
            };
            answer
                .field("ETag", "\"1\"")
                .field("Cache-Control", "max-age=60")
                .field("Age", "70")
        });
        for number in 1..6 {
            let reply = stage.get("/a");
            reply.expect(200).expect_body("hello");
            assert_eq!(stage.origin.count("/a"), number);
            for name in ["Date", "Age", "ETag", "Cache-Control", "Content-Length"] {
                assert_eq!(reply.lines(name), 1, "{name}: {reply:#?}");
            }
        }
    });
}
