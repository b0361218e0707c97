//! A request and its answer, and what the cache rules make of them.

use super::LIMITS;
use ringside_engine::cache::{self, vary, Control, Facts, Policy, Serve, Times};
use ringside_engine::http::{HeadLimits, Parse, RequestHead, Response, ResponseHead};
use ringside_engine::key::Seed;
use ringside_engine::limits::LIFETIME_MAX;
use ringside_engine::time::{Mono, Wall};
use std::sync::OnceLock;

pub(crate) const EXCHANGES: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\nCache-Control: max-stale=5, min-fresh=\"3\"\r\nAccept-Language: de, en;q=0.5\r\n\r\n\
      HTTP/1.1 200 OK\r\nCache-Control: max-age=60, stale-while-revalidate=9, no-cache=\"a, b\"\r\nAge: 5, 6\r\nVary: Accept-Language\r\nContent-Language: de\r\nA: 1\r\n\r\n",
    b"HEAD /x HTTP/1.1\r\nHost: a\r\nPragma: no-cache\r\nIf-None-Match: W/\"a\", b\r\nAccept-Encoding: gzip, *;q=0\r\n\r\n\
      HTTP/1.1 304 -\r\nCDN-Cache-Control: max-age=5, private=\"x\", no-store=?0\r\nETag: w/\"a\"\r\nVary: accept-encoding, Accept\r\n\r\n",
    b"POST /a/b?c HTTP/1.1\r\nHost: a\r\nIf-Match: \"a\"\r\nAuthorization: x\r\n\r\n\
      HTTP/1.1 201 -\r\nLocation: ../x\r\nContent-Location: ?c\r\nExpires: Sun, 06 Nov 2094 08:49:37 GMT\r\nDate: Sunday, 06-Nov-94 08:49:37 GMT\r\nSet-Cookie: a\r\n\r\n",
    b"QUERY /q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nCache-Control: stale-if-error=3\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n\
      HTTP/1.1 503 -\r\nCache-Control: must-understand, no-store, s-maxage=99999999999\r\nLast-Modified: Sun Nov  6 08:49:37 1994\r\nConnection: close, b\r\nB: 2\r\n\r\n",
];

/// The default options of a route; stripped cookies, so that more is stored.
fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| {
        let text = "[origins.o]\nservers = [\"127.0.0.1:1\"]\n[[sites]]\nhosts = [\"*\"]\n\
                    [[sites.routes]]\norigin = \"o\"\ncache.set_cookie = \"strip\"\n";
        let plan = ringside_config::read(text, "fuzz").expect("options that are right");
        let site = &plan.sites[0];
        Policy::of(&site.routes[0].cache, site, &plan.control)
    })
}

/// A request head and the response head behind it: what is stored may be, is served only as the
/// rules allow, has nothing that was to be kept back, and is selected by its own request.
pub(crate) fn caching(bytes: &[u8]) {
    let (mut asks, mut says) = (RequestHead::default(), ResponseHead::default());
    if asks.parse(bytes, &LIMITS) != Ok(Parse::Complete) {
        return;
    }
    let rest = bytes.get(asks.len()..).unwrap_or_default();
    if says.parse(rest, &LIMITS) != Ok(Parse::Complete) {
        return;
    }
    let (request, response, policy) = (asks.view(bytes), says.view(rest), policy());
    let control = Control::of_response(response.fields, &policy.targets);
    let times = Times {
        requested: Mono(1_000),
        received: Mono(2_000),
        wall: Wall(1_795_000_000),
        spread: 7,
    };
    let facts = Facts::of(&request, &response, policy, &times);
    assert!(facts.lifetime <= LIFETIME_MAX && facts.initial_age <= LIFETIME_MAX);
    if cache::storable(&request, &response, policy).is_ok() {
        assert!(!control.private && (!control.no_store || control.must_understand));
        assert!(!matches!(response.status, 0..=199 | 206 | 304));
    }
    for now in [Mono(2_000), Mono(50_000), Mono(u64::MAX)] {
        let fresh = facts.is_fresh(now);
        let never = facts.has(Facts::NO_CACHE) || !fresh && facts.has(Facts::MUST_REVALIDATE);
        match cache::serve(&request, &facts, policy, now) {
            Serve::Fresh => assert!(!never),
            Serve::Stale(_) => assert!(!never && !fresh),
            Serve::Validate(_) => {}
        }
        assert!(!(never && cache::in_place_of_error(&request, &facts, policy, now)));
        assert!(!facts.soft_purged(now).is_fresh(now));
    }
    let mut names = Vec::new();
    vary::normal_names(response.fields, request.fields, policy.language, &mut names);
    let variant = || vary::secondary_of_names(Seed([1, 2]), &names, request.fields);
    assert_eq!(variant(), variant());
    let _ = cache::preconditions(&request, &response);
    let _ = cache::guards_hold(&request, &response);
    let targets = cache::invalidate::targets(b"a", b"/a/b?c", &response);
    assert!(targets.into_iter().all(|target| target.starts_with(b"/")));
    freshened(&response, policy);
}

/// A stored response that is freshened by itself: nothing that is to be kept back comes in, and
/// once is as good as twice.
fn freshened(response: &Response<'_>, policy: &Policy) {
    let freshen = |stored: &Response<'_>| {
        let mut head = Vec::new();
        cache::freshen(stored, response, policy, &mut head);
        head.extend_from_slice(b"\r\n");
        head
    };
    let once = freshen(response);
    let limits = HeadLimits {
        head_bytes: 2 * LIMITS.head_bytes,
        fields: 2 * LIMITS.fields,
        ..LIMITS
    };
    let mut head = ResponseHead::default();
    assert_eq!(
        head.parse(&once, &limits),
        Ok(Parse::Complete),
        "it is a head"
    );
    let fresh = head.view(&once);
    assert!(!cache::withheld(response, policy).any(fresh.fields));
    let twice = freshen(&fresh);
    let lines = |head: &[u8]| {
        let text = String::from_utf8_lossy(head).into_owned();
        let mut lines: Vec<String> = text.split("\r\n").map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&once), lines(&twice));
    let mut asked = Vec::new();
    cache::conditionals_of(&[*response, fresh], &mut asked);
    assert!(asked.is_empty() || asked.ends_with(b"\r\n"));
}
