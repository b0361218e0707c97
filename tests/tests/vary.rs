//! Which stored variant answers which request (RFC 9111, 4.1; RFC 9110, 12.5).

use ringside_tests::{check_on, check_with, Answer, Ask, Received, Setup, Stage};

/// What the origin got in the fields named by `vary`, and the number of the request.
fn told(received: &Received, number: usize, vary: &[&str]) -> Answer {
    let mut text = String::new();
    for line in vary {
        for name in line.split(',').map(str::trim) {
            text += &format!("{}|", received.field(name).unwrap_or("-".into()));
        }
    }
    let answer = Answer::ok(format!("{text}{number}")).fresh();
    vary.iter()
        .fold(answer, |answer, line| answer.field("Vary", line))
}

/// A request with these lines, `Name: value` each.
fn ask(path: &str, lines: &[&str]) -> Ask {
    lines.iter().fold(Ask::get(path), |ask, line| {
        let (name, value) = line.split_once(':').expect("a field");
        ask.field(name, value.trim())
    })
}

/// Stores the answer to `first`, then asks on every shard: does `second` get the same?
#[track_caller]
fn same(stage: &Stage, path: &str, vary: &'static [&str], first: &Ask, second: &Ask) -> bool {
    stage
        .origin
        .on_each(path, move |received, number| told(received, number, vary));
    let stored = stage.client().ask(first).expect(200).text();
    let mut all = Vec::new();
    stage.everywhere(|client| {
        let reply = client.ask(second);
        let same = reply.expect(200).text() == stored;
        if same {
            reply.expect_hit();
        }
        all.push(same);
        // The first is still there.
        client.ask(first).expect_hit().expect_body(&stored);
    });
    assert!(all.iter().all(|same| *same == all[0]), "{path}: {all:?}");
    all[0]
}

/// Field lines.
type Lines = &'static [&'static str];

/// What Vary says; the fields of two requests; whether the second selects what the first stored.
const ROWS: &[(Lines, Lines, Lines, bool)] = &[
    // RFC 9111, 4.1: lines are combined, whitespace where the syntax allows it says nothing.
    (&["X-One"], &["X-One: a, b"], &["X-One: a,b"], true),
    (&["X-One"], &["X-One: a ,  b"], &["X-One: a,b"], true),
    (&["X-One"], &["X-One: a", "X-One: b"], &["X-One: a,b"], true),
    (
        &["X-One"],
        &["X-One: a", "X-One: b"],
        &["X-One: b", "X-One: a"],
        false,
    ),
    (&["X-One"], &["X-One: \"a, b\""], &["X-One: \"a,b\""], false),
    (&["X-One"], &["X-One: a b"], &["X-One: ab"], false),
    (&["X-One"], &["X-One: A"], &["X-One: a"], false),
    (&["X-One"], &["X-One: a"], &["x-one: a"], true),
    (&["X-One"], &["X-One:"], &[], false),
    (&["X-One"], &[], &[], true),
    (&["X-One"], &[], &["X-Two: a"], true),
    // Names in Vary, in any case, order and number of lines.
    (
        &["x-one, X-TWO"],
        &["X-One: a", "X-Two: b"],
        &["X-Two: b", "X-One: a"],
        true,
    ),
    (
        &["X-One", "X-Two"],
        &["X-One: a", "X-Two: b"],
        &["X-One: b", "X-Two: a"],
        false,
    ),
    (
        &["X-One , ,X-One"],
        &["X-One: a", "X-Two: b"],
        &["X-One: a", "X-Two: c"],
        true,
    ),
    // RFC 9110, 12.5.3: which codings are acceptable.
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: br,gzip"],
        true,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip"],
        &["Accept-Encoding: GZIP"],
        true,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip;q=0.5, br;q=1.0"],
        true,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip , br , deflate;q=0"],
        true,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip", "Accept-Encoding: br"],
        true,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip, br;q=0"],
        false,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip, br;q=0.000"],
        false,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip, br"],
        &["Accept-Encoding: gzip"],
        false,
    ),
    (
        &["Accept-Encoding"],
        &["Accept-Encoding: gzip"],
        &["Accept-Encoding: gzip, br"],
        false,
    ),
    (&["Accept-Encoding"], &["Accept-Encoding: gzip"], &[], false),
    // RFC 9110, 12.5.4: what is preferred over what.
    (
        &["Accept-Language"],
        &["Accept-Language: de, en;q=0.5"],
        &["Accept-Language: DE,EN;q=0.5"],
        true,
    ),
    (
        &["Accept-Language"],
        &["Accept-Language: de, en;q=0.5"],
        &["Accept-Language: en;q=0.5, de"],
        true,
    ),
    (
        &["Accept-Language"],
        &["Accept-Language: de, en"],
        &["Accept-Language: en, de"],
        true,
    ),
    (
        &["Accept-Language"],
        &["Accept-Language: de, en;q=0.5"],
        &["Accept-Language: en, de;q=0.5"],
        false,
    ),
    (
        &["Accept-Language"],
        &["Accept-Language: de"],
        &["Accept-Language: en"],
        false,
    ),
    (&["Accept-Language"], &["Accept-Language: de"], &[], false),
];

