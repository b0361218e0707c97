//! The text as a whole for some cases, and for many that it agrees with what is decided.

mod agreement;
mod offline;
mod outcomes;

use super::*;
use crate::cache::{vary, Policy, Times};
use crate::http::{HeadLimits, Parse, Request, RequestHead, Response, ResponseHead};
use crate::key::Seed;
use crate::outcome::{NotStored, Outcome, Reason};
use crate::time::Mono;
use alloc::boxed::Box;
use std::format;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 1 << 16,
    fields: 64,
    target_bytes: 1 << 12,
};
/// 2026-06-15T12:00:00Z
const NOON: Wall = Wall(1_781_524_800);
const DATE: &str = "Date: Mon, 15 Jun 2026 12:00:00 GMT";
const SEED: Seed = Seed([3, 4]);

/// The policy of a route with these options.
fn policy(site: &str, route: &str) -> Policy {
    let text = format!(
        "[origins.app]\nservers = [\"127.0.0.1:1\"]\n[[sites]]\nhosts = [\"*\"]\n{site}\n\
         [[sites.routes]]\norigin = \"app\"\n{route}\n"
    );
    let plan = ringside_config::read(&text, "test").expect(route);
    let site = &plan.sites[0];
    Policy::of(&site.routes[0].cache, site, &plan.control)
}

fn lines(first: &str, fields: &str) -> &'static [u8] {
    let mut text = String::from(first);
    for line in fields.lines() {
        text += "\r\n";
        text += line;
    }
    Box::leak((text + "\r\n\r\n").into_bytes().into_boxed_slice())
}

fn req(first: &str, fields: &str) -> Request<'static> {
    let bytes = lines(&format!("{first} HTTP/1.1"), fields);
    let head: &mut RequestHead = Box::leak(Box::default());
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parse::Complete), "{fields}");
    head.view(bytes)
}

fn res(status: u16, fields: &str) -> Response<'static> {
    let bytes = lines(&format!("HTTP/1.1 {status} OK"), fields);
    let head: &mut ResponseHead = Box::leak(Box::default());
    assert_eq!(head.parse(bytes, &LIMITS), Ok(Parse::Complete), "{fields}");
    head.view(bytes)
}

/// A response that has arrived at 0, the answer to `GET /` with `asked`.
fn stored(status: u16, fields: &str, asked: &str, policy: &Policy) -> Stored {
    let (request, response) = (req("GET /", asked), res(status, fields));
    let times = Times {
        requested: Mono(0),
        received: Mono(0),
        wall: NOON,
        spread: 0,
    };
    let facts = Facts::of(&request, &response, policy, &times);
    let mut names = Vec::new();
    vary::normal_names(response.fields, request.fields, policy.language, &mut names);
    let head = lines(&format!("HTTP/1.1 {status} OK"), fields);
    Stored {
        head: head.strip_suffix(b"\r\n").unwrap().to_vec(),
        variant: vary::secondary_of_names(SEED, &names, request.fields),
        vary: names,
        selected: false,
        facts,
        body_bytes: 5120,
        kept: Kept::All,
        tier: "memory",
        uses: 2,
        touched: true,
        verdict: Verdict::Valid,
        groups: 0,
    }
}

/// What is found for a request.
fn inspection(request: &Request<'_>, mut variants: Vec<Stored>) -> Inspection {
    for stored in &mut variants {
        let secondary = vary::secondary_of_names(SEED, &stored.vary, request.fields);
        stored.selected = secondary == stored.variant;
    }
    Inspection {
        site: "www".into(),
        route: "/".into(),
        origin: "app".into(),
        key: Key(0xabc),
        url: "http://www.example.org/a".into(),
        home: 1,
        shards: 2,
        here: 0,
        variants,
        marked_for_ms: None,
        flights: 0,
        stopping: false,
        wall: NOON,
    }
}

fn told(request: &Request<'_>, policy: &Policy, inspection: &Inspection, seconds: u64) -> String {
    let mut out = String::new();
    live(&mut out, request, policy, inspection, Mono(seconds * 1000));
    out
}

#[track_caller]
fn same(told: &str, want: &str) {
    let (told, want) = (told.trim(), want.trim());
    assert_eq!(told, want, "\n{told}\n");
}

