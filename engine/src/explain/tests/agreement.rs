//! Whatever is asked and stored: what is told is what is decided, and the reason stands there.

use super::*;
use crate::cache::{self, Lookup, Serve};
use crate::explain::predict::facts_now;
use crate::explain::text::Told;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const ASKED: &[&str] = &[
    "Cache-Control: no-cache",
    "Cache-Control: max-age=30",
    "Cache-Control: max-stale",
    "Cache-Control: max-stale=5, min-fresh=2",
    "Cache-Control: only-if-cached",
    "Cache-Control: no-store",
    "Cache-Control: stale-if-error=9",
    "Pragma: no-cache",
    "Authorization: x",
    "Accept-Language: de, en;q=0.1",
    "If-Match: \"x\"",
    "If-None-Match: \"x\", \"y\"",
    "If-Modified-Since: Mon, 15 Jun 2026 12:00:00 GMT",
    "If-Unmodified-Since: Mon, 15 Jun 2026 11:00:00 GMT",
    "Range: bytes=1-5",
    "Range: bytes=9999-",
    "Connection: upgrade\nUpgrade: websocket",
    "Content-Length: 5",
];

const ANSWERED: &[&str] = &[
    "Cache-Control: max-age=60",
    "Cache-Control: s-maxage=60, max-age=5",
    "Cache-Control: no-cache",
    "Cache-Control: no-cache=\"set-cookie, x\"",
    "Cache-Control: private=\"x\"",
    "Cache-Control: must-revalidate",
    "Cache-Control: no-store",
    "Cache-Control: stale-while-revalidate=20, stale-if-error=40",
    "CDN-Cache-Control: max-age=90",
    "Expires: Mon, 15 Jun 2026 12:00:40 GMT",
    "Expires: 0",
    "Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT",
    "ETag: \"x\"",
    "ETag: W/\"y\"",
    "Vary: Accept-Language, X",
    "Vary: *",
    "Set-Cookie: a=b",
    "Age: 30",
    "Connection: x",
    "X: \u{e9}\t1",
    "No-Vary-Search: key-order",
    "Content-Location: /a",
    "Content-Range: bytes 0-4/5",
];

const SITES: &[&str] = &["", "client_directives = \"ignore\""];

const ROUTES: &[&str] = &[
    "",
    "cache = false",
    "cache.default = \"50s\"",
    "cache.stale_while_revalidate = \"15s\"\ncache.lifetime_max = \"40s\"",
    "cache.refresh = { min = \"10s\", percent = 50, max = \"1h\" }\ncache.stale_if_error = \"off\"",
    "cache.set_cookie = \"strip\"\ncache.jitter = 20\ncache.negative = { 404 = \"9s\" }",
];

prop_compose! {
    fn any_policy()(site in select(SITES), route in select(ROUTES)) -> Policy {
        policy(site, route)
    }
}

prop_compose! {
    fn any_request()(
        method in select(&["GET", "GET", "GET", "HEAD", "QUERY", "POST", "PATCH"][..]),
        fields in subsequence(ASKED, 0..4),
    ) -> Request<'static> {
        req(&std::format!("{method} /a"), &std::format!("Host: a\n{}", fields.join("\n")))
    }
}

fn any_fields() -> impl Strategy<Value = String> {
    (any::<bool>(), subsequence(ANSWERED, 1..5)).prop_map(|(dated, mut fields)| {
        if dated {
            fields.push(DATE);
        }
        fields.join("\n")
    })
}

prop_compose! {
    fn any_inspection(policy: Policy, request: Request<'static>)(
        variants in proptest::collection::vec(
            (
                any_fields(),
                select(&[200_u16, 200, 206, 301, 404, 503][..]),
                select(&["", "Accept-Language: de"][..]),
                select(&[Verdict::Valid, Verdict::Valid, Verdict::Stale, Verdict::Dead][..]),
                select(&[Kept::All, Kept::All, Kept::All, Kept::First, Kept::Less][..]),
            ),
            0..4,
        ),
        marked in proptest::option::weighted(0.2, 0..10_000_u64),
        flights in select(&[0_usize, 0, 0, 1][..]),
        stopping in proptest::bool::weighted(0.1),
    ) -> Inspection {
        let one = |(fields, status, asked, verdict, kept): &(String, u16, &str, Verdict, Kept)| Stored {
            verdict: *verdict,
            kept: *kept,
            ..stored(*status, fields, asked, &policy)
        };
        let mut found = inspection(&request, variants.iter().map(one).collect());
        // A store finds one.
        let mut seen = false;
        for stored in &mut found.variants {
            stored.selected &= !seen && stored.verdict != Verdict::Dead;
            seen |= stored.selected;
        }
        Inspection { marked_for_ms: marked, flights, stopping, ..found }
    }
}

