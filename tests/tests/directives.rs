//! Who is obeyed: the client's directives or not, targeted fields (RFC 9213), directives about
//! single fields (RFC 9111, 5.2.2.4 and 5.2.2.7), and cookies by route.

use ringside_tests::{
    check_on, check_with, http_date, pattern, Answer, Ask, Gate, Reply, Setup, Stage,
};

/// Stores a response for `path` and says whether a second request is answered from the cache.
#[track_caller]
fn is_stored(stage: &Stage, path: &str, answer: Answer) -> bool {
    stage.origin.on(path, answer);
    let first = stage.get(path);
    assert!(first.complete && !first.is_hit(), "{path}");
    let hit = stage.get(path).is_hit();
    stage.everywhere(|client| {
        let again = client.get(path);
        assert_eq!(again.is_hit(), hit, "{path}: {}", again.cache_status());
        again.expect_body(&first.body);
    });
    hit
}

#[test]
fn client_directives_are_ignored_where_the_site_says_so() {
    let setup = Setup::new().site("client_directives = \"ignore\"");
    check_with(&[1, 2], &setup, |stage| {
        let answer = Answer::ok("hello").field("Cache-Control", "max-age=600");
        stage.origin.on(
            "/a",
            answer.clone().field("Age", "100").field("ETag", "\"1\""),
        );
        stage.get("/a").expect(200);
        for (name, value) in [
            ("Cache-Control", "no-cache"),
            ("Cache-Control", "no-store"),
            ("Cache-Control", "max-age=0"),
            ("Cache-Control", "max-age=50"),
            ("Cache-Control", "min-fresh=550"),
            ("Cache-Control", "only-if-cached"),
            ("Pragma", "no-cache"),
        ] {
            stage.everywhere(|client| {
                let reply = client.ask(&Ask::get("/a").field(name, value));
                reply.expect(200).expect_body("hello");
                assert!(reply.is_hit(), "{name}: {value}: {}", reply.cache_status());
            });
        }
        assert_eq!(stage.origin.count("/a"), 1);
        // Conditions are no directives.
        let ask = Ask::get("/a").field("If-None-Match", "\"1\"");
        stage.client().ask(&ask).expect(304).expect_hit();
        // Nor does the client decide what is stored, or that nothing is fetched.
        for (path, value) in [("/store", "no-store"), ("/fetch", "only-if-cached")] {
            stage.origin.on(path, answer.clone());
            let ask = Ask::get(path).field("Cache-Control", value);
            stage.client().ask(&ask).expect(200).expect_body("hello");
            stage.everywhere(|client| {
                client.get(path).expect(200).expect_hit();
            });
        }
        // Nor can it have what is stale.
        let stale = Answer::ok("old").fresh().field("Age", "100");
        stage.origin.on("/stale", stale.field("ETag", "\"1\""));
        stage.get("/stale").expect(200).expect_body("old");
        stage.origin.on("/stale", Answer::ok("new").fresh());
        let ask = Ask::get("/stale").field("Cache-Control", "max-stale=1000");
        stage.client().ask(&ask).expect(200).expect_body("new");
    });
}

#[test]
fn a_client_can_not_ask_for_errors_to_be_hidden_where_it_is_ignored() {
    // RFC 5861, 4: stale-if-error is a request directive as well.
    let setup = Setup::new()
        .site("client_directives = \"ignore\"")
        .route("cache.stale_if_error = \"off\"");
    check_with(&[1], &setup, |stage| {
        let stale = Answer::ok("old").fresh().field("Age", "100");
        stage.origin.on("/a", stale.field("ETag", "\"1\""));
        stage.get("/a").expect(200);
        stage.origin.on("/a", Answer::status(503).no_store());
        let ask = Ask::get("/a").field("Cache-Control", "stale-if-error=600");
        stage.client().ask(&ask).expect(503);
    });
}

#[test]
fn each_site_decides_for_its_own_clients() {
    let other = "[[sites]]\nhosts = [\"proud.test\"]\nclient_directives = \"ignore\"\n\n\
                 [[sites.routes]]\npath = \"/\"\norigin = \"app\"\n";
    check_with(&[1, 2], &Setup::new().more(other), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        for (host, hit) in [("ringside.test", false), ("proud.test", true)] {
            let ask = Ask::get("/a").host(host);
            stage.client().ask(&ask).expect(200).expect_forwarded();
            let ask = ask.field("Cache-Control", "no-cache");
            let reply = stage.client().ask(&ask);
            assert_eq!(reply.expect(200).is_hit(), hit, "{host}");
        }
    });
}

