//! `ringside explain`: what it says is what happens then; and asking changes nothing.

mod offline;
mod page;
mod question;

use question::{get, Question, HOST};
use ringside_tests::{
    check_on, check_with, pattern, wait_until, Answer, Ask, CacheStatus, Entity, Gate, Setup, Stage,
};

/// Behind the default route: one that does not cache.
const OFF: &str = "\n[[sites.routes]]\npath = \"/off/\"\norigin = \"app\"\ncache = false\n";
const FRAGMENT: usize = 1 << 20;

/// The last line of an explanation: the outcome's word, and that of its reason.
#[track_caller]
fn outcome(text: &str) -> (&str, &str) {
    let last = text
        .lines()
        .last()
        .and_then(|line| line.strip_prefix("outcome: "));
    let last = last.unwrap_or_else(|| panic!("no outcome in {text:?}"));
    match last.split_once(" (") {
        Some((word, reason)) => (word, reason.trim_end_matches(')')),
        None => (last, ""),
    }
}

/// What Cache-Status says of an outcome (RFC 9211, 2.1, 2.2 and 2.8).
fn status_of(word: &str, reason: &str) -> CacheStatus {
    let fwd = match reason {
        "not-stored" => "uri-miss",
        "vary-miss" => "vary-miss",
        "expired" | "no-cache-stored" | "must-revalidate" | "soft-purge" => "stale",
        "no-cache-request" | "too-old-for-request" | "request-no-store" | "precondition" => {
            "request"
        }
        "part-missing" => "partial",
        "method" => "method",
        "route-off" | "upgrade" => "bypass",
        "hit-for-miss" | "shutdown" => "miss",
        _ => "",
    };
    let hit = matches!(word, "hit" | "stale");
    let forwarded = matches!(word, "miss" | "pass" | "collapsed");
    assert!(hit || forwarded || word == "refused", "{word}");
    let is_said = match reason {
        "not-stored" | "vary-miss" | "method" => forwarded,
        "expired" => hit || forwarded,
        _ => reason.is_empty(),
    };
    CacheStatus {
        name: "ringside".into(),
        hit,
        fwd: forwarded.then(|| fwd.into()),
        collapsed: word == "collapsed",
        detail: (!is_said).then(|| reason.into()),
        ..CacheStatus::default()
    }
}

/// How often the server has answered so. A validation that the origin confirms begins as a miss.
fn answers(stage: &Stage, word: &str) -> f64 {
    let count = |word| {
        stage
            .ringside
            .metric("ringside_requests_total", &[("outcome", word)])
    };
    count(word)
        + if word == "miss" {
            count("revalidated")
        } else {
            0.0
        }
}

/// Explains a request, sends it, and compares. Gives the explanation.
#[track_caller]
fn agree(stage: &Stage, question: &Question, expected: &str) -> String {
    let asked = stage.origin.total();
    let text = question.explained(stage);
    let what = format!("{question} with {} shard(s):\n{text}", stage.shards);
    assert!(
        text.ends_with(&format!("\noutcome: {expected}\n")),
        "{expected}: {what}"
    );
    assert_eq!(stage.origin.total(), asked, "the origin was asked: {what}");
    let (word, reason) = outcome(&text);
    let before = answers(stage, word);
    let told = stage.client().ask(&question.ask()).status_told();
    let want = status_of(word, reason);
    let same = CacheStatus {
        ttl: None,
        stored: false,
        fwd_status: None,
        ..told.clone()
    };
    assert_eq!(same, want, "{told:?} for {what}");
    match word {
        "hit" => assert!(told.ttl.is_some_and(|ttl| ttl > 0), "{told:?} for {what}"),
        "stale" => assert!(told.ttl.is_some_and(|ttl| ttl <= 0), "{told:?} for {what}"),
        _ => {}
    }
    wait_until(&format!("{word} to be counted"), || {
        answers(stage, word) >= before + 1.0
    });
    text
}

fn purge(stage: &Stage, what: &[(&str, &str)], soft: bool) {
    let soft: &[(&str, &str)] = if soft { &[("soft", "")] } else { &[] };
    stage.ringside.purge_by(&[what, soft].concat());
}

/// What is stored before a request is explained.
enum Before {
    Nothing,
    /// The answer to a GET, from this one on.
    Stored(Answer),
    /// The same, and then something happens to it.
    Then(Answer, fn(&Stage, &str)),
}
use Before::{Nothing, Stored, Then};