#[test]
fn requests_that_mean_the_same_share_a_variant() {
    check_on(&[1, 2, 4], |stage| {
        for (number, (vary, first, second, expected)) in ROWS.iter().enumerate() {
            let path = format!("/{number}");
            let (one, two) = (ask(&path, first), ask(&path, second));
            let found = same(stage, &path, vary, &one, &two);
            assert_eq!(found, *expected, "{vary:?}: {first:?} and {second:?}");
        }
    });
}

#[test]
fn languages_compare_exactly_where_the_route_says_so() {
    let setup = Setup::new().route("cache.accept_language = \"exact\"");
    check_with(&[1, 2], &setup, |stage| {
        for (number, (first, second, expected)) in [
            ("de, en;q=0.5", "de, en;q=0.5", true),
            ("de, en;q=0.5", "en;q=0.5, de", false),
            ("de, en", "en, de", false),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            let line = |value: &str| Ask::get(&path).field("Accept-Language", value);
            let found = same(
                stage,
                &path,
                &["Accept-Language"],
                &line(first),
                &line(second),
            );
            assert_eq!(found, expected, "{first} and {second}");
        }
    });
}

#[test]
fn a_response_in_the_language_preferred_answers_all_who_prefer_it() {
    // RFC 9111, 4.1: the cache may know what the origin would select.
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let asked = received.field("Accept-Language").unwrap_or_default();
            let language = if asked.contains("de") { "de" } else { "fr" };
            Answer::ok(format!("{language} {number}"))
                .fresh()
                .field("Content-Language", language)
                .field("Vary", "Accept-Language")
        });
        let ask = |languages: &str| Ask::get("/a").field("Accept-Language", languages);
        stage
            .client()
            .ask(&ask("de, en;q=0.5"))
            .expect(200)
            .expect_body("de 1");
        stage.everywhere(|client| {
            for languages in [
                "de, en;q=0.5",
                "de",
                "DE;q=0.8",
                "de, it;q=0.1",
                "it;q=0.1, de;q=0.3",
                "de, it",
            ] {
                let reply = client.ask(&ask(languages));
                assert!(reply.expect(200).is_hit(), "{languages}");
                reply.expect_body("de 1");
            }
        });
        // It may answer them, and it is not what they like best: the origin decides.
        for languages in ["it, de;q=0.9", "fr", "de;q=0.5, it"] {
            let reply = stage.client().ask(&ask(languages));
            assert!(!reply.expect(200).is_hit(), "{languages}");
        }
        stage.client().ask(&ask("de")).expect_hit();
    });
}

#[test]
fn a_language_that_was_not_preferred_is_for_those_who_ask_alike() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |_, number| {
            Answer::ok(number.to_string())
                .fresh()
                .field("Content-Language", "en")
                .field("Vary", "Accept-Language")
        });
        let ask = |languages: &str| Ask::get("/a").field("Accept-Language", languages);
        // English is all there is; who asks for Danish has no use for Danish requests' answers.
        stage.client().ask(&ask("da")).expect(200).expect_body("1");
        stage.client().ask(&ask("da")).expect_hit().expect_body("1");
        let danish_first = stage.client().ask(&ask("en, da;q=0.5"));
        danish_first.expect(200).expect_forwarded();
        stage.client().ask(&ask("da")).expect_hit();
    });
}