/// RFC 9213, 2.1 and 2.2: fields of the response; whether it is stored. PAST and SOON are dates.
const TARGETED: &str = "
it allows what Cache-Control forbids    | Cache-Control: no-store; CDN-Cache-Control: max-age=60 | hit
it forbids what Cache-Control allows    | Cache-Control: max-age=60; CDN-Cache-Control: no-store | no
a longer lifetime                       | Cache-Control: max-age=0; CDN-Cache-Control: max-age=60 | hit
a shorter one                           | Cache-Control: max-age=60; CDN-Cache-Control: max-age=0 | no
private is for others                   | Cache-Control: private; CDN-Cache-Control: max-age=60 | hit
private for us                          | Cache-Control: public, max-age=60; CDN-Cache-Control: private, max-age=60 | no
s-maxage is not looked at               | Cache-Control: s-maxage=0; CDN-Cache-Control: max-age=60 | hit
s-maxage in it                          | Cache-Control: no-store; CDN-Cache-Control: max-age=0, s-maxage=60 | hit
Expires is not looked at                | Expires: PAST; CDN-Cache-Control: max-age=60 | hit
nor does it give a lifetime             | Expires: SOON; CDN-Cache-Control: public | no
nor does max-age                        | Cache-Control: max-age=60; CDN-Cache-Control: public | no
no-cache                                | Cache-Control: max-age=60; CDN-Cache-Control: no-cache, max-age=60 | no
members in several lines                | Cache-Control: no-store; CDN-Cache-Control: public; CDN-Cache-Control: max-age=60 | hit
what is not known is passed over        | Cache-Control: no-store; CDN-Cache-Control: foo=\"a, b\", max-age=60, bar=(1 2);x=?0 | hit
parameters are passed over              | Cache-Control: no-store; CDN-Cache-Control: max-age=60~no-store | hit
its age counts                          | Cache-Control: no-store; CDN-Cache-Control: max-age=60; Age: 100 | no
its name in any case                    | Cache-Control: no-store; cdn-cache-control: max-age=60 | hit
another target                          | Cache-Control: no-store; Other-Cache-Control: max-age=60 | no
an empty one is none                    | Cache-Control: max-age=60; CDN-Cache-Control: | hit
no dictionary: ignored                  | Cache-Control: max-age=60; CDN-Cache-Control: no-store, ,max-age=0 | hit
no dictionary: ignored, the other way   | Cache-Control: no-store; CDN-Cache-Control: max-age=60, | no
a key has no capitals                   | Cache-Control: no-store; CDN-Cache-Control: Max-Age=60 | no
a number is no string                   | Cache-Control: no-store; CDN-Cache-Control: max-age=\"60\" | no
a number of seconds is no decimal       | Cache-Control: no-store; CDN-Cache-Control: max-age=60.5 | no
a number is no token                    | Cache-Control: no-store; CDN-Cache-Control: max-age=soon | no
space around the equals sign            | Cache-Control: no-store; CDN-Cache-Control: max-age = 60 | no
ignored as a whole                      | Cache-Control: max-age=60; CDN-Cache-Control: no-store, max-age=\"0\" | hit
";

fn fields(answer: Answer, text: &str) -> Answer {
    let lines = text.split(';').filter(|line| !line.trim().is_empty());
    lines.fold(answer, |answer, line| {
        let (name, value) = line.split_once(':').expect("a field");
        // The tilde stands for the semicolon that parts fields here.
        answer.field(name.trim(), value.trim().replace('~', ";"))
    })
}

#[test]
fn a_targeted_field_decides_alone() {
    let table = TARGETED
        .replace("PAST", &http_date(-30 * 86_400))
        .replace("SOON", &http_date(3600))
        .replace("(1 2);x", "(1 2)~x");
    check_on(&[1, 2], |stage| {
        for (number, row) in table.lines().skip(1).enumerate() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [why, said, second] = cells[..] else {
                panic!("three cells: {row}");
            };
            let path = format!("/{number}");
            let hit = is_stored(stage, &path, fields(Answer::ok("hello"), said));
            assert_eq!(hit, second == "hit", "{why}: {said}");
        }
    });
}

