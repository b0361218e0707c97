//! Each outcome, and what is said on the way to it.

use super::*;

/// What is different in a case from a GET for one fresh response.
#[derive(Clone, Copy)]
struct Case {
    request: &'static str,
    method: &'static str,
    response: &'static str,
    route: &'static str,
    verdict: Verdict,
    found: fn(&mut Inspection),
    at: u64,
}

#[test]
fn outcomes_and_what_is_said_of_them() {
    use Outcome::{Collapsed, Hit, Miss, Pass, Refused, Stale};
    fn nothing(_: &mut Inspection) {}
    let case = Case {
        method: "GET",
        response: "ETag: \"x\"\nCache-Control: max-age=60",
        found: nothing,
        request: "",
        route: "",
        verdict: Verdict::Valid,
        at: 0,
    };
    let cases: &[(Case, Outcome, &[&str])] = &[
        (case, Hit, &["answer: 200 with 5120 bytes"]),
        (
            Case {
                method: "HEAD",
                ..case
            },
            Hit,
            &["answer: 200, the head only"],
        ),
        (
            Case {
                request: "If-None-Match: \"x\"",
                ..case
            },
            Hit,
            &["answer: 304"],
        ),
        (
            Case {
                request: "If-Match: \"x\"",
                ..case
            },
            Hit,
            &[],
        ),
        (
            Case {
                request: "Range: bytes=0-9, 500-",
                ..case
            },
            Hit,
            &["answer: 206 with 2 parts"],
        ),
        (
            Case {
                request: "Range: bytes=2000000-2000009",
                found: |found| found.variants.clear(),
                ..case
            },
            Miss(Reason::NotStored),
            &["Range: bytes=1048576-2097151"],
        ),
        (
            Case {
                request: "Range: bytes=-9",
                found: |found| found.variants.clear(),
                ..case
            },
            Miss(Reason::NotStored),
            &["asked for all of it"],
        ),
        (
            Case {
                request: "Range: bytes=0-9",
                route: "cache.fragments = false",
                found: |found| found.variants.clear(),
                ..case
            },
            Miss(Reason::NotStored),
            &["asked for all of it"],
        ),
        (
            Case {
                request: "Range: bytes=9999-",
                ..case
            },
            Hit,
            &["answer: 416"],
        ),
        (
            Case { at: 60, ..case },
            Miss(Reason::Expired),
            &["stale since 0 s", "If-None-Match: \"x\""],
        ),
        (
            Case {
                at: 60,
                request: "Cache-Control: max-stale=9",
                ..case
            },
            Stale(Reason::Expired),
            &["max-stale=9: also what is stale by up to 9 s"],
        ),
        (
            Case {
                at: 60,
                route: "cache.stale_while_revalidate = \"1s\"",
                ..case
            },
            Stale(Reason::StaleWhileRevalidate),
            &["served while one request validates"],
        ),
        (
            Case {
                verdict: Verdict::Stale,
                ..case
            },
            Miss(Reason::SoftPurge),
            &["fresh for 60 s", "a 304 makes it: revalidated (soft-purge)"],
        ),
        (
            Case {
                verdict: Verdict::Stale,
                at: 61,
                ..case
            },
            Miss(Reason::Expired),
            &["a soft purge has made it stale"],
        ),
        (
            Case {
                verdict: Verdict::Dead,
                ..case
            },
            Miss(Reason::NotStored),
            &["purged, it is gone", "asked for all of it"],
        ),
        (
            Case {
                found: |found| found.variants.clear(),
                ..case
            },
            Miss(Reason::NotStored),
            &["asked for all of it"],
        ),
        (
            Case {
                found: |found| found.variants[0].selected = false,
                ..case
            },
            Miss(Reason::VaryMiss),
            &["If-None-Match: \"x\""],
        ),
        (
            Case {
                found: |found| found.variants[0].kept = Kept::Less,
                ..case
            },
            Miss(Reason::PartMissing),
            &["asked for what is missing"],
        ),
        (
            Case {
                request: "If-Match: \"x\"",
                found: |found| found.variants[0].kept = Kept::Less,
                ..case
            },
            Miss(Reason::PartMissing),
            &["asked for what is missing"],
        ),
        (
            Case {
                found: |found| found.variants[0].kept = Kept::First,
                ..case
            },
            Hit,
            &["what is missing of that is fetched while the rest is sent"],
        ),
        (
            Case {
                request: "Cache-Control: only-if-cached",
                found: |found| found.variants[0].kept = Kept::First,
                ..case
            },
            Refused(Reason::OnlyIfCached),
            &["a part of it is stored", "answer: 504"],
        ),
        (
            Case {
                request: "Cache-Control: no-cache",
                ..case
            },
            Miss(Reason::NoCacheRequest),
            &["no-cache: the origin is asked"],
        ),
        (
            Case {
                request: "Pragma: no-cache",
                ..case
            },
            Miss(Reason::NoCacheRequest),
            &["Pragma: no-cache"],
        ),
        (
            Case {
                request: "Cache-Control: no-cache",
                found: |found| found.flights = 1,
                ..case
            },
            Miss(Reason::NoCacheRequest),
            &[],
        ),
        (
            Case {
                at: 60,
                found: |found| found.flights = 2,
                ..case
            },
            Collapsed(Reason::Expired),
            &["under way already"],
        ),
        (
            Case {
                at: 60,
                method: "HEAD",
                ..case
            },
            Pass(Reason::Expired),
            &["for this client alone"],
        ),
        (
            Case {
                at: 60,
                found: |found| found.stopping = true,
                ..case
            },
            Pass(Reason::Shutdown),
            &[],
        ),
        (
            Case {
                at: 60,
                found: |found| found.marked_for_ms = Some(6500),
                ..case
            },
            Pass(Reason::HitForMiss),
            &["for 7 s more"],
        ),
        (
            Case {
                request: "If-Match: \"y\"",
                ..case
            },
            Pass(Reason::Precondition),
            &[],
        ),
        (
            Case {
                at: 60,
                request: "If-Match: \"x\"",
                ..case
            },
            Pass(Reason::Precondition),
            &[],
        ),
        (
            Case {
                at: 60,
                request: "Cache-Control: only-if-cached",
                ..case
            },
            Refused(Reason::OnlyIfCached),
            &["answer: 504"],
        ),
        (
            Case {
                request: "Cache-Control: only-if-cached",
                ..case
            },
            Hit,
            &["only-if-cached: from the cache"],
        ),
        (
            Case {
                request: "Cache-Control: no-store",
                ..case
            },
            Pass(Reason::RequestNoStore),
            &["no-store: nothing is stored"],
        ),
        (
            Case {
                method: "POST",
                ..case
            },
            Pass(Reason::Method),
            &[],
        ),
        (
            Case {
                request: "Connection: upgrade\nUpgrade: websocket",
                ..case
            },
            Pass(Reason::Upgrade),
            &[],
        ),
        (
            Case {
                route: "cache = false",
                ..case
            },
            Pass(Reason::RouteOff),
            &[],
        ),
        (
            Case {
                response: "ETag: \"x\"\nCache-Control: no-cache",
                ..case
            },
            Miss(Reason::NoCacheStored),
            &["fresh or not (RFC 9111, 5.2.2.4)"],
        ),
        (
            Case {
                response: "Cache-Control: s-maxage=9",
                ..case
            },
            Hit,
            &["by s-maxage", "5.2.2.10)"],
        ),
        (
            Case {
                response: "Expires: Mon, 15 Jun 2026 13:00:00 GMT",
                ..case
            },
            Hit,
            &["lifetime 3600 s (1 h) by Expires less Date"],
        ),
        (
            Case {
                response: "Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT",
                ..case
            },
            Hit,
            &["lifetime 360 s by a tenth"],
        ),
        (
            Case {
                response: "X: 1",
                route: "cache.default = \"2d\"",
                ..case
            },
            Hit,
            &["lifetime 172800 s (2 d) by the route's cache.default"],
        ),
        (
            Case {
                response: "X: 1",
                route: "cache.refresh = { min = \"90m\", percent = 20, max = \"2h\" }",
                ..case
            },
            Hit,
            &["lifetime 5400 s (1 h 30 min) by the route's cache.refresh"],
        ),
        (
            Case {
                route: "cache.lifetime_max = \"9s\"",
                ..case
            },
            Hit,
            &["lifetime 9 s by max-age", "60 s is cut to 9 s"],
        ),
        (
            Case {
                response: "Cache-Control: no-store\nCDN-Cache-Control: max-age=90000",
                ..case
            },
            Hit,
            &["lifetime 90000 s (1 d 1 h)", "CDN-Cache-Control decides"],
        ),
    ];
    for (case, want, parts) in cases {
        let policy = policy("", case.route);
        let request = req(&format!("{} /a", case.method), case.request);
        let mut one = stored(200, &format!("{DATE}\n{}", case.response), "", &policy);
        one.verdict = case.verdict;
        let mut found = inspection(&request, Vec::from([one]));
        (case.found)(&mut found);
        let mut text = String::new();
        let outcome = live(&mut text, &request, &policy, &found, Mono(case.at * 1000));
        assert_eq!(outcome, *want, "\n{text}");
        for part in *parts {
            assert!(text.contains(part), "{part}:\n{text}");
        }
    }
    let policy = policy("client_directives = \"ignore\"", "");
    let request = req("GET /a", "Cache-Control: no-store");
    let found = inspection(&request, Vec::new());
    let text = told(&request, &policy, &found, 0);
    assert!(text.contains("are ignored: client_directives"), "{text}");
    assert!(text.contains("outcome: miss (not-stored)"), "{text}");
}
