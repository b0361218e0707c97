//! What is written, read again as the structured field that it is (RFC 9211, 2).

use super::*;
use crate::http::structured::{self, Value};
use alloc::string::String;

const PLAIN: Status<'_> = Status {
    outcome: Outcome::Hit,
    ttl: None,
    forwarded: None,
    stored: false,
    key: None,
    detail: true,
};

fn written(name: &str, status: &Status<'_>) -> String {
    let mut out = Vec::new();
    push(&mut out, name, status);
    String::from_utf8(out).unwrap()
}

#[test]
fn members() {
    let cases = [
        (
            "2.1",
            Status {
                ttl: Some(376),
                ..PLAIN
            },
            "hit; ttl=376",
        ),
        (
            "2.1",
            Status {
                outcome: Outcome::Stale(Reason::StaleWhileRevalidate),
                ttl: Some(-412),
                ..PLAIN
            },
            "hit; ttl=-412; detail=stale-while-revalidate",
        ),
        (
            "2.1 max-stale",
            Status {
                outcome: Outcome::Stale(Reason::Expired),
                ttl: Some(-3),
                ..PLAIN
            },
            "hit; ttl=-3",
        ),
        (
            "2.1 nobody answered",
            Status {
                outcome: Outcome::Stale(Reason::OriginTimeout),
                ttl: Some(-3),
                ..PLAIN
            },
            "hit; ttl=-3; detail=origin-timeout",
        ),
        (
            "2.3 an error answered",
            Status {
                outcome: Outcome::Stale(Reason::OriginError),
                ttl: Some(-3),
                forwarded: Some(503),
                ..PLAIN
            },
            "fwd=stale; fwd-status=503; ttl=-3; detail=origin-error",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::NotStored),
                forwarded: Some(200),
                stored: true,
                ttl: Some(60),
                ..PLAIN
            },
            "fwd=uri-miss; fwd-status=200; stored; ttl=60",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::VaryMiss),
                ..PLAIN
            },
            "fwd=vary-miss",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::Expired),
                forwarded: Some(200),
                ..PLAIN
            },
            "fwd=stale; fwd-status=200",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::SoftPurge),
                ..PLAIN
            },
            "fwd=stale; detail=soft-purge",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::NoCacheRequest),
                ..PLAIN
            },
            "fwd=request; detail=no-cache-request",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::PartMissing),
                forwarded: Some(206),
                stored: true,
                ..PLAIN
            },
            "fwd=partial; fwd-status=206; stored; detail=part-missing",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Miss(Reason::HitForMiss),
                ..PLAIN
            },
            "fwd=miss; detail=hit-for-miss",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Pass(Reason::Method),
                forwarded: Some(201),
                ..PLAIN
            },
            "fwd=method; fwd-status=201",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Pass(Reason::RouteOff),
                ..PLAIN
            },
            "fwd=bypass; detail=route-off",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Pass(Reason::Precondition),
                ..PLAIN
            },
            "fwd=request; detail=precondition",
        ),
        (
            "2.2",
            Status {
                outcome: Outcome::Tunnel,
                forwarded: Some(101),
                ..PLAIN
            },
            "fwd=bypass; fwd-status=101",
        ),
        (
            "2.3",
            Status {
                outcome: Outcome::Revalidated(Reason::Expired),
                forwarded: Some(304),
                ttl: Some(60),
                ..PLAIN
            },
            "fwd=stale; fwd-status=304; ttl=60",
        ),
        (
            "2.3",
            Status {
                outcome: Outcome::Revalidated(Reason::NoCacheStored),
                forwarded: Some(304),
                ..PLAIN
            },
            "fwd=stale; fwd-status=304; detail=no-cache-stored",
        ),
        (
            "2.3",
            Status {
                outcome: Outcome::Revalidated(Reason::NoCacheRequest),
                forwarded: Some(304),
                ..PLAIN
            },
            "fwd=request; fwd-status=304; detail=no-cache-request",
        ),
        (
            "2.3 validated for all variants",
            Status {
                outcome: Outcome::Revalidated(Reason::VaryMiss),
                forwarded: Some(304),
                ..PLAIN
            },
            "fwd=vary-miss; fwd-status=304",
        ),
        (
            "2.6",
            Status {
                outcome: Outcome::Collapsed(Reason::NotStored),
                ..PLAIN
            },
            "fwd=uri-miss; collapsed",
        ),
        (
            "2.6",
            Status {
                outcome: Outcome::Collapsed(Reason::Expired),
                forwarded: Some(200),
                stored: true,
                ttl: Some(0),
                ..PLAIN
            },
            "fwd=stale; fwd-status=200; stored; collapsed; ttl=0",
        ),
        (
            "2.7",
            Status {
                key: Some(b"http://a/\"b\\\xff"),
                ..PLAIN
            },
            "hit; key=\"http://a/\\\"b\\\\?\"",
        ),
        (
            "2.8 not asked for",
            Status {
                outcome: Outcome::Miss(Reason::Busy),
                detail: false,
                ..PLAIN
            },
            "fwd=miss",
        ),
        (
            "2.8 nothing but",
            Status {
                outcome: Outcome::Refused(Reason::OnlyIfCached),
                ..PLAIN
            },
            "detail=only-if-cached",
        ),
        (
            "2.4 largest",
            Status {
                ttl: Some(i64::MAX),
                ..PLAIN
            },
            "hit; ttl=999999999999999",
        ),
        (
            "2.4 least",
            Status {
                ttl: Some(i64::MIN),
                ..PLAIN
            },
            "hit; ttl=-999999999999999",
        ),
        (
            "2.1 a hit has not been stored by this",
            Status {
                forwarded: Some(200),
                stored: true,
                ..PLAIN
            },
            "hit",
        ),
    ];
    for (section, status, want) in cases {
        let want = std::format!("Cache-Status: edge; {want}\r\n");
        assert_eq!(written("edge", &status), want, "{section}");
    }
    let bare = Status {
        outcome: Outcome::Refused(Reason::BadRequest),
        detail: false,
        ..PLAIN
    };
    assert_eq!(
        written("edge", &bare),
        "Cache-Status: edge\r\n",
        "2: parameters are optional"
    );
}