#[test]
fn other_caches_get_cache_control_as_it_was_said() {
    check_on(&[1, 2], |stage| {
        let answer = Answer::ok("hello")
            .field("Cache-Control", "no-store")
            .field("CDN-Cache-Control", "max-age=60");
        stage.origin.on("/a", answer);
        for reply in [stage.get("/a"), stage.get("/a")] {
            reply.expect(200).expect_field("Cache-Control", "no-store");
        }
        stage.get("/a").expect_hit();
    });
}

#[test]
fn targeted_directives_govern_stale_too() {
    check_on(&[1], |stage| {
        for (path, control, targeted, status) in [
            ("/a", "max-age=60", "max-age=60, must-revalidate", 503),
            ("/b", "max-age=60, must-revalidate", "max-age=60", 200),
            ("/c", "max-age=60", "max-age=60, stale-if-error=0", 503),
        ] {
            let answer = Answer::ok("old").field("ETag", "\"1\"").field("Age", "100");
            let answer = answer.field("Cache-Control", control);
            stage
                .origin
                .on(path, answer.field("CDN-Cache-Control", targeted));
            stage.get(path).expect(200);
            stage.origin.on(path, Answer::status(503).no_store());
            assert_eq!(stage.get(path).status, status, "{targeted}");
        }
    });
}

#[test]
fn the_first_target_that_is_there_and_valid_wins() {
    let control = "[control]\ntargets = [\"Edge-Control\", \"CDN-Cache-Control\"]\n";
    check_with(&[1, 2], &Setup::new().more(control), |stage| {
        for (number, (edge, cdn, hit)) in [
            ("max-age=60", "no-store", true),
            ("no-store", "max-age=60", false),
            ("max-age=\"60\"", "max-age=60", true),
            ("max-age=\"60\"", "no-store", false),
            ("", "max-age=60", true),
        ]
        .into_iter()
        .enumerate()
        {
            // Without a target that counts, this one allows nothing.
            let answer = Answer::ok("hello")
                .field("Cache-Control", "no-store")
                .field("Edge-Control", edge)
                .field("CDN-Cache-Control", cdn);
            let stored = is_stored(stage, &format!("/{number}"), answer);
            assert_eq!(stored, hit, "{edge} | {cdn}");
        }
    });
    let none = "[control]\ntargets = [\"Edge-Control\"]\n";
    check_with(&[1], &Setup::new().more(none), |stage| {
        let answer = Answer::ok("hello").field("CDN-Cache-Control", "no-store");
        let answer = answer.fresh();
        assert!(is_stored(stage, "/a", answer), "that name is not ours now");
    });
}

/// Directives that name fields, and which of X-One, X-Two and X-Three are left out.
const QUALIFIED: &[(&str, &[&str])] = &[
    ("max-age=60, no-cache=\"x-one\"", &["X-One"]),
    (
        "max-age=60, no-cache=\"X-One, x-three\"",
        &["X-One", "X-Three"],
    ),
    (
        "no-cache=\" x-one ,x-two\", max-age=60",
        &["X-One", "X-Two"],
    ),
    ("max-age=60, private=\"x-two\"", &["X-Two"]),
    (
        "max-age=60, private=\"x-two\", no-cache=\"x-three\"",
        &["X-Two", "X-Three"],
    ),
    ("max-age=60, No-Cache=\"x-one\"", &["X-One"]),
    ("max-age=60, private=\"x-absent\"", &[]),
];

fn three() -> Answer {
    Answer::ok("hello")
        .field("X-One", "1")
        .field("X-Two", "2")
        .field("X-Three", "3")
        .field("ETag", "\"1\"")
}

#[track_caller]
fn expect_three(reply: &Reply, without: &[&str], why: &str) {
    for (name, value) in [("X-One", "1"), ("X-Two", "2"), ("X-Three", "3")] {
        let expected = (!without.contains(&name)).then_some(value);
        assert_eq!(reply.field(name).as_deref(), expected, "{why}: {name}");
    }
    reply.expect_body("hello");
}

