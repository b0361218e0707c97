//! What is stored, for how long, and for whom (RFC 9111, 3 to 5).

use ringside_tests::{check_on, check_with, http_date, Answer, Ask, Framing, Setup, Stage};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// Asks twice, with the second on every shard, and expects hits exactly when `stored`.
#[track_caller]
fn second_is_hit(stage: &Stage, why: &str, ask: &Ask, path: &str, stored: bool) {
    let first = stage.client().ask(ask);
    assert!(first.complete, "{why}");
    assert!(!first.is_hit(), "{why}: the first can't be a hit");
    let mut asked = 1;
    stage.everywhere(|client| {
        let again = client.ask(ask);
        asked += 1;
        assert_eq!(again.is_hit(), stored, "{why}: {}", again.cache_status());
        assert_eq!(again.status, first.status, "{why}");
        again.expect_body(&first.body);
    });
    let expected = if stored { 1 } else { asked };
    assert_eq!(
        stage.origin.count(path),
        expected,
        "{why}: requests at the origin"
    );
}

/// RFC 9111, 3 and 4.2, row by row: status; request fields; response fields; what the second
/// request gets. PAST and SOON are dates a month ago and in an hour.
const STORED: &str = "
max-age                           | 200 | | Cache-Control: max-age=60 | hit
max-age among others, any case    | 200 | | cache-control: foo=\"a,b\", Max-Age=60 | hit
s-maxage                          | 200 | | Cache-Control: s-maxage=60 | hit
s-maxage over max-age             | 200 | | Cache-Control: max-age=0, s-maxage=60 | hit
s-maxage=0 over max-age           | 200 | | Cache-Control: max-age=60, s-maxage=0 | no
Expires                           | 200 | | Expires: SOON | hit
Expires in the past               | 200 | | Expires: PAST | no
Expires that is no date           | 200 | | Expires: 0 | no
max-age over Expires              | 200 | | Cache-Control: max-age=60; Expires: PAST | hit
max-age=0 over Expires            | 200 | | Cache-Control: max-age=0; Expires: SOON | no
max-age that is no number         | 200 | | Cache-Control: max-age=soon | no
negative max-age                  | 200 | | Cache-Control: max-age=-1 | no
max-age above 31 bits             | 200 | | Cache-Control: max-age=99999999999999999999 | hit
heuristic from Last-Modified      | 200 | | Last-Modified: PAST | hit
no lifetime, no validator         | 200 | | X: y | no
an ETag alone is no lifetime      | 200 | | ETag: \"1\" | no
older than its lifetime already   | 200 | | Cache-Control: max-age=60; Age: 100 | no
older, but still fresh            | 200 | | Cache-Control: max-age=60; Age: 10 | hit
no-store                          | 200 | | Cache-Control: max-age=60, no-store | no
no-store in a line of its own     | 200 | | Cache-Control: max-age=60; Cache-Control: no-store | no
private                           | 200 | | Cache-Control: private, max-age=60 | no
no-cache                          | 200 | | Cache-Control: no-cache, max-age=60 | no
Vary: *                           | 200 | | Cache-Control: max-age=60; Vary: * | no
Vary: * in a list                 | 200 | | Cache-Control: max-age=60; Vary: Accept, * | no
Set-Cookie                        | 200 | | Cache-Control: max-age=60; Set-Cookie: a=b | no
Set-Cookie, public                | 200 | | Cache-Control: public, max-age=60; Set-Cookie: a=b | hit
request no-store                  | 200 | Cache-Control: no-store | Cache-Control: max-age=60 | no
Authorization                     | 200 | Authorization: x | Cache-Control: max-age=60 | no
Authorization, public             | 200 | Authorization: x | Cache-Control: public, max-age=60 | hit
Authorization, s-maxage           | 200 | Authorization: x | Cache-Control: s-maxage=60 | hit
Authorization, must-revalidate    | 200 | Authorization: x | Cache-Control: must-revalidate, max-age=60 | hit
a Cookie in the request           | 200 | Cookie: a=b | Cache-Control: max-age=60 | hit
404 with a lifetime               | 404 | | Cache-Control: max-age=60 | hit
302 with a lifetime               | 302 | | Cache-Control: max-age=60; Location: /b | hit
302 is not heuristically cacheable| 302 | | Last-Modified: PAST; Location: /b | no
301 is                            | 301 | | Last-Modified: PAST; Location: /b | hit
410 is                            | 410 | | Last-Modified: PAST | hit
500 is not                        | 500 | | Last-Modified: PAST | no
403 is not                        | 403 | | Last-Modified: PAST | no
206 is never stored here          | 206 | | Cache-Control: max-age=60; Content-Range: bytes 0-2/10 | no
";

