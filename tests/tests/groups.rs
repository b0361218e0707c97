//! Groups of responses that go together (RFC 9875), and the tags that do the same elsewhere.

use ringside_tests::{check_on, check_with, Answer, Ask, Gate, Setup, Stage};

const HOST: &str = "ringside.test";

/// Purges a group of the default host.
#[track_caller]
fn purge(stage: &Stage, group: &str) {
    let receipt = stage.ringside.purge_by(&[("group", group), ("host", HOST)]);
    assert_eq!(
        (receipt.purged.as_str(), receipt.force.as_str()),
        ("group", "hard")
    );
    assert_eq!(receipt.shards, stage.shards as u64);
}

/// Each request at the origin gets another content.
fn numbered(stage: &Stage, path: &str, fields: Said) {
    stage.origin.on_each(path, move |_, number| {
        let answer = Answer::ok(format!("{number}")).fresh();
        fields
            .iter()
            .fold(answer, |answer, (name, value)| answer.field(name, value))
    });
}

/// Stores the answer for `path` on every shard; gives its content.
#[track_caller]
fn store(stage: &Stage, path: &str) -> String {
    let first = stage.get(path).expect(200).text();
    stage.everywhere(|client| {
        client.get(path).expect_hit().expect_body(&first);
    });
    first
}

/// Is `old` gone from every shard?
#[track_caller]
fn gone(stage: &Stage, path: &str, old: &str) -> bool {
    let mut olds = 0;
    let mut clients = stage.clients();
    for client in &mut clients {
        olds += usize::from(client.get(path).expect(200).text() == old);
    }
    assert!(
        olds == 0 || olds == clients.len(),
        "{path}: {olds} of {}",
        clients.len()
    );
    olds == 0
}

/// Fields of a response.
type Said = &'static [(&'static str, &'static str)];

/// What a response says, and which of the groups one, two and three it is in.
const MEMBERS: &[(Said, [bool; 3])] = &[
    (&[("Cache-Groups", "\"one\"")], [true, false, false]),
    (&[("Cache-Groups", "\"one\", \"two\"")], [true, true, false]),
    (
        &[("Cache-Groups", "\"one\""), ("Cache-Groups", "\"three\"")],
        [true, false, true],
    ),
    (&[("cache-groups", "\"two\";x=1")], [false, true, false]),
    (&[("Cache-Groups", "\"ONE\"")], [false, false, false]),
    (&[("Surrogate-Key", "one three")], [true, false, true]),
    (&[("Surrogate-Key", " one  two ")], [true, true, false]),
    (&[("xkey", "two, three")], [false, true, true]),
    (&[("xkey", "two"), ("xkey", "one")], [true, true, false]),
    (
        &[
            ("Surrogate-Key", "one"),
            ("xkey", "two"),
            ("Cache-Groups", "\"three\""),
        ],
        [true, true, true],
    ),
    (&[("Other-Key", "one two three")], [false, false, false]),
    (&[], [false, false, false]),
];

#[test]
fn a_group_is_purged_on_every_shard_and_nothing_else() {
    check_on(&[1, 2, 4], |stage| {
        for (number, (fields, _)) in MEMBERS.iter().enumerate() {
            numbered(stage, &format!("/{number}"), fields);
        }
        for (place, group) in ["one", "two", "three"].into_iter().enumerate() {
            let paths = (0..MEMBERS.len()).map(|number| format!("/{number}"));
            let held: Vec<(String, String)> = paths
                .map(|path| {
                    stage.wait_for_hit(&Ask::get(&path));
                    let body = store(stage, &path);
                    (path, body)
                })
                .collect();
            purge(stage, group);
            for ((path, body), (fields, members)) in held.iter().zip(MEMBERS) {
                let is_gone = gone(stage, path, body);
                assert_eq!(is_gone, members[place], "{group}: {fields:?}");
            }
        }
    });
}

#[test]
fn a_purge_of_a_group_takes_every_variant() {
    check_on(&[1, 2], |stage| {
        numbered(
            stage,
            "/a",
            &[("Vary", "X-Kind"), ("Cache-Groups", "\"one\"")],
        );
        let ask = |kind: &str| Ask::get("/a").field("X-Kind", kind);
        for kind in ["a", "b"] {
            stage.client().ask(&ask(kind)).expect(200);
            stage.client().ask(&ask(kind)).expect_hit();
        }
        purge(stage, "one");
        for kind in ["a", "b"] {
            let reply = stage.client().ask(&ask(kind));
            reply.expect(200).expect_forwarded();
        }
    });
}