#[test]
fn the_origin_picks_among_all_tags_held() {
    // RFC 9111, 4.3.1 and 4.3.4: a request that no variant is stored for asks with the tags of
    // all; the 304 says which one answers it.
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            let kind = received.field("X-Kind").unwrap_or_default();
            let tags = received.field("If-None-Match").unwrap_or_default();
            let answer = match kind.as_str() {
                "c" if tags.contains("\"b\"") => Answer::status(304).field("ETag", "\"b\""),
                "c" => Answer::ok("for c").field("ETag", "\"c\""),
                kind => Answer::ok(format!("for {kind}")).field("ETag", format!("\"{kind}\"")),
            };
            answer.fresh().field("Vary", "X-Kind")
        });
        let ask = |kind: &str| Ask::get("/a").field("X-Kind", kind);
        for kind in ["a", "b"] {
            stage.client().ask(&ask(kind)).expect(200);
        }
        let reply = stage.client().ask(&ask("c"));
        reply
            .expect(200)
            .expect_body("for b")
            .expect_field("ETag", "\"b\"");
        let asked = stage.origin.last("/a");
        let tags = asked.field("If-None-Match").unwrap_or_default();
        let mut tags: Vec<&str> = tags.split(',').map(str::trim).collect();
        tags.sort_unstable();
        assert_eq!(tags, ["\"a\"", "\"b\""], "each once");
        asked.expect_no_field("If-Modified-Since");
        // Nothing else changed hands.
        for (kind, body) in [("a", "for a"), ("b", "for b"), ("c", "for b")] {
            stage.everywhere(|client| {
                client.ask(&ask(kind)).expect(200).expect_body(body);
            });
        }
        for kind in ["a", "b"] {
            stage.client().ask(&ask(kind)).expect_hit();
        }
    });
}

#[test]
fn a_client_s_own_condition_survives_the_cache_s() {
    // The cache's question holds tags that the client does not have: a 304 to it is not one to
    // the client.
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, _| {
            let kind = received.field("X-Kind").unwrap_or_default();
            let answer = match received.field("If-None-Match") {
                Some(tags) if tags.contains("\"1\"") => Answer::status(304),
                _ => Answer::ok(format!("for {kind}")),
            };
            answer
                .fresh()
                .field("ETag", "\"1\"")
                .field("Vary", "X-Kind")
        });
        let ask = |kind: &str| Ask::get("/a").field("X-Kind", kind);
        stage.client().ask(&ask("a")).expect(200);
        let own = ask("b").field("If-None-Match", "\"0\"");
        stage.client().ask(&own).expect(200).expect_body("for a");
        let own = ask("c").field("If-None-Match", "\"1\"");
        stage.client().ask(&own).expect(304);
    });
}

#[test]
fn a_304_for_one_variant_leaves_the_others_alone() {
    // RFC 9111, 4.3.4
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let kind = received.field("X-Kind").unwrap_or_default();
            let tag = format!("\"{kind}\"");
            let matches = received
                .field("If-None-Match")
                .is_some_and(|tags| tags.contains(&tag));
            let answer = match matches {
                true => Answer::status(304).fresh(),
                false => Answer::ok(format!("for {kind}"))
                    .fresh()
                    .field("Age", "100"),
            };
            answer
                .field("ETag", tag)
                .field("Vary", "X-Kind")
                .field("X-Number", number.to_string())
        });
        let ask = |kind: &str| Ask::get("/a").field("X-Kind", kind);
        stage.client().ask(&ask("a")).expect(200);
        stage.client().ask(&ask("b")).expect(200);
        // Only "a" is validated: "b" is as stale as it was.
        let reply = stage.client().ask(&ask("a"));
        reply.expect(200).expect_body("for a");
        stage
            .client()
            .ask(&ask("a"))
            .expect_hit()
            .expect_body("for a")
            .expect_field("X-Number", "3");
        let reply = stage.client().ask(&ask("b"));
        reply.expect(200).expect_forwarded().expect_body("for b");
        stage.client().ask(&ask("b")).expect_hit();
        assert_eq!(stage.origin.count("/a"), 4);
    });
}