/// `Name: value; Name: value` as pairs.
fn fields(text: &str) -> Vec<(&str, &str)> {
    let lines = text.split(';').filter(|line| !line.trim().is_empty());
    let pairs = lines.map(|line| line.split_once(':').expect("a field"));
    pairs
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect()
}

#[test]
fn responses_are_stored_as_rfc_9111_section_3_says() {
    let table = STORED
        .replace("PAST", &http_date(-30 * 86_400))
        .replace("SOON", &http_date(3600));
    check_on(&[1, 2, 4], |stage| {
        for (number, row) in table.lines().skip(1).enumerate() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [why, status, asked, said, second] = cells[..] else {
                panic!("five cells: {row}");
            };
            let path = format!("/row/{number}");
            let answer = Answer::status(status.parse().expect("a status"));
            let answer = fields(said)
                .iter()
                .fold(answer, |answer, (n, v)| answer.field(n, v));
            stage.origin.on(&path, answer);
            let ask = fields(asked)
                .iter()
                .fold(Ask::get(&path), |ask, (n, v)| ask.field(n, v));
            second_is_hit(stage, why, &ask, &path, second == "hit");
        }
    });
}

#[test]
fn the_route_decides_where_the_origin_does_not() {
    let modified = http_date(-30 * 86_400);
    let with_date = Answer::ok("hello").field("Last-Modified", &modified);
    let silent = Answer::ok("hello");
    let fresh = Answer::ok("hello").fresh();
    let cookie = Answer::ok("hello")
        .field("Cache-Control", "public, max-age=60")
        .field("Set-Cookie", "a=b");
    let past = Answer::ok("hello").field("Cache-Control", "max-age=0");
    for (line, answer, stored) in [
        ("cache.enabled = false", &fresh, false),
        ("cache.enabled = true", &fresh, true),
        ("cache.default = \"60s\"", &silent, true),
        ("cache.default = \"60s\"", &past, false),
        ("cache.heuristic = false", &with_date, false),
        ("cache.heuristic = true", &with_date, true),
        (
            "cache.refresh = { min = \"1m\", percent = 20, max = \"60h\" }",
            &silent,
            true,
        ),
        (
            "cache.refresh = { min = \"0s\", percent = 0, max = \"60h\" }",
            &with_date,
            false,
        ),
        (
            "cache.refresh = { min = \"0s\", percent = 20, max = \"60h\" }",
            &with_date,
            true,
        ),
        ("cache.set_cookie = \"never\"", &cookie, false),
    ] {
        check_with(&[1, 2], &Setup::new().route(line), |stage| {
            stage.origin.on("/a", answer.clone());
            second_is_hit(stage, line, &Ask::get("/a"), "/a", stored);
        });
    }
}

#[test]
fn a_stored_response_goes_stale() {
    check_on(&[1, 2, 4], |stage| {
        // One second is left of its lifetime when it gets here.
        let answer = Answer::ok("hello")
            .field("Cache-Control", "max-age=60")
            .field("Age", "59");
        stage.origin.on("/a", answer);
        stage.get("/a").expect(200);
        ringside_tests::wait_until("the response to go stale", || {
            let reply = stage.get("/a");
            reply.expect(200).expect_body("hello");
            !reply.is_hit()
        });
    });
}

#[test]
fn age_is_computed_and_sent() {
    // RFC 9111, 4.2.3 and 5.1
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .field("Cache-Control", "max-age=600")
                .field("Age", "100"),
        );
        let old = Answer::ok("hello")
            .without_date()
            .field("Date", http_date(-50));
        stage
            .origin
            .on("/b", old.field("Cache-Control", "max-age=600"));
        stage.get("/a").expect(200);
        let hit = stage.get("/a");
        assert!((100..130).contains(&hit.expect_hit().age()), "{hit:#?}");
        stage.get("/b").expect(200);
        let hit = stage.get("/b");
        assert!(
            (49..80).contains(&hit.expect_hit().age()),
            "by its Date: {hit:#?}"
        );
        assert_eq!(
            hit.fields
                .iter()
                .filter(|(name, _)| name.eq_ignore_ascii_case("age"))
                .count(),
            1
        );
    });
}

