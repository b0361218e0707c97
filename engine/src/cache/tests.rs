//! Tables, each row with the section it comes from (RFC 9111 where nothing else is said).

mod extent;
mod facts;
mod part;
mod serve;
mod storable;
mod update;
mod validate;
mod vary;

use super::{AcceptLanguage, Control, Lookup, Policy, Refresh, SetCookie};
use crate::http::{HeadLimits, Parse, Request, RequestHead, Response, ResponseHead};
use crate::limits::LIFETIME_MAX;
use crate::outcome::Reason;
use crate::time::{Mono, Wall};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 1 << 16,
    fields: 256,
    target_bytes: 1 << 13,
};

/// 2026-06-15T12:00:00Z, which the dates in these tables lie around.
const NOON: Wall = Wall(1_781_524_800);
const NOON_TEXT: &str = "Mon, 15 Jun 2026 12:00:00 GMT";

/// What a route without any option has.
fn usual() -> Policy {
    Policy {
        enabled: true,
        honours_client: true,
        default_lifetime: None,
        heuristic: true,
        refresh: None,
        lifetime_max: LIFETIME_MAX,
        negative: Box::default(),
        jitter_percent: 0,
        stale_while: None,
        stale_error: Some(3600),
        set_cookie: SetCookie::Explicit,
        language: AcceptLanguage::Normal,
        variants_max: 64,
        no_vary_search: true,
        query_bytes: 65536,
        fragments: true,
        targets: Arc::new([Box::from("CDN-Cache-Control")]),
    }
}

/// Lines written with `\n` as a head; it lives as long as the tests.
fn bytes(first: &str, fields: &str) -> &'static [u8] {
    let mut text = String::from(first);
    for line in fields.lines() {
        text.push_str("\r\n");
        text.push_str(line);
    }
    text.push_str("\r\n\r\n");
    Box::leak(text.into_bytes().into_boxed_slice())
}

/// A request: `"GET"`, `"GET /path"`, `"GET / HTTP/1.0"`.
fn req(line: &str, fields: &str) -> Request<'static> {
    let first = match line.split(' ').count() {
        1 => format!("{line} / HTTP/1.1"),
        2 => format!("{line} HTTP/1.1"),
        _ => String::from(line),
    };
    let bytes = bytes(&first, fields);
    let head: &mut RequestHead = Box::leak(Box::default());
    let parsed = head.parse(bytes, &LIMITS);
    assert!(matches!(parsed, Ok(Parse::Complete)), "{line} {fields}");
    head.view(bytes)
}

fn res(status: u16, fields: &str) -> Response<'static> {
    let bytes = bytes(&format!("HTTP/1.1 {status} Fine"), fields);
    let head: &mut ResponseHead = Box::leak(Box::default());
    let parsed = head.parse(bytes, &LIMITS);
    assert!(matches!(parsed, Ok(Parse::Complete)), "{status} {fields}");
    head.view(bytes)
}

fn seconds(n: u64) -> Mono {
    Mono(n * 1000)
}