#[test]
fn a_group_s_name_may_be_any_string() {
    check_on(&[1, 2], |stage| {
        for (number, (said, name)) in [
            ("\"a b\"", "a b"),
            ("\"a, b\"", "a, b"),
            ("\"say \\\"hi\\\"\"", "say \"hi\""),
            ("\"50% & more?\"", "50% & more?"),
        ]
        .into_iter()
        .enumerate()
        {
            let path = format!("/{number}");
            stage.origin.on_each(&path, move |_, number| {
                Answer::ok(number.to_string())
                    .fresh()
                    .field("Cache-Groups", said)
            });
            let body = store(stage, &path);
            purge(stage, name);
            assert!(gone(stage, &path, &body), "{name}");
        }
    });
}

#[test]
fn groups_are_of_one_site() {
    let other = "[[sites]]\nhosts = [\"other.test\"]\n\n\
                 [[sites.routes]]\npath = \"/\"\norigin = \"app\"\n";
    check_with(&[1, 2], &Setup::new().more(other), |stage| {
        numbered(stage, "/a", &[("Cache-Groups", "\"one\"")]);
        let ask = |host: &str| Ask::get("/a").host(host);
        for host in [HOST, "other.test"] {
            stage.client().ask(&ask(host)).expect(200);
            stage.client().ask(&ask(host)).expect_hit();
        }
        purge(stage, "one");
        stage.everywhere(|client| {
            client.ask(&ask("other.test")).expect_hit();
        });
        stage
            .client()
            .ask(&ask(HOST))
            .expect(200)
            .expect_forwarded();
        stage.wait_for_hit(&ask(HOST));
        stage
            .ringside
            .purge_by(&[("group", "one"), ("host", "other.test")]);
        stage.client().ask(&ask(HOST)).expect_hit();
        let reply = stage.client().ask(&ask("other.test"));
        reply.expect(200).expect_forwarded();
        // Where no host is named, the group of that name of every site.
        let held = [HOST, "other.test"].map(|host| stage.wait_for_hit(&ask(host)).text());
        stage.ringside.purge_by(&[("group", "one")]);
        for (host, old) in [HOST, "other.test"].into_iter().zip(held) {
            let reply = stage.client().ask(&ask(host));
            assert_ne!(reply.expect(200).text(), old, "{host}");
        }
    });
}

#[test]
fn an_unsafe_request_may_invalidate_groups() {
    // RFC 9875, 3
    check_on(&[1, 2, 4], |stage| {
        for (path, groups) in [("/a", "\"one\""), ("/b", "\"two\""), ("/c", "\"three\"")] {
            stage.origin.on_each(path, move |_, number| {
                let answer = Answer::ok(number.to_string()).fresh();
                answer.field("Cache-Groups", groups)
            });
        }
        let said = |method: &'static str| {
            move |received: &ringside_tests::Received, _: usize| {
                let answer = Answer::ok("done").no_store();
                if received.method == method {
                    answer.field("Cache-Group-Invalidation", "\"one\", \"two\"")
                } else {
                    answer
                }
            }
        };
        stage.origin.on_each("/do/post", said("POST"));
        stage.origin.on_each("/do/get", said("GET"));
        let held: Vec<String> = ["/a", "/b", "/c"]
            .iter()
            .map(|path| store(stage, path))
            .collect();
        // A safe request's response can't.
        stage.get("/do/get").expect(200);
        for (path, body) in ["/a", "/b", "/c"].into_iter().zip(&held) {
            assert!(!gone(stage, path, body), "{path}");
        }
        let post = Ask::post("/do/post", "x");
        stage.client().ask(&post).expect(200).expect_body("done");
        for (path, body) in ["/a", "/b"].into_iter().zip(&held) {
            assert!(gone(stage, path, body), "{path}");
        }
        stage.everywhere(|client| {
            client.get("/c").expect_hit();
        });
    });
}