#[test]
fn age_is_not_invented_for_what_the_origin_just_said() {
    // RFC 9111, 5.1: Age says that the response was not generated for this request.
    check_on(&[1, 2], |stage| {
        let old = http_date(-50);
        let answer = || Answer::ok("hello").without_date().field("Date", &old);
        stage
            .origin
            .on("/store", answer().field("Cache-Control", "max-age=600"));
        stage.origin.on("/pass", answer().no_store());
        stage
            .origin
            .on("/aged", answer().no_store().field("Age", "100"));
        stage.get("/store").expect(200).expect_no_field("Age");
        stage.get("/pass").expect(200).expect_no_field("Age");
        stage
            .client()
            .ask(&Ask::post("/pass", "x"))
            .expect(200)
            .expect_no_field("Age");
        // What a cache before us said passes.
        let reply = stage.client().ask(&Ask::post("/aged", "x"));
        assert!(reply.expect(200).age() >= 100);
    });
}

#[test]
fn a_hit_is_what_the_origin_said() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("hello")
                .fresh()
                .field("Content-Type", "text/plain")
                .field("ETag", "\"1\"")
                .field("X-Two", "first")
                .field("X-Two", "second"),
        );
        let miss = stage.get("/a");
        miss.expect(200);
        stage.everywhere(|client| {
            let hit = client.get("/a");
            hit.expect(200)
                .expect_hit()
                .expect_body("hello")
                .expect_framing(Framing::Length);
            for name in [
                "Content-Type",
                "ETag",
                "X-Two",
                "Date",
                "Cache-Control",
                "Via",
            ] {
                assert_eq!(hit.field(name), miss.field(name), "{name}");
            }
            assert!(hit.field("Age").is_some());
        });
    });
}

#[test]
fn a_response_without_date_gets_one() {
    // RFC 9110, 6.6.1
    check_on(&[1], |stage| {
        stage
            .origin
            .on("/a", Answer::ok("hello").without_date().fresh());
        let miss = stage.get("/a");
        let date = miss.field("Date").expect("a Date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        stage.get("/a").expect_hit().expect_field("Date", &date);
    });
}

#[test]
fn request_directives_are_honoured() {
    // RFC 9111, 5.2.1 and 5.4
    check_on(&[1, 2], |stage| {
        let answer = Answer::ok("hello")
            .field("Cache-Control", "max-age=600")
            .field("Age", "100");
        for (number, (name, value, hit)) in [
            ("Cache-Control", "no-cache", false),
            ("Cache-Control", "max-age=0", false),
            ("Cache-Control", "max-age=50", false),
            ("Cache-Control", "max-age=200", true),
            ("Cache-Control", "min-fresh=550", false),
            ("Cache-Control", "min-fresh=100", true),
            ("Cache-Control", "max-stale", true),
            ("Cache-Control", "only-if-cached", true),
            ("Pragma", "no-cache", false),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.on(&path, answer.clone());
            stage.get(&path).expect(200);
            let reply = stage.client().ask(&Ask::get(&path).field(name, value));
            reply.expect(200).expect_body("hello");
            assert_eq!(reply.is_hit(), hit, "{name}: {value}");
        }
        // Pragma counts only where there is no Cache-Control (RFC 9111, 5.4).
        stage.origin.on("/pragma", answer);
        stage.get("/pragma").expect(200);
        let ask = Ask::get("/pragma")
            .field("Cache-Control", "max-age=1000")
            .field("Pragma", "no-cache");
        stage.client().ask(&ask).expect_hit();
    });
}

#[test]
fn max_stale_takes_a_stale_response_unless_forbidden() {
    check_on(&[1], |stage| {
        for (path, control, hit) in [
            ("/may", "max-age=60", true),
            ("/must", "max-age=60, must-revalidate", false),
            ("/proxy", "max-age=60, proxy-revalidate", false),
            ("/shared", "s-maxage=60", false),
        ] {
            let answer = Answer::ok("hello")
                .field("ETag", "\"1\"")
                .field("Age", "100");
            stage
                .origin
                .on(path, answer.field("Cache-Control", control));
            stage.get(path).expect(200);
            let ask = Ask::get(path).field("Cache-Control", "max-stale=1000");
            let reply = stage.client().ask(&ask);
            reply.expect(200).expect_body("hello");
            assert_eq!(stage.origin.count(path) == 1, hit, "{path}: {control}");
            let ask = Ask::get(path).field("Cache-Control", "max-stale=10");
            stage.client().ask(&ask).expect(200).expect_forwarded();
        }
    });
}

#[test]
fn only_if_cached_never_asks_the_origin() {
    // RFC 9111, 5.2.1.7
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let ask = Ask::get("/a").field("Cache-Control", "only-if-cached");
        stage.client().ask(&ask).expect(504);
        assert_eq!(stage.origin.total(), 0);
        stage.get("/a").expect(200);
        stage.everywhere(|client| {
            client.ask(&ask).expect(200).expect_hit();
        });
        assert_eq!(stage.origin.total(), 1);
    });
}