prop_compose! {
    fn any_scene()(policy in any_policy(), request in any_request())(
        inspection in any_inspection(policy.clone(), request),
        policy in Just(policy),
        request in Just(request),
        at in select(&[0_u64, 1, 29, 30, 35, 59, 60, 61, 75, 90, 120, 4000][..]),
    ) -> (Policy, Request<'static>, Inspection, u64) {
        (policy, request, inspection, at)
    }
}

/// The text is lines of plain ASCII, none of them without bound.
fn is_plain(text: &str) -> bool {
    let plain =
        |line: &str| line.len() < 1000 && line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    text.ends_with('\n') && text.lines().all(plain)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_told_is_what_is_decided((policy, request, inspection, at) in any_scene()) {
        let now = Mono(at * 1000);
        let mut text = String::new();
        let outcome = live(&mut text, &request, &policy, &inspection, now);
        prop_assert!(is_plain(&text), "{}", text);
        let last = std::format!("outcome: {}", Told(outcome));
        prop_assert_eq!(text.lines().last(), Some(&*last));
        // The reason is explained, in the words of the table.
        let reason = outcome.reason();
        let explained = reason == Reason::None || text.contains(of_reason(reason).what);
        prop_assert!(explained, "{:?}:\n{}", reason, text);
        // And it is what the rooms say, asked one by one.
        let lookup = cache::request(&request, &policy);
        if let Lookup::Pass(why) = lookup {
            prop_assert_eq!(outcome, Outcome::Pass(why));
            return Ok(());
        }
        let selected = inspection.variants.iter().find(|stored| stored.selected);
        let facts = selected.map(|stored| facts_now(stored, now));
        let may = facts.map(|facts| cache::serve(&request, &facts, &policy, now));
        match outcome {
            Outcome::Hit | Outcome::DiskHit => {
                prop_assert_eq!(may, Some(Serve::Fresh));
                prop_assert!(facts.is_some_and(|facts| facts.is_fresh(now)));
            }
            Outcome::Stale(Reason::StaleWhileRevalidate) => {
                prop_assert_eq!(may, Some(Serve::Stale(Reason::StaleWhileRevalidate)));
            }
            Outcome::Stale(_) => {
                prop_assert_eq!(may, Some(Serve::Fresh));
                prop_assert!(facts.is_some_and(|facts| !facts.is_fresh(now)));
            }
            Outcome::Refused(why) => {
                prop_assert_eq!(why, Reason::OnlyIfCached);
                prop_assert!(cache::only_if_cached(&request, &policy));
            }
            _ => {
                let kept = selected.is_some_and(|stored| stored.kept != Kept::All) || cache::guards(&request);
                prop_assert!(kept || !matches!(may, Some(Serve::Fresh | Serve::Stale(_))));
                prop_assert!(!cache::only_if_cached(&request, &policy));
            }
        }
        if let (Some(Serve::Validate(why)), Outcome::Miss(told)) = (may, outcome) {
            let purged = selected.is_some_and(|stored| stored.verdict == Verdict::Stale);
            let same = why == told || purged && (why, told) == (Reason::Expired, Reason::SoftPurge);
            prop_assert!(same, "{:?} {:?}", why, told);
        }
    }

    #[test]
    fn what_is_stored_is_what_may_be(
        policy in any_policy(),
        request in any_request(),
        fields in any_fields(),
        status in select(&[200_u16, 200, 206, 299, 301, 304, 404, 503][..]),
        delay in 0..20_000_u64,
        spread in 0..1000_u16,
    ) {
        let response = res(status, &fields);
        let times = Times { requested: Mono(5), received: Mono(5 + delay), wall: NOON, spread };
        let mut text = String::new();
        let got = offline(&mut text, &request, &response, &policy, &times);
        prop_assert!(is_plain(&text), "{}", text);
        match (cache::request(&request, &policy), got) {
            (Lookup::Cache, got) => {
                let part = status == 206 && cache::Extent::of(&response, None).is_none();
                let may = cache::storable_part(&request, &response, &policy);
                prop_assert_eq!(got, if part { may.and(Err(NotStored::Partial)) } else { may });
            }
            (Lookup::Pass(_), Ok(())) => {
                prop_assert!(cache::post_answers_get(&request, &response, &policy, b"a", b"/a"));
            }
            (Lookup::Pass(_), Err(_)) => {}
        }
        let facts = cache::Facts::of(&request, &response, &policy, &times);
        if got.is_ok() {
            let age = std::format!("age {}", crate::explain::text::Seconds(facts.initial_age));
            let lifetime = std::format!("lifetime {}", crate::explain::text::Seconds(facts.lifetime));
            prop_assert!(text.contains(&age) && text.contains(&lifetime), "{}", text);
        }
    }
}