#[test]
fn a_hit_is_told_from_the_route_to_the_answer() {
    let policy = policy("", "cache.stale_while_revalidate = \"30s\"");
    let asked = "Accept-Language: de";
    let mut german = stored(
        200,
        &format!("{DATE}\nETag: \"x\"\nContent-Language: de\nVary: X-A, Accept-Language\nCache-Control: max-age=60"),
        asked,
        &policy,
    );
    german.groups = 3;
    let mut gone = stored(
        404,
        &format!("{DATE}\nCache-Control: max-age=5"),
        "",
        &policy,
    );
    (gone.verdict, gone.uses, gone.touched) = (Verdict::Dead, 0, false);
    let request = req(
        "GET /a",
        "Accept-Language: de, en;q=0.5\nCache-Control: max-age=100, min-fresh=5\nRange: bytes=0-9",
    );
    let inspection = inspection(&request, Vec::from([gone, german]));
    same(
        &told(&request, &policy, &inspection, 12),
        r"
GET http://www.example.org/a
 1. site www, route /, origin app
 2. key 00000000000000000000000000000abc: its home is shard 1 of 2
    shard 0 was asked, and asks there
 3. the cache may answer (RFC 9111, 4)
    max-age=100: nothing older than 100 s (RFC 9111, 5.2.1.1)
    min-fresh=5: fresh for at least another 5 s (RFC 9111, 5.2.1.3)
 4. 2 stored responses for this URL (RFC 9111, 4)
    [1] 404, 5120 bytes in memory, not used yet: purged, it is gone
    [2] 200, 5120 bytes in memory, used lately: selected
        varies on accept-language: it is for all who prefer de
            the request has: de, en;q=0.5
        varies on x-a
            the request has none
        in 3 groups (RFC 9875, 2)
 5. age 12 s = 0 on arrival + 12 resident (RFC 9111, 4.2.3)
 6. lifetime 60 s by max-age (RFC 9111, 5.2.2.1)
    fresh for 48 s (RFC 9111, 4.2)
 7. no purge hits it
 8. once stale it is validated before use
    but for 30 s it is served while one request validates it (RFC 5861, 3)
    and for 3600 s (1 h) it is served when the origin fails (RFC 5861, 4)
 9. it is fresh: it may be served (RFC 9111, 4)
10. answer: 206 with bytes 0 to 9 of 5120 (RFC 9110, 15.3.7)
outcome: hit",
    );
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let mut out = String::new();
    let request = req("TRACE /a?b", "Host: a.org");
    let outcome = refused(
        &mut out,
        &request,
        501,
        "not supported here",
        Reason::Method,
    );
    assert_eq!(outcome, Outcome::Refused(Reason::Method));
    same(
        &out,
        "
TRACE http://a.org/a?b
 1. answer: 501: not supported here
outcome: refused (method)",
    );
}

#[test]
fn a_miss_is_told_with_its_question() {
    let policy = policy("", "");
    let tagged = |tag: &str, asked: &str| {
        let fields = format!("{DATE}\nETag: \"{tag}\"\nVary: X\nCache-Control: max-age=60");
        stored(200, &fields, asked, &policy)
    };
    let request = req("GET /a", "X: 1");
    let inspection = inspection(
        &request,
        Vec::from([tagged("y", "X: 2"), tagged("x", "X: 1")]),
    );
    same(
        &told(&request, &policy, &inspection, 200),
        r#"
GET http://www.example.org/a
 1. site www, route /, origin app
 2. key 00000000000000000000000000000abc: its home is shard 1 of 2
    shard 0 was asked, and asks there
 3. the cache may answer (RFC 9111, 4)
 4. 2 stored responses for this URL (RFC 9111, 4)
    [1] 200, 5120 bytes in memory, used lately: selected
        varies on x
            the request has: 1
    [2] 200, 5120 bytes in memory, used lately
        varies on x
            the request has: 1
 5. age 200 s = 0 on arrival + 200 resident (RFC 9111, 4.2.3)
 6. lifetime 60 s by max-age (RFC 9111, 5.2.2.1)
    stale since 140 s (RFC 9111, 4.2)
 7. no purge hits it
 8. once stale it is validated before use
    but for 3600 s (1 h) it is served when the origin fails (RFC 5861, 4)
 9. it may not be served without the origin:
    its freshness lifetime has passed (RFC 9111, 4.2)
10. the origin is asked whether what is stored still holds (RFC 9111, 4.3.1)
    If-None-Match: "x", "y"
    a 304 makes it: revalidated (expired)
    others who ask meanwhile wait for the answer (RFC 9111, 4)
    if it fails, what is stored is served: stale (origin-error) (RFC 5861, 4)
outcome: miss (expired)"#,
    );
}