#[test]
fn cache_status_tells_what_happened() {
    // RFC 9211, 2
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        let aged = Answer::ok("hello")
            .fresh()
            .field("Age", "100")
            .field("ETag", "\"1\"");
        stage.origin.on("/stale", aged);
        let by_language = Answer::ok("hello").fresh().field("Vary", "Accept-Language");
        stage.origin.on("/vary", by_language);
        let mut client = stage.client();
        for (ask, told) in [
            (Ask::get("/a"), "fwd=uri-miss"),
            (Ask::get("/a"), "hit"),
            (Ask::head("/a"), "hit"),
            (
                Ask::get("/a").field("Cache-Control", "no-cache"),
                "fwd=request",
            ),
            (Ask::post("/a", "x"), "fwd=method"),
            (Ask::get("/a"), "fwd=uri-miss"),
            (Ask::get("/stale"), "fwd=uri-miss"),
            (Ask::get("/stale"), "fwd=stale"),
            (Ask::get("/vary"), "fwd=uri-miss"),
            (
                Ask::get("/vary").field("Accept-Language", "de"),
                "fwd=vary-miss",
            ),
        ] {
            let reply = client.ask(&ask);
            let status = reply.expect(200).cache_status();
            let mut parameters = status.split(';').map(str::trim);
            assert!(parameters.any(|one| one == told), "{ask:?}: {status}");
            assert_eq!(
                status.contains("fwd="),
                told.starts_with("fwd="),
                "{ask:?}: {status}"
            );
        }
    });
    check_with(
        &[1],
        &Setup::new().route("cache.enabled = false"),
        |stage| {
            stage.origin.on("/a", Answer::ok("hello").fresh());
            let status = stage.get("/a").expect(200).cache_status();
            assert!(status.contains("fwd=bypass"), "{status}");
        },
    );
}

#[test]
fn vary_keeps_one_response_per_variant() {
    // RFC 9111, 4.1
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/a", |received, _| {
            let language = received.field("Accept-Language").unwrap_or("none".into());
            Answer::ok(language)
                .fresh()
                .field("Vary", "Accept-Language")
        });
        let ask = |language: &str| Ask::get("/a").field("Accept-Language", language);
        for language in ["en", "de", "fr"] {
            stage
                .client()
                .ask(&ask(language))
                .expect(200)
                .expect_body(language)
                .expect_forwarded();
        }
        stage.get("/a").expect_body("none").expect_forwarded();
        stage.everywhere(|client| {
            for language in ["en", "de", "fr"] {
                client
                    .ask(&ask(language))
                    .expect_hit()
                    .expect_body(language);
            }
            client.get("/a").expect_hit().expect_body("none");
        });
        assert_eq!(stage.origin.count("/a"), 4);
    });
}

#[test]
fn vary_may_name_several_fields_in_several_lines() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let field = |name: &str| received.field(name).unwrap_or_default();
            let body = format!("{}|{}|{number}", field("X-One"), field("X-Two"));
            Answer::ok(body)
                .fresh()
                .field("Vary", "x-one")
                .field("Vary", "Accept, X-TWO")
        });
        let ask = |one: &str, two: &str| Ask::get("/a").field("X-One", one).field("X-Two", two);
        stage.client().ask(&ask("a", "b")).expect_body("a|b|1");
        stage.client().ask(&ask("a", "c")).expect_body("a|c|2");
        stage.client().ask(&ask("ab", "")).expect_body("ab||3");
        stage
            .client()
            .ask(&ask("a", "b"))
            .expect_hit()
            .expect_body("a|b|1");
        stage
            .client()
            .ask(&ask("a", "c"))
            .expect_hit()
            .expect_body("a|c|2");
        stage
            .client()
            .ask(&ask("ab", ""))
            .expect_hit()
            .expect_body("ab||3");
    });
}