fn fresh() -> Answer {
    Answer::ok("hello").fresh().field("ETag", "\"a\"")
}

/// Has been stale for 40 s on arrival.
fn stale(more: &str) -> Answer {
    let control = format!("max-age=60{more}");
    let answer = Answer::ok("hello").field("Cache-Control", control);
    answer.field("Age", "100").field("ETag", "\"a\"")
}

type Row = (Before, fn(&str) -> Question, &'static str);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    fn with(control: &'static str) -> impl Fn(&str) -> Question {
        move |path| get(path).field("Cache-Control", control)
    }
    vec![
        // RFC 9111, 4
        (Nothing, get, "miss (not-stored)"),
        (Stored(fresh()), get, "hit"),
        (Stored(fresh()), |p| get(p).method("HEAD"), "hit"),
        (Nothing, |p| get(p).method("HEAD"), "pass (not-stored)"),
        (Stored(fresh()), |p| get(p).field("If-None-Match", "\"a\""), "hit"),
        (Stored(fresh()), |p| get(p).field("Authorization", "x"), "hit"),
        // RFC 9111, 4.2, and RFC 5861, 3
        (Stored(stale("")), get, "miss (expired)"),
        (Stored(stale("")), |p| get(p).method("HEAD"), "pass (expired)"),
        (Stored(stale(", stale-while-revalidate=30")), get, "miss (expired)"),
        (Stored(stale("")), |p| with("max-stale=300")(p), "stale (expired)"),
        (Stored(stale("")), |p| with("max-stale=30")(p), "miss (expired)"),
        (Stored(stale(", must-revalidate")), |p| with("max-stale")(p), "miss (must-revalidate)"),
        // RFC 9111, 5.2
        (Stored(fresh().field("Cache-Control", "no-cache")), get, "miss (no-cache-stored)"),
        (Stored(fresh()), |p| with("no-cache")(p), "miss (no-cache-request)"),
        (Stored(fresh()), |p| get(p).field("Pragma", "no-cache"), "miss (no-cache-request)"),
        (Stored(fresh()), |p| with("max-age=0")(p), "miss (too-old-for-request)"),
        (Stored(fresh()), |p| with("min-fresh=300")(p), "miss (too-old-for-request)"),
        (Stored(fresh()), |p| with("no-store")(p), "pass (request-no-store)"),
        (Stored(fresh()), |p| with("only-if-cached")(p), "hit"),
        (Stored(stale("")), |p| with("only-if-cached")(p), "refused (only-if-cached)"),
        (Nothing, |p| with("only-if-cached")(p), "refused (only-if-cached)"),
        // RFC 9111, 4.1
        (Stored(fresh().field("Vary", "X")), |p| get(p).field("X", "1"), "miss (vary-miss)"),
        (Stored(fresh().field("Vary", "X")), get, "hit"),
        (Stored(fresh().field("Vary", "Accept-Language")),
            |p| get(p).field("Accept-Language", "de"), "miss (vary-miss)"),
        // RFC 9110, 13.1.1
        (Stored(fresh()), |p| get(p).field("If-Match", "\"a\""), "hit"),
        (Stored(fresh()), |p| get(p).field("If-Match", "\"b\""), "pass (precondition)"),
        (Nothing, |p| get(p).field("If-Match", "\"b\""), "pass (precondition)"),
        // RFC 9110, 9.2.3, 9.3.1 and 7.8
        (Stored(fresh()), |p| get(p).method("POST"), "pass (method)"),
        (Stored(fresh()), |p| get(p).method("OPTIONS"), "pass (method)"),
        (Stored(fresh()), |p| get(p).method("TRACE"), "refused (method)"),
        (Stored(fresh()), |p| get(p).field("Connection", "upgrade").field("Upgrade", "websocket"),
            "pass (upgrade)"),
        // RFC 10008, 2.7: the answer to GET does not answer QUERY.
        (Nothing, |p| get(p).method("QUERY"), "miss (not-stored)"),
        (Stored(fresh()), |p| get(p).method("QUERY"), "miss (not-stored)"),
        (Then(fresh(), |stage, path| {
            stage.client().ask(&Ask::new("QUERY", path)).expect(200);
        }), |p| get(p).method("QUERY"), "hit"),
        // Routes.
        (Nothing, |p| get(&format!("/off{p}")), "pass (route-off)"),
        // What could not be shared.
        (Stored(Answer::ok("").no_store()), get, "pass (hit-for-miss)"),
        (Stored(fresh().field("Set-Cookie", "a=b")), get, "pass (hit-for-miss)"),
        (Stored(Answer::ok("").no_store()), |p| with("only-if-cached")(p),
            "refused (only-if-cached)"),
        // Purges.
        (Then(fresh(), |stage, path| {
            purge(stage, &[("url", &format!("http://{HOST}{path}"))], false);
        }), get, "miss (not-stored)"),
        (Then(fresh(), |stage, path| {
            purge(stage, &[("url", &format!("http://{HOST}{path}"))], true);
        }), get, "miss (expired)"),
        (Then(fresh(), |stage, path| {
            purge(stage, &[("prefix", &format!("http://{HOST}{path}"))], false);
        }), get, "miss (not-stored)"),
        (Then(fresh(), |stage, path| {
            purge(stage, &[("prefix", &format!("http://{HOST}{path}"))], true);
        }), get, "miss (soft-purge)"),
        (Then(fresh().field("Surrogate-Key", "tag"), |stage, _| {
            purge(stage, &[("group", "tag"), ("host", HOST)], true);
        }), get, "miss (soft-purge)"),
        // RFC 9110, 14.2
        (Stored(fresh()), |p| get(p).field("Range", "bytes=1-2"), "hit"),
        (Stored(fresh()), |p| get(p).field("Range", "bytes=9-"), "hit"),
        (Stored(fresh()), |p| get(p).field("Range", "bytes=0-0,3-"), "hit"),
        (Nothing, |p| get(p).field("Range", "bytes=1-2"), "miss (not-stored)"),
        // RFC 9111, 4.2.2
        (Stored(Answer::ok("").field("ETag", "\"a\"")), get, "miss (expired)"),
    ]
}