#[test]
fn a_304_may_move_a_response_to_another_group() {
    check_on(&[1, 2], |stage| {
        let say = |answer: Answer, group: &str| {
            answer
                .field("ETag", "\"1\"")
                .field("Cache-Groups", group)
                .fresh()
        };
        let old = say(Answer::ok("held"), "\"one\"").field("Age", "100");
        stage.origin.on("/a", old);
        stage.get("/a").expect(200);
        stage.origin.on("/a", say(Answer::status(304), "\"two\""));
        stage.get("/a").expect(200).expect_body("held");
        stage.get("/a").expect_hit();
        stage.origin.on("/a", Answer::ok("new").fresh());
        purge(stage, "one");
        assert!(!gone(stage, "/a", "held"), "it left that group");
        purge(stage, "two");
        assert!(gone(stage, "/a", "held"));
    });
}

#[test]
fn a_fetch_begun_before_the_group_was_purged_does_not_count() {
    // What group it is in shows with its head, which comes after the purge.
    check_on(&[1, 2, 4], |stage| {
        for (path, in_body) in [("/a", false), ("/b", true)] {
            let gate = Gate::new();
            let before = gate.clone();
            stage.origin.on_each(path, move |_, number| {
                let answer = Answer::ok(format!("version {number}"))
                    .fresh()
                    .field("Cache-Groups", "\"one\"");
                match (number, in_body) {
                    (1, false) => answer.wait_before_head(&before),
                    (1, true) => answer.wait_after(4, &before),
                    _ => answer,
                }
            });
            let mut early = stage.client();
            early.send(Ask::get(path).bytes());
            stage.origin.wait_for(path, 1);
            if in_body {
                early.begin("GET").read_at_least(4);
            } else {
                gate.wait_for_waiting(1);
            }
            purge(stage, "one");
            gate.open();
            stage.origin.wait_on(path, 1, |received| received.answered);
            if !in_body {
                early.reply().expect(200).expect_body("version 1");
            }
            stage.everywhere(|client| {
                let seen = client.get(path).expect(200).text();
                assert_ne!(seen, "version 1", "{path}");
            });
        }
    });
}

#[test]
fn a_response_in_too_many_groups_is_not_stored() {
    // To forget some of its groups would be to miss a purge.
    check_on(&[1, 2], |stage| {
        let groups = |count: usize| {
            let all: Vec<String> = (0..count).map(|number| format!("\"g{number}\"")).collect();
            all.join(", ")
        };
        for (path, count, stored) in [("/few", 1000, true), ("/many", 1100, false)] {
            let said = groups(count);
            stage.origin.on_each(path, move |_, number| {
                let answer = Answer::ok(number.to_string()).fresh();
                answer.field("Cache-Groups", &said)
            });
            stage.get(path).expect(200);
            assert_eq!(stage.get(path).expect(200).is_hit(), stored, "{path}");
        }
        let body = store(stage, "/few");
        purge(stage, "g99");
        assert!(gone(stage, "/few", &body), "the last one counts");
    });
}

#[test]
fn the_operator_names_the_fields_with_tags() {
    let setup = Setup::new().more("[control]\ntags = [\"Edge-Tag\"]\n");
    check_with(&[1, 2], &setup, |stage| {
        numbered(stage, "/a", &[("Edge-Tag", "one,two")]);
        numbered(stage, "/b", &[("Surrogate-Key", "one two")]);
        let (a, b) = (store(stage, "/a"), store(stage, "/b"));
        purge(stage, "two");
        assert!(gone(stage, "/a", &a));
        assert!(!gone(stage, "/b", &b));
    });
}

#[test]
fn many_groups_stay_apart() {
    check_on(&[1, 2], |stage| {
        stage.origin.on_each("/*", |received, number| {
            let group = format!("\"{}\"", received.target);
            let answer = Answer::ok(number.to_string()).fresh();
            answer.field("Cache-Groups", group)
        });
        let paths: Vec<String> = (0..40).map(|number| format!("/{number}")).collect();
        let held: Vec<String> = paths.iter().map(|path| store(stage, path)).collect();
        for number in 0..30 {
            purge(stage, &format!("nobody's {number}"));
        }
        for (number, (path, body)) in paths.iter().zip(&held).enumerate() {
            if number % 4 == 0 {
                purge(stage, path);
            }
            assert_eq!(gone(stage, path, body), number % 4 == 0, "{path}");
        }
    });
}