#[test]
fn head_is_answered_from_a_stored_get() {
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on("/a", Answer::ok("hello").fresh().field("ETag", "\"1\""));
        stage.get("/a").expect(200);
        stage.everywhere(|client| {
            let reply = client.ask(&Ask::head("/a"));
            reply.expect(200).expect_hit();
            reply
                .expect_field("Content-Length", "5")
                .expect_field("ETag", "\"1\"");
            client.get("/a").expect_hit().expect_body("hello");
        });
        assert_eq!(stage.origin.count("/a"), 1);
    });
}

#[test]
fn head_stores_nothing_a_get_could_get() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage
            .client()
            .ask(&Ask::head("/a"))
            .expect(200)
            .expect_field("Content-Length", "5");
        stage.get("/a").expect(200).expect_body("hello");
        stage.get("/a").expect_hit().expect_body("hello");
    });
}

#[test]
fn unsafe_methods_pass_and_invalidate() {
    // RFC 9111, 4 and 4.4
    check_on(&[1, 2, 4], |stage| {
        stage
            .origin
            .on_each("/a", |received, _| match received.method.as_str() {
                "GET" => Answer::ok("page").fresh(),
                _ => Answer::ok("changed").fresh(),
            });
        let mut fetched = 0;
        for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
            stage
                .get("/a")
                .expect(200)
                .expect_body("page")
                .expect_forwarded();
            stage.get("/a").expect_hit();
            fetched += 2;
            let ask = Ask::new(method, "/a").content("x");
            stage
                .client()
                .ask(&ask)
                .expect(200)
                .expect_body("changed")
                .expect_forwarded();
            assert_eq!(stage.origin.count("/a"), fetched, "{method}");
        }
    });
}

#[test]
fn after_an_unsafe_request_is_answered_nobody_gets_the_old_response() {
    // RFC 9111, 4.4: the cache must invalidate when it receives the answer, so before it passes on.
    check_on(&[1, 2, 4], |stage| {
        let version = Arc::new(AtomicUsize::new(0));
        let now = version.clone();
        stage
            .origin
            .on_each("/a", move |received, _| match received.method.as_str() {
                "GET" => Answer::ok(now.load(Ordering::SeqCst).to_string()).fresh(),
                _ => Answer::ok(now.fetch_add(1, Ordering::SeqCst).to_string()),
            });
        let mut clients = stage.clients();
        for round in 0..60 {
            let writer = round % clients.len();
            clients[writer].ask(&Ask::post("/a", "x")).expect(200);
            let expected = version.load(Ordering::SeqCst).to_string();
            for client in clients.iter_mut().rev() {
                client.get("/a").expect(200).expect_body(&expected);
            }
        }
    });
}

#[test]
fn a_failed_unsafe_request_invalidates_nothing() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/a", |received, _| match received.method.as_str() {
                "GET" => Answer::ok("page").fresh(),
                _ => Answer::status(500),
            });
        stage.get("/a").expect(200);
        stage.client().ask(&Ask::post("/a", "x")).expect(500);
        stage.everywhere(|client| {
            client.get("/a").expect_hit();
        });
    });
}

#[test]
fn a_get_with_content_is_not_cached() {
    check_on(&[1], |stage| {
        stage
            .origin
            .on_each("/a", |_, number| Answer::ok(number.to_string()).fresh());
        let ask = Ask::get("/a").content("query");
        stage.client().ask(&ask).expect(200).expect_body("1");
        stage.client().ask(&ask).expect(200).expect_body("2");
        stage.get("/a").expect_body("3").expect_forwarded();
    });
}