#[test]
fn what_is_explained_is_what_happens() {
    check_with(&[1, 2], &Setup::new().more(OFF), |stage| {
        for (number, (before, question, expected)) in rows().into_iter().enumerate() {
            let path = format!("/row/{number}");
            stage.origin.on(&path, fresh());
            stage.origin.on(&format!("/off{path}"), fresh());
            let (answer, then) = match before {
                Nothing => (None, None),
                Stored(answer) => (Some(answer), None),
                Then(answer, then) => (Some(answer), Some(then)),
            };
            if let Some(answer) = answer {
                stage.origin.on(&path, answer);
                stage.get(&path).expect(200);
            }
            if let Some(then) = then {
                then(stage, &path);
            }
            agree(stage, &question(&path), expected);
        }
    });
}

#[test]
fn fragments_that_are_missing_are_explained() {
    // RFC 9111, 3.3; RFC 9110, 14.2
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(4 * FRAGMENT, 7)).fresh();
        let entity = entity.field("ETag", "\"a\"");
        stage.origin.publish("/large", &entity);
        let first = get("/large").field("Range", "bytes=0-99");
        let third = get("/large").field("Range", "bytes=2097152-2097252");
        agree(stage, &first, "miss (not-stored)");
        stage.wait_for_hit(&first.ask());
        let text = agree(stage, &first, "hit");
        assert!(text.contains("bytes in fragments"), "{text}");
        assert!(text.contains("206 with bytes 0 to 99 of 4194304"), "{text}");
        // What takes no content needs none.
        agree(stage, &get("/large").method("HEAD"), "hit");
        let known = get("/large").field("If-None-Match", "\"a\"");
        agree(stage, &known, "hit");
        agree(stage, &first.clone().field("If-None-Match", "\"b\""), "hit");
        let second = get("/large").field("Range", "bytes=1048576-1048577");
        let guarded = second.field("If-Match", "\"a\"");
        agree(stage, &guarded, "miss (part-missing)");
        agree(stage, &third, "miss (part-missing)");
        stage.wait_for_hit(&third.ask());
        agree(stage, &third, "hit");
        let both = get("/large").field("Range", "bytes=0-9,2097152-2097252");
        agree(stage, &both, "hit");
        // The first bytes are sent before it is looked for others.
        let text = agree(stage, &get("/large"), "hit");
        assert!(text.contains("fetched while the rest is sent"), "{text}");
        stage.wait_for_hit(&Ask::get("/large"));
        agree(stage, &get("/large"), "hit");
    });
}