#[test]
fn names() {
    let cases = [
        ("ringside", "ringside"),
        ("Edge-1.example:8080/a", "Edge-1.example:8080/a"),
        ("*", "*"),
        ("1", "\"1\""),
        ("our cache", "\"our cache\""),
        ("a\"b", "\"a\\\"b\""),
        ("", "\"\""),
        ("é", "\"??\""),
    ];
    for (name, want) in cases {
        assert_eq!(
            written(name, &PLAIN),
            std::format!("Cache-Status: {want}; hit\r\n"),
            "2"
        );
    }
}

/// Whatever is told is a member of RFC 9211: known parameters of their types, either `hit` or
/// `fwd` or neither, and what depends on `fwd` only beside it.
#[test]
fn every_member_is_of_rfc_9211() {
    let forwarded = [
        "bypass",
        "method",
        "uri-miss",
        "vary-miss",
        "miss",
        "request",
        "stale",
        "partial",
    ];
    let kinds = [
        Outcome::Revalidated,
        Outcome::Stale,
        Outcome::Miss,
        Outcome::Collapsed,
        Outcome::Pass,
        Outcome::Refused,
    ];
    let reasons = Reason::ALL
        .iter()
        .flat_map(|reason| kinds.map(|kind| kind(*reason)));
    for outcome in reasons.chain([Outcome::Hit, Outcome::Tunnel]) {
        for forwarded_with in [None, Some(503)] {
            let status = Status {
                outcome,
                ttl: Some(-7),
                forwarded: forwarded_with,
                stored: true,
                key: Some(b"k"),
                detail: true,
            };
            let line = written("us", &status);
            let value = line
                .strip_prefix("Cache-Status: ")
                .and_then(|line| line.strip_suffix("\r\n"))
                .unwrap();
            let item = structured::item([value.as_bytes()].into_iter()).expect(value);
            assert_eq!(item.value, Value::Token(b"us"));
            let has = |key| item.parameters.get(key).is_some();
            assert!(!(has("hit") && has("fwd")), "{value}");
            for (key, of) in item.parameters.iter() {
                let fits = match (key, of) {
                    (b"hit" | b"stored" | b"collapsed", Value::Boolean(true)) => true,
                    (b"fwd", Value::Token(why)) => {
                        forwarded.iter().any(|known| known.as_bytes() == *why)
                    }
                    (b"ttl", Value::Integer(-7)) | (b"fwd-status", Value::Integer(503)) => true,
                    (b"key", Value::String(_)) => true,
                    (b"detail", Value::Token(word)) => *word == outcome.reason().word().as_bytes(),
                    _ => false,
                };
                assert!(fits, "{value}");
                if matches!(key, b"fwd-status" | b"stored" | b"collapsed") {
                    assert!(has("fwd"), "{value}");
                }
            }
        }
    }
}