#[test]
fn a_vary_that_changes_loses_nothing() {
    check_on(&[1, 2, 4], |stage| {
        stage.origin.on_each("/a", |received, number| {
            let vary = match received.field("X-One").as_deref() {
                Some("a") => "X-One",
                Some("b") => "X-One, X-Two",
                _ => "X-Two",
            };
            Answer::ok(number.to_string()).fresh().field("Vary", vary)
        });
        let asks = [
            ask("/a", &["X-One: a", "X-Two: p"]),
            ask("/a", &["X-One: b", "X-Two: p"]),
            ask("/a", &["X-One: b", "X-Two: q"]),
            ask("/a", &["X-Two: r"]),
        ];
        for (number, ask) in asks.iter().enumerate() {
            let reply = stage.client().ask(ask);
            reply.expect(200).expect_body((number + 1).to_string());
        }
        stage.everywhere(|client| {
            for (number, ask) in asks.iter().enumerate() {
                let reply = client.ask(ask);
                assert!(reply.expect(200).is_hit(), "{ask:?}");
                reply.expect_body((number + 1).to_string());
            }
            // The first depends on X-One only.
            let other = ask("/a", &["X-One: a", "X-Two: z"]);
            client.ask(&other).expect_hit().expect_body("1");
        });
        assert_eq!(stage.origin.count("/a"), 4);
    });
}

#[test]
fn of_two_that_fit_the_younger_is_served() {
    // RFC 9111, 4.1: "the most recent".
    check_on(&[1, 2], |stage| {
        let say = |body: &str, vary: &str| Answer::ok(body).fresh().field("Vary", vary);
        stage.origin.on("/a", say("older", "X-One"));
        let both = ask("/a", &["X-One: a", "X-Two: b"]);
        stage.client().ask(&both).expect(200);
        stage.origin.on(
            "/a",
            say("younger", "X-Two")
                .without_date()
                .field("Date", ringside_tests::http_date(1)),
        );
        let insisting = both.clone().field("Cache-Control", "no-cache");
        stage
            .client()
            .ask(&insisting)
            .expect(200)
            .expect_body("younger");
        stage.everywhere(|client| {
            client
                .ask(&both)
                .expect(200)
                .expect_hit()
                .expect_body("younger");
        });
    });
}

#[test]
fn a_response_without_vary_answers_all_and_replaces_its_likes_only() {
    check_on(&[1, 2], |stage| {
        let vary = |received: &Received, number| told(received, number, &["X-One"]);
        stage.origin.on_each("/a", vary);
        let asks = [ask("/a", &["X-One: a"]), ask("/a", &["X-One: b"])];
        for ask in &asks {
            stage.client().ask(ask).expect(200);
        }
        stage.origin.on("/a", Answer::ok("for all").fresh());
        let third = ask("/a", &["X-One: c"]);
        stage
            .client()
            .ask(&third)
            .expect(200)
            .expect_body("for all");
        stage.everywhere(|client| {
            client.ask(&third).expect_hit().expect_body("for all");
            client.get("/a").expect_hit().expect_body("for all");
        });
    });
}

#[test]
fn variants_are_bounded_and_the_least_used_go_first() {
    const BOUND: usize = 4;
    let setup = Setup::new().route(&format!("cache.variants = {BOUND}"));
    check_with(&[1, 2], &setup, |stage| {
        stage
            .origin
            .on_each("/a", |received, number| told(received, number, &["X-One"]));
        let variant = |number: usize| ask("/a", &[&format!("X-One: {number}")]);
        let used = stage.client().ask(&variant(0)).expect(200).text();
        for number in 1..24 {
            stage.client().ask(&variant(number)).expect(200);
            for _ in 0..3 {
                let reply = stage.client().ask(&variant(0));
                assert!(reply.expect(200).is_hit(), "after {number}");
                reply.expect_body(&used);
            }
        }
        // What is kept: asked with only-if-cached, so that the question changes nothing.
        let kept = (0..24).filter(|number| {
            let ask = variant(*number).field("Cache-Control", "only-if-cached");
            stage.client().ask(&ask).status == 200
        });
        let kept: Vec<usize> = kept.collect();
        assert!(
            (2..=BOUND).contains(&kept.len()) && kept.contains(&0),
            "{kept:?}"
        );
    });
}

#[test]
fn sixty_four_variants_are_kept_by_default() {
    check_on(&[1, 2], |stage| {
        stage
            .origin
            .on_each("/a", |received, number| told(received, number, &["X-One"]));
        let variant = |number: usize| ask("/a", &[&format!("X-One: {number}")]);
        for number in 0..64 {
            stage.client().ask(&variant(number)).expect(200);
        }
        for number in 0..64 {
            let reply = stage.client().ask(&variant(number));
            assert!(reply.expect(200).is_hit(), "{number}");
        }
        for number in 64..200 {
            stage.client().ask(&variant(number)).expect(200);
        }
        assert!(stage.ringside.metric("ringside_objects", &[]) <= 64.0);
    });
}