#[test]
fn named_fields_are_kept_out_of_the_cache_and_the_rest_is_not() {
    // RFC 9111, 5.2.2.4 and 5.2.2.7
    check_on(&[1, 2, 4], |stage| {
        for (number, (control, without)) in QUALIFIED.iter().enumerate() {
            let path = format!("/{number}");
            stage
                .origin
                .on(&path, three().field("Cache-Control", control));
            expect_three(&stage.get(&path), &[], control);
            stage.everywhere(|client| {
                let reply = client.get(&path);
                assert!(reply.expect(200).is_hit(), "{control}");
                expect_three(&reply, without, control);
            });
            assert_eq!(stage.origin.count(&path), 1, "{control}");
        }
    });
}

#[test]
fn a_directive_that_names_no_field_is_about_the_whole() {
    check_on(&[1, 2], |stage| {
        for (number, control) in [
            "max-age=60, no-cache=\"\"",
            "max-age=60, private=\"\"",
            "max-age=60, no-cache=\"x-one, (\"",
            "max-age=60, private=\"x-one, a b\"",
            "max-age=60, private=\"x-one\", private",
            "max-age=60, no-cache=\"x-one\", no-cache",
        ]
        .into_iter()
        .enumerate()
        {
            let answer = three().field("Cache-Control", control);
            let hit = is_stored(stage, &format!("/{number}"), answer);
            assert!(!hit, "{control}");
        }
    });
}

#[test]
fn a_private_field_is_for_the_one_whose_request_it_answers() {
    // Those who wait for the same fetch are not the one: they get what the cache may keep.
    check_on(&[1, 2, 4], |stage| {
        let gate = Gate::new();
        let answer = three().field("Cache-Control", "max-age=60, private=\"x-one\"");
        stage.origin.on("/a", answer.wait_before_head(&gate));
        let origin = &stage.origin;
        let (gate, stage) = (&gate, &stage);
        let got = std::thread::scope(|scope| {
            scope.spawn(move || {
                origin.wait_for("/a", 1);
                stage.settle();
                gate.open();
            });
            stage.together(12, |mut client, _| {
                let reply = client.get("/a");
                let mine = reply.expect(200).field("X-One").is_some();
                expect_three(&reply, if mine { &[] } else { &["X-One"] }, "joined");
                mine
            })
        });
        let own = got.iter().filter(|mine| **mine).count();
        assert_eq!(own, stage.origin.count("/a"), "one for each request made");
    });
}

#[test]
fn a_private_trailer_is_for_nobody() {
    // The trailers of a shared fetch are kept once for all who wait for it.
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        let answer = Answer::ok("hello")
            .chunked(&[5])
            .field("Cache-Control", "max-age=60, private=\"x-one\"")
            .trailer("X-One", "1")
            .trailer("X-Two", "2");
        stage.origin.on("/a", answer.wait_before_head(&gate));
        let origin = &stage.origin;
        let (gate, stage) = (&gate, &stage);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                origin.wait_for("/a", 1);
                stage.settle();
                gate.open();
            });
            stage.together(6, |mut client, _| {
                let reply = client.get("/a");
                let trailers = format!("{:?}", reply.expect(200).trailers);
                assert!(!trailers.contains("X-One"), "{trailers}");
            })
        });
    });
}

#[test]
fn a_private_field_is_not_told_when_the_whole_comes_for_a_part() {
    // Two ask for a fragment that is not there; the origin answers the first of them with all of it.
    check_on(&[1, 2, 4], |stage| {
        const WHOLE: usize = 3 << 20;
        let gate = Gate::new();
        let content = pattern(WHOLE, 1);
        let (own, waiting) = (content.clone(), gate.clone());
        stage.origin.on_each("/a", move |received, number| {
            let answer = match number {
                1 => Answer::status(206)
                    .content(&own[..1 << 20])
                    .field("Content-Range", format!("bytes 0-1048575/{WHOLE}")),
                _ => Answer::ok(own.clone()).wait_before_head(&waiting),
            };
            let asker = received.field("X-Asker").unwrap_or_default();
            answer
                .field("ETag", "\"1\"")
                .field("Cache-Control", "max-age=60, private=\"x-one\"")
                .field("X-One", asker)
        });
        let ask = |range: &str| Ask::get("/a").field("Range", range);
        let first = stage.client().ask(&ask("bytes=0-9"));
        first.expect_part(&content, 0..10);
        stage.wait_for_hit(&ask("bytes=0-9"));
        let origin = &stage.origin;
        let (gate, stage) = (&gate, &stage);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                origin.wait_for("/a", 2);
                stage.settle();
                gate.open();
            });
            stage.together(6, |mut client, number| {
                let asker = number.to_string();
                let ask = ask("bytes=1500000-1500009").field("X-Asker", &asker);
                let reply = client.ask(&ask);
                reply.expect_part(&content, 1_500_000..1_500_010);
                let told = reply.field("X-One");
                assert!(told.is_none_or(|told| told == asker), "another's");
            })
        });
    });
}

