//! What may be served without asking: sections 4, 4.2.4 and 5.2.1.

use super::{req, seconds, usual};
use crate::cache::{only_if_cached, serve, Facts, Policy, Serve};
use crate::outcome::Reason;

/// 10 s old on arrival at 0 s, fresh for 60.
const STORED: Facts = Facts {
    received: seconds_const(0),
    delay_ms: 0,
    initial_age: 10,
    lifetime: 60,
    stale_while: 0,
    stale_error: 0,
    status: 200,
    flags: 0,
};

const fn seconds_const(n: u64) -> crate::time::Mono {
    crate::time::Mono(n * 1000)
}

#[test]
fn requests() {
    use Reason::{Expired, MustRevalidate, NoCacheRequest, NoCacheStored, TooOldForRequest};
    use Serve::{Fresh, Validate};
    let must = Facts::MUST_REVALIDATE;
    // Seconds after arrival: 49 is the last fresh one.
    #[rustfmt::skip]
    let cases: &[(&str, &str, u16, u64, Serve)] = &[
        ("4 fresh", "", 0, 0, Fresh),
        ("4.2 to the last second", "", 0, 49, Fresh),
        ("4.2 and no further", "", 0, 50, Validate(Expired)),
        ("5.2.2.4", "", Facts::NO_CACHE, 0, Validate(NoCacheStored)),
        ("5.2.2.4 stale is no matter", "Cache-Control: max-stale", Facts::NO_CACHE, 99, Validate(NoCacheStored)),
        ("5.2.2.2 while fresh", "", must, 49, Fresh),
        // 5.2.1.4, 5.4
        ("5.2.1.4", "Cache-Control: no-cache", 0, 0, Validate(NoCacheRequest)),
        ("5.4", "Pragma: no-cache", 0, 0, Validate(NoCacheRequest)),
        ("5.4 in a list", "Pragma: x, No-Cache", 0, 0, Validate(NoCacheRequest)),
        ("5.4 only without Cache-Control", "Pragma: no-cache\nCache-Control: max-stale", 0, 0, Fresh),
        ("5.4 other", "Pragma: fast", 0, 0, Fresh),
        // 5.2.1.1
        ("5.2.1.1 younger", "Cache-Control: max-age=11", 0, 0, Fresh),
        ("5.2.1.1 just as old, and a bit", "Cache-Control: max-age=10", 0, 0, Validate(TooOldForRequest)),
        ("5.2.1.1 older", "Cache-Control: max-age=11", 0, 1, Validate(TooOldForRequest)),
        ("5.2.1.1 reload", "Cache-Control: max-age=0", 0, 0, Validate(TooOldForRequest)),
        ("5.2.1.1 stale anyhow", "Cache-Control: max-age=1000", 0, 50, Validate(Expired)),
        ("5.2.1.1 not a number", "Cache-Control: max-age=x", 0, 0, Validate(TooOldForRequest)),
        // 5.2.1.3
        ("5.2.1.3 exactly", "Cache-Control: min-fresh=50", 0, 0, Fresh),
        ("5.2.1.3 too little left", "Cache-Control: min-fresh=51", 0, 0, Validate(TooOldForRequest)),
        ("5.2.1.3 stale", "Cache-Control: min-fresh=0", 0, 50, Validate(Expired)),
        // 5.2.1.2, 4.2.4
        ("5.2.1.2 any", "Cache-Control: max-stale", 0, 9999, Fresh),
        ("5.2.1.2 exactly", "Cache-Control: max-stale=10", 0, 60, Fresh),
        ("5.2.1.2 too stale", "Cache-Control: max-stale=10", 0, 61, Validate(Expired)),
        ("5.2.1.2 none", "Cache-Control: max-stale=0", 0, 50, Fresh),
        ("5.2.2.2 over max-stale", "Cache-Control: max-stale", must, 50, Validate(MustRevalidate)),
        ("5.2.1.1 with max-stale", "Cache-Control: max-stale, max-age=15", 0, 60, Validate(TooOldForRequest)),
        ("5.2.1.1 with max-stale", "Cache-Control: max-stale, max-age=100", 0, 60, Fresh),
        ("5.2.1 contradiction", "Cache-Control: max-stale, min-fresh=1", 0, 50, Validate(Expired)),
        // Directives of the other side, and unknown ones.
        ("5.2.1.7", "Cache-Control: only-if-cached", 0, 0, Fresh),
        ("5.2", "Cache-Control: public, x=y", 0, 0, Fresh),
    ];
    for (section, fields, flags, after, want) in cases {
        let facts = Facts {
            flags: *flags,
            ..STORED
        };
        let got = serve(&req("GET", fields), &facts, &usual(), seconds(*after));
        assert_eq!(got, *want, "{section}: {fields} after {after} s");
    }
    let off = Policy {
        enabled: false,
        ..usual()
    };
    let got = serve(&req("GET", ""), &STORED, &off, seconds(0));
    assert_eq!(got, Validate(Reason::RouteOff));
}

#[test]
fn a_response_without_lifetime_is_never_fresh() {
    let facts = Facts {
        lifetime: 0,
        initial_age: 0,
        ..STORED
    };
    assert_eq!(
        serve(&req("GET", ""), &facts, &usual(), seconds(0)),
        Serve::Validate(Reason::Expired)
    );
}

#[test]
fn only_the_cache_may_answer() {
    for (fields, want) in [
        ("Cache-Control: only-if-cached", true),
        (
            "Cache-Control: max-stale\nCache-Control: Only-If-Cached",
            true,
        ),
        ("Cache-Control: max-age=0", false),
        ("Pragma: only-if-cached", false),
        ("", false),
    ] {
        assert_eq!(
            only_if_cached(&req("GET", fields), &usual()),
            want,
            "5.2.1.7: {fields}"
        );
    }
}