#[test]
fn directives() {
    let none = Control::default();
    let max_age = |seconds| Control {
        max_age: Some(seconds),
        ..none
    };
    let max_stale = |seconds| Control {
        max_stale: Some(seconds),
        ..none
    };
    let cases: &[(&str, &str, Control)] = &[
        ("5.2", "", none),
        ("5.2 case", "Cache-Control: MAX-Age=60", max_age(60)),
        ("5.2 quoted form", "Cache-Control: max-age=\"60\"", max_age(60)),
        ("1.2.2", "Cache-Control: max-age=2147483648", max_age(1 << 31)),
        ("1.2.2 larger", "Cache-Control: max-age=2147483649", max_age(1 << 31)),
        (
            "1.2.2 beyond 64 bits",
            "Cache-Control: max-age=99999999999999999999999999",
            max_age(1 << 31),
        ),
        ("1.2.2 zeros", "Cache-Control: max-age=0000000000000000000000060", max_age(60)),
        ("4.2.1 not a number", "Cache-Control: max-age=soon", max_age(0)),
        ("4.2.1 no argument", "Cache-Control: max-age", max_age(0)),
        ("4.2.1 empty", "Cache-Control: max-age=", max_age(0)),
        ("4.2.1 negative", "Cache-Control: max-age=-60", max_age(0)),
        ("4.2.1 plus", "Cache-Control: max-age=+60", max_age(0)),
        ("4.2.1 fraction", "Cache-Control: max-age=60.5", max_age(0)),
        ("4.2.1 space", "Cache-Control: max-age = 60", max_age(0)),
        ("4.2.1 single quotes", "Cache-Control: max-age='60'", max_age(0)),
        ("4.2.1 half a quote", "Cache-Control: max-age=\"60", max_age(0)),
        ("4.2.1 twice", "Cache-Control: max-age=60, max-age=5", max_age(5)),
        ("4.2.1 in two lines", "Cache-Control: max-age=5\nCache-Control: max-age=60", max_age(5)),
        (
            "5.2.2.10",
            "Cache-Control: s-maxage=1, max-age=2",
            Control { s_maxage: Some(1), ..max_age(2) },
        ),
        ("5.2.1.2", "Cache-Control: max-stale", max_stale(None)),
        ("5.2.1.2", "Cache-Control: max-stale=10", max_stale(Some(10))),
        ("5.2.1.2 conflict", "Cache-Control: max-stale, max-stale=10", max_stale(Some(10))),
        ("5.2.1.2 conflict", "Cache-Control: max-stale=9, max-stale", max_stale(Some(9))),
        ("5.2.1.2 conflict", "Cache-Control: max-stale=9, max-stale=8", max_stale(Some(8))),
        ("5.2.1.2 not a number", "Cache-Control: max-stale=x", max_stale(Some(0))),
        (
            "5.2.1.3 the larger asks more",
            "Cache-Control: min-fresh=3, min-fresh=7, min-fresh=5",
            Control { min_fresh: Some(7), ..none },
        ),
        ("5.2.1.4", "Cache-Control: no-cache", Control { no_cache: true, ..none }),
        (
            "5.2.2.4 qualified",
            "Cache-Control: no-cache=\"a, b-c\"",
            Control { no_cache_fields: true, ..none },
        ),
        ("5.2.2.4 as a token", "Cache-Control: no-cache=a", Control { no_cache_fields: true, ..none }),
        (
            "5.2.2.4 what is no list of names says no less than no-cache",
            "Cache-Control: no-cache=\"a, max-age=3\"",
            Control { no_cache: true, ..none },
        ),
        ("5.2.2.4 names nothing", "Cache-Control: no-cache=\" , \"", Control { no_cache: true, ..none }),
        (
            "5.2.2.7 the rest would be another",
            "Cache-Control: private=\"x, Content-Encoding\"",
            Control { private: true, ..none },
        ),
        ("5.2.2.7 empty", "Cache-Control: private=", Control { private: true, ..none }),
        (
            "5861 3 and 4",
            "Cache-Control: Stale-While-Revalidate=3, stale-if-error=\"4\", stale-while-revalidate=2",
            Control { stale_while_revalidate: Some(2), stale_if_error: Some(4), ..none },
        ),
        ("5861 not a number", "Cache-Control: stale-if-error=x", Control { stale_if_error: Some(0), ..none }),
        ("8246", "Cache-Control: immutable", Control { immutable: true, ..none }),
        (
            "5.2.2.7",
            "Cache-Control: private, private=\"x\"",
            Control { private: true, private_fields: true, ..none },
        ),
        (
            "5.2 all flags over lines, empty members",
            "Cache-Control: ,public,,must-revalidate\nX: 1\nCache-Control: proxy-revalidate , must-understand,only-if-cached,no-store,",
            Control {
                public: true,
                must_revalidate: true,
                proxy_revalidate: true,
                must_understand: true,
                only_if_cached: true,
                no_store: true,
                ..none
            },
        ),
        ("5.2.3 unknown", "Cache-Control: community=\"no-store\", nostore, no-storee, -store", none),
        (
            "5.2 a quote left open hides nothing that forbids",
            "Cache-Control: ext=\"a, no-store, no-cache, private, must-revalidate, max-age=9, public",
            Control {
                no_store: true,
                no_cache: true,
                private: true,
                must_revalidate: true,
                ..none
            },
        ),
        (
            "5.2 an escaped quote does not close",
            r#"Cache-Control: ext="\", no-store", public"#,
            Control { public: true, ..none },
        ),
        ("5.2 other fields say nothing", "Pragma: no-cache\nX-Cache-Control: no-store", none),
    ];
    for (section, fields, want) in cases {
        assert_eq!(
            Control::of(req("GET", fields).fields),
            *want,
            "{section}: {fields}"
        );
    }
}