#[test]
fn what_a_304_makes_private_is_left_out_from_then_on() {
    check_on(&[1, 2], |stage| {
        let old = three().field("Cache-Control", "max-age=60");
        stage.origin.on("/a", old.field("Age", "100"));
        expect_three(&stage.get("/a"), &[], "at first");
        let not_modified = Answer::status(304)
            .field("ETag", "\"1\"")
            .field("Cache-Control", "max-age=60, private=\"x-two\"")
            .field("X-Two", "2");
        stage.origin.on("/a", not_modified);
        stage.get("/a").expect(200).expect_body("hello");
        stage.everywhere(|client| {
            let reply = client.get("/a");
            assert!(reply.expect(200).is_hit());
            expect_three(&reply, &["X-Two"], "after the 304");
        });
        assert_eq!(stage.origin.count("/a"), 2);
    });
}

fn with_cookie(control: &str) -> Answer {
    Answer::ok("hello")
        .field("Cache-Control", control)
        .field("Set-Cookie", "a=b")
        .field("Set-Cookie", "c=d")
        .field("X-One", "1")
}

#[test]
fn cookies_are_stored_as_the_route_says() {
    // How a route takes Set-Cookie; what the response says; whether it is stored, and how many
    // cookies the first client and the others get.
    for (route, rows) in [
        (
            "explicit",
            [
                ("max-age=60", false, 2, 2),
                ("public, max-age=60", true, 2, 2),
                ("s-maxage=60", true, 2, 2),
            ],
        ),
        (
            "never",
            [
                ("max-age=60", false, 2, 2),
                ("public, max-age=60", false, 2, 2),
                ("s-maxage=60", false, 2, 2),
            ],
        ),
        (
            "strip",
            [
                ("max-age=60", true, 0, 0),
                ("public, max-age=60", true, 0, 0),
                ("s-maxage=60", true, 0, 0),
            ],
        ),
    ] {
        let setup = Setup::new().route(&format!("cache.set_cookie = \"{route}\""));
        check_with(&[1, 2], &setup, |stage| {
            for (number, (control, stored, first, others)) in rows.iter().enumerate() {
                let path = format!("/{number}");
                stage.origin.on(&path, with_cookie(control));
                let why = format!("{route}: {control}");
                let reply = stage.get(&path);
                reply.expect(200).expect_field("X-One", "1");
                assert_eq!(reply.lines("Set-Cookie"), *first, "{why}");
                stage.everywhere(|client| {
                    let reply = client.get(&path);
                    reply.expect(200).expect_field("X-One", "1");
                    assert_eq!(reply.is_hit(), *stored, "{why}");
                    assert_eq!(reply.lines("Set-Cookie"), *others, "{why}");
                });
            }
        });
    }
}

#[test]
fn a_stripped_cookie_does_not_come_back_with_a_304() {
    let setup = Setup::new().route("cache.set_cookie = \"strip\"");
    check_with(&[1, 2], &setup, |stage| {
        let old = with_cookie("max-age=60").field("ETag", "\"1\"");
        stage.origin.on("/a", old.field("Age", "100"));
        stage.get("/a").expect(200).expect_no_field("Set-Cookie");
        let not_modified = Answer::status(304).field("ETag", "\"1\"").fresh();
        stage
            .origin
            .on("/a", not_modified.field("Set-Cookie", "e=f"));
        stage.get("/a").expect(200).expect_no_field("Set-Cookie");
        stage.everywhere(|client| {
            let reply = client.get("/a");
            reply.expect(200).expect_hit().expect_no_field("Set-Cookie");
        });
    });
}