#[test]
fn what_is_served_while_it_is_validated_is_explained() {
    // RFC 5861, 3
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", stale(", stale-while-revalidate=600"));
        stage.get("/a").expect(200);
        // Until the validation has ended; after that it is another response.
        let gate = Gate::new();
        stage.origin.on("/a", fresh().wait_before_head(&gate));
        agree(stage, &get("/a"), "stale (stale-while-revalidate)");
        stage.origin.wait_for("/a", 2);
        agree(stage, &get("/a"), "stale (stale-while-revalidate)");
        gate.open();
        stage.wait_for_hit(&Ask::get("/a"));
        wait_until("the validation to be explained", || {
            let text = get("/a").explained(stage);
            outcome(&text) == ("hit", "")
        });
    });
}

#[test]
fn each_of_many_variants_is_found() {
    // RFC 9111, 4.1
    check_with(
        &[1, 2],
        &Setup::new().route("cache.variants = 200"),
        |stage| {
            stage.origin.on("/a", fresh().field("Vary", "X"));
            let mut client = stage.client();
            for number in 0..70 {
                let ask = Ask::get("/a").field("X", format!("{number}"));
                client.ask(&ask).expect(200).expect_forwarded();
            }
            for number in ["0", "35", "69"] {
                let text = agree(stage, &get("/a").field("X", number), "hit");
                assert!(text.contains("70 stored responses"), "{text}");
            }
        },
    );
}

#[test]
fn who_would_wait_for_another_is_told_so() {
    // RFC 9111, 4: requests may be collapsed.
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        stage.origin.on("/a", fresh().wait_before_head(&gate));
        let mut first = stage.client();
        first.send(Ask::get("/a").bytes());
        stage.origin.wait_for("/a", 1);
        let question = get("/a");
        let text = question.explained(stage);
        assert_eq!(outcome(&text), ("collapsed", "not-stored"), "{text}");
        // One that wants the origin's word does not wait for a fetch that began before it.
        let insists = get("/a").field("Cache-Control", "no-cache");
        let text = insists.explained(stage);
        assert!(
            matches!(outcome(&text), ("miss" | "collapsed", "not-stored")),
            "{text}"
        );
        let mut second = stage.client();
        second.send(Ask::get("/a").bytes());
        stage.settle();
        gate.open();
        let told = second.reply().expect(200).status_told();
        let want = status_of("collapsed", "not-stored");
        assert_eq!((told.fwd, told.collapsed), (want.fwd, want.collapsed));
        first.reply().expect(200);
    });
}

#[test]
fn what_is_refused_is_told_with_its_status() {
    // RFC 9110, 7.4 and 15.5.20
    let setup = Setup::new().hosts(&["other.test"]).path("/a/");
    check_with(&[1, 2], &setup, |stage| {
        let text = agree(stage, &get("/a/"), "refused (no-site)");
        assert!(
            text.starts_with("GET http://ringside.test/a/\n 1. answer: 421: no site"),
            "{text}"
        );
        stage.client().ask(&Ask::get("/a/")).expect(421);
    });
}

#[test]
fn asking_changes_nothing() {
    check_on(&[1, 2], |stage| {
        stage.origin.on("/a", stale(", stale-while-revalidate=600"));
        stage.origin.on("/b", fresh());
        stage.get("/a").expect(200);
        stage.get("/b").expect(200);
        let counted = |name| stage.ringside.metric(name, &[]);
        wait_until("both answers to be counted", || {
            counted("ringside_requests_total") == 2.0
        });
        let names = [
            "ringside_requests_total",
            "ringside_not_stored_total",
            "ringside_stored_total",
        ];
        let before = names.map(counted);
        for path in ["/a", "/b", "/c"] {
            for _ in 0..3 {
                let text = get(path).explained(stage);
                // Nor does it count as a use, which would keep the object longer.
                assert_eq!(text.contains("not used yet"), path != "/c", "{text}");
            }
        }
        assert_eq!(names.map(counted), before, "{names:?}");
        // A real request validates /a in the background; explaining it did not.
        assert_eq!((stage.origin.count("/a"), stage.origin.count("/b")), (1, 1));
        assert_eq!(stage.origin.count("/c"), 0);
        stage.get("/b").expect_hit();
        let text = get("/b").explained(stage);
        assert!(text.contains("used lately"), "{text}");
    });
}