#[test]
fn requests_that_may_be_answered() {
    use Lookup::{Cache, Pass};
    let websocket = "Connection: keep-alive, Upgrade\nUpgrade: websocket";
    let cases: &[(&str, &str, &str, Lookup)] = &[
        ("4 GET", "GET", "", Cache),
        ("4 HEAD", "HEAD", "", Cache),
        ("4 other methods", "POST", "", Pass(Reason::Method)),
        (
            "4 safe is not enough",
            "OPTIONS *",
            "",
            Pass(Reason::Method),
        ),
        ("4 unknown", "PURGE", "", Pass(Reason::Method)),
        (
            "4 methods are case-sensitive",
            "get",
            "",
            Pass(Reason::Method),
        ),
        ("3.5", "GET", "Authorization: Basic eA==", Cache),
        (
            "5.2.1.5",
            "GET",
            "Cache-Control: max-age=0, no-store",
            Pass(Reason::RequestNoStore),
        ),
        (
            "5.2.1.4 is not for here",
            "GET",
            "Cache-Control: no-cache",
            Cache,
        ),
        (
            "9110 9.3.1 content",
            "GET",
            "Content-Length: 3",
            Pass(Reason::Method),
        ),
        (
            "9110 9.3.1 content",
            "GET",
            "Transfer-Encoding: chunked",
            Pass(Reason::Method),
        ),
        ("9110 9.3.1 none", "GET", "Content-Length: 0", Cache),
        ("9110 7.8", "GET", websocket, Pass(Reason::Upgrade)),
        ("9110 7.8 not listed", "GET", "Upgrade: websocket", Cache),
        (
            "9110 7.8 nothing named",
            "GET",
            "Connection: upgrade\nUpgrade: ,",
            Cache,
        ),
        ("9110 7.8 in HTTP/1.0", "GET / HTTP/1.0", websocket, Cache),
        (
            "9110 7.8 may be ignored",
            "GET",
            "Connection: upgrade\nUpgrade: h2c",
            Cache,
        ),
        (
            "9110 7.8 may be ignored",
            "GET",
            "Connection: upgrade\nUpgrade: websocket, H2C",
            Cache,
        ),
        ("4.3 conditions", "GET", "If-None-Match: \"x\"", Cache),
        ("ranges", "GET", "Range: bytes=0-1", Cache),
    ];
    for (section, line, fields, want) in cases {
        assert_eq!(
            super::request(&req(line, fields), &usual()),
            *want,
            "{section}: {line} {fields}"
        );
    }
    let off = Policy {
        enabled: false,
        ..usual()
    };
    assert_eq!(
        super::request(&req("GET", ""), &off),
        Pass(Reason::RouteOff)
    );
}