#[test]
fn the_key_is_host_path_and_query() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
        let ask = |host: &str, target: &str| Ask::get(target).host(host);
        let first = stage
            .client()
            .ask(&ask("one.test", "/a?x=1"))
            .expect(200)
            .text();
        for (host, target, same) in [
            ("one.test", "/a?x=1", true),
            ("ONE.test", "/a?x=1", true),
            ("one.test:80", "/a?x=1", true),
            ("one.test", "/%61?x=1", true),
            ("one.test", "/b/../a?x=1", true),
            ("one.test", "http://one.test/a?x=1", true),
            ("two.test", "/a?x=1", false),
            ("one.test:8080", "/a?x=1", false),
            ("one.test", "/a?x=2", false),
            ("one.test", "/a", false),
            ("one.test", "/A?x=1", false),
            ("one.test", "/a/?x=1", false),
            ("one.test", "/a?x=1&", false),
        ] {
            let reply = stage.client().ask(&ask(host, target));
            assert_eq!(reply.expect(200).text() == first, same, "{host} {target}");
            assert_eq!(reply.is_hit(), same, "{host} {target}");
        }
    });
}

#[test]
fn the_query_makes_the_key_as_configured() {
    for (line, rows) in [
        (
            "cache.key = { ignore = [\"utm_*\", \"session\"] }",
            &[
                ("/a?x=1&utm_source=b", true),
                ("/a?session=9&x=1", true),
                ("/a?x=2", false),
            ][..],
        ),
        (
            "cache.key = { keep = [\"x\"] }",
            &[
                ("/a?x=1&y=2", true),
                ("/a?z=3&x=1", true),
                ("/a?x=3", false),
                ("/a?y=1", false),
            ],
        ),
    ] {
        check_with(&[1], &Setup::new().route(line), |stage| {
            stage
                .origin
                .on_each("/*", |_, number| Answer::ok(number.to_string()).fresh());
            stage.get("/a?x=1").expect(200);
            for (target, same) in rows {
                assert_eq!(stage.get(target).is_hit(), *same, "{line}: {target}");
            }
        });
    }
    check_with(
        &[1],
        &Setup::new().route("cache.key = { sort = true }"),
        |stage| {
            stage.origin.on("/*", Answer::ok("hello").fresh());
            stage.get("/a?b=1&a=2").expect(200);
            stage.get("/a?a=2&b=1").expect_hit();
            stage.get("/a?a=1&b=2").expect_forwarded();
            // What the origin sees is still what the client sent.
            assert_eq!(stage.origin.requests("/a")[0].target, "/a?b=1&a=2");
        },
    );
}

#[test]
fn a_range_of_a_stored_response_is_right_or_the_whole() {
    // RFC 9110, 14: a server may ignore Range, never answer another one.
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("0123456789").fresh().field("ETag", "\"1\""),
        );
        stage.get("/a").expect(200);
        for (range, part) in [
            ("bytes=2-4", "234"),
            ("bytes=7-", "789"),
            ("bytes=-2", "89"),
        ] {
            let reply = stage.client().ask(&Ask::get("/a").field("Range", range));
            if reply.status == 206 {
                reply.expect(206).expect_body(part);
                let start = "0123456789".find(part).expect("a part");
                let content_range = format!("bytes {start}-{}/10", start + part.len() - 1);
                reply.expect_field("Content-Range", &content_range);
            } else {
                reply.expect(200).expect_body("0123456789");
            }
        }
        // A range never replaces the whole.
        stage.get("/a").expect_hit().expect_body("0123456789");
    });
}

#[test]
fn a_range_of_what_is_not_stored_does_no_harm() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/a", |received, _| match received.field("Range") {
                // Its content is "206": three bytes, as the range says.
                Some(_) => Answer::status(206)
                    .fresh()
                    .field("Content-Range", "bytes 0-2/10"),
                None => Answer::ok("0123456789").fresh(),
            });
        let reply = stage
            .client()
            .ask(&Ask::get("/a").field("Range", "bytes=0-2"));
        assert!(matches!(reply.status, 200 | 206), "{}", reply.status);
        stage.get("/a").expect(200).expect_body("0123456789");
    });
}

#[test]
fn what_is_asked_of_the_origin_is_what_the_key_names() {
    // RFC 3986, 6.2.2: both spellings are one resource and have one key, so the origin is asked
    // for that one. Were it asked for the other, its answer could be stored for this one.
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/*", |received, _| {
            Answer::ok(received.target.clone()).fresh()
        });
        for sent in ["/x/../b", "/%62", "/./b", "/x/%2e%2e/b"] {
            stage.get(sent).expect(200).expect_body("/b");
        }
        stage.get("/b").expect_hit().expect_body("/b");
        assert_eq!(stage.origin.total(), 1);
        stage.get("/a%2fb?q=%62").expect_body("/a%2Fb?q=%62");
    });
}