#[test]
fn targets_that_an_unsafe_request_outdates() {
    for (method, status, want) in [
        ("POST", 200, true),
        ("PUT", 201, true),
        ("DELETE", 204, true),
        ("PATCH", 303, true),
        ("PURGE", 399, true),
        ("POST", 199, false),
        ("POST", 400, false),
        ("POST", 500, false),
        ("GET", 200, false),
        ("HEAD", 200, false),
        ("OPTIONS", 200, false),
    ] {
        let got = super::invalidates(&req(method, ""), status);
        assert_eq!(got, want, "4.4: {method} {status}");
    }
    for (host, value, want) in [
        ("a.example", "/x?y=1", Some("/x?y=1")),
        ("a.example", "/x#part", Some("/x")),
        ("a.example", "http://a.example/x", Some("/x")),
        ("A.example:80", "HTTP://a.EXAMPLE/X", Some("/X")),
        ("a.example", "http://a.example:80/x", Some("/x")),
        ("a.example", "http://a.example:/x", Some("/x")),
        ("a.example:8080", "http://a.example:8080/x", Some("/x")),
        ("a.example", "http://a.example", Some("/")),
        ("a.example", "http://a.example#x", Some("/")),
        ("a.example", "//a.example/x", Some("/x")),
        ("[::1]", "http://[::1]:80/x", Some("/x")),
        // Another origin, or made to look like ours.
        ("a.example", "http://b.example/x", None),
        ("a.example", "https://a.example/x", None),
        ("a.example", "http://a.example:8080/x", None),
        ("a.example:8080", "http://a.example/x", None),
        ("a.example", "http://a.example@b.example/x", None),
        ("a.example", "http://user@a.example/x", None),
        ("a.example", "//b.example/x", None),
        ("a.example", "http://a.example.evil/x", None),
        ("a.example", "http://a.example?x", None),
        ("a.example", "http:/", None),
        ("a.example", "mailto:a@a.example", None),
    ] {
        let got = super::same_origin_target(host.as_bytes(), value.as_bytes());
        assert_eq!(got, want.map(str::as_bytes), "4.4: {host} {value}");
        let got = super::resolve(host.as_bytes(), b"/a/b?c", value.as_bytes());
        let want = want.map(|target| target.as_bytes().into());
        assert_eq!(got, want, "4.4: {host} {value}");
    }
    for (target, value, want) in [
        ("/a/b?c", "d", Some("/a/d")),
        ("/a/b?c", "d/e?f#g", Some("/a/d/e?f")),
        ("/a/b?c", "../d", Some("/a/../d")),
        ("/a/b?c/d", "e", Some("/a/e")),
        ("/", "d", Some("/d")),
        ("/a/b?c", "?d", Some("/a/b?d")),
        ("/a/b?c", "", Some("/a/b?c")),
        ("/a/b?c", "#d", Some("/a/b?c")),
        ("/a/b?c", "d:e", None),
        ("/a/b?c", "./d:e", Some("/a/./d:e")),
        ("*", "d", None),
    ] {
        let got = super::resolve(b"a.example", target.as_bytes(), value.as_bytes());
        let want = want.map(|target| target.as_bytes().into());
        assert_eq!(got, want, "3986 5.2: {target} {value}");
    }
    let response = res(
        201,
        "Location: new\nContent-Location: http://b.example/\nX: /y",
    );
    let all: alloc::vec::Vec<_> =
        super::invalidate::targets(b"a.example", b"/a/", &response).collect();
    assert_eq!(all, [&b"/a/new"[..]], "4.4: both fields, each by itself");
}

#[test]
fn a_policy_is_in_whole_seconds() {
    use core::time::Duration;
    use ringside_config as config;
    let text = "[origins.o]\nservers = [\"127.0.0.1:1\"]\n[[sites]]\nhosts = [\"*\"]\n\
                [[sites.routes]]\norigin = \"o\"\n";
    let mut plan = config::read(text, "test").unwrap();
    let (site, control) = (plan.sites.remove(0), plan.control);
    let cache = site.routes[0].cache.clone();
    assert_eq!(Policy::of(&cache, &site, &control), usual(), "the defaults");
    let asked = config::Cache {
        default_lifetime: Some(Duration::from_millis(1)),
        heuristic: false,
        refresh: Some(config::Refresh {
            min: Duration::from_secs(1800),
            percent: 20,
            max: Duration::MAX,
        }),
        lifetime_max: Some(Duration::from_secs(60)),
        negative: [(404, Duration::from_millis(1500)), (500, Duration::ZERO)].into(),
        jitter_percent: 7,
        stale_while_revalidate: Some(Duration::from_secs(5)),
        stale_if_error: None,
        set_cookie: SetCookie::Strip,
        accept_language: AcceptLanguage::Exact,
        variants_max: 3,
        no_vary_search: false,
        query_bytes: 0,
        fragments: false,
        ..cache
    };
    let want = Policy {
        default_lifetime: Some(1),
        heuristic: false,
        refresh: Some(Refresh {
            min: 1800,
            percent: 20,
            max: 1 << 31,
        }),
        honours_client: false,
        lifetime_max: 60,
        negative: [(404, 2), (500, 0)].into(),
        jitter_percent: 7,
        stale_while: Some(5),
        stale_error: None,
        set_cookie: SetCookie::Strip,
        language: AcceptLanguage::Exact,
        variants_max: 3,
        no_vary_search: false,
        query_bytes: 0,
        fragments: false,
        targets: Arc::new([Box::from("A-Control"), Box::from("B")]),
        ..usual()
    };
    let site = config::Site {
        client_directives: config::ClientDirectives::Ignore,
        ..site
    };
    let control = config::Control {
        targets: ["A-Control".into(), "B".into()].into(),
        ..control
    };
    assert_eq!(Policy::of(&asked, &site, &control), want);
    let of = |status| want.negative_lifetime(status);
    assert_eq!((of(404), of(500), of(501)), (Some(2), Some(0), None));
}
