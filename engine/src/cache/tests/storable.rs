//! What a shared cache may store: sections 3, 3.5 and 5.2.2.

use super::{req, res, usual};
use crate::cache::{storable, Policy, Refresh, SetCookie};
use crate::outcome::NotStored;

const OK: Result<(), NotStored> = Ok(());

#[test]
fn responses() {
    use NotStored::{
        Authorization, Method, NoLifetime, NoStore, Partial, Private, RequestNoStore, SetCookie,
        Status, VaryStar,
    };
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        u16,
        &'static str,
        Result<(), NotStored>,
    );
    #[rustfmt::skip]
    let cases: &[Row] = &[
        // 3: the method
        ("3", "GET", "", 200, "Cache-Control: max-age=1", OK),
        ("3", "HEAD", "", 200, "Cache-Control: max-age=1", Err(Method)),
        ("9110 9.3.3", "POST", "", 200, "Cache-Control: max-age=1", Err(Method)),
        // 3: the status
        ("3 not final", "GET", "", 103, "Cache-Control: max-age=1", Err(Status)),
        ("3.3", "GET", "", 206, "Cache-Control: max-age=1\nContent-Range: bytes 0-1/5", Err(Partial)),
        ("4.3.4", "GET", "", 304, "Cache-Control: max-age=1", Err(Status)),
        ("3 unknown, explicit", "GET", "", 299, "Cache-Control: max-age=1", OK),
        ("3 error, explicit", "GET", "", 503, "Cache-Control: max-age=1", OK),
        ("3 redirect, explicit", "GET", "", 302, "Expires: Mon, 15 Jun 2099 12:00:00 GMT", OK),
        ("about the request", "GET", "If-Match: \"x\"", 412, "Cache-Control: max-age=1", Err(Status)),
        ("about the request", "GET", "Range: bytes=9-", 416, "Cache-Control: max-age=1", Err(Status)),
        ("6585 3", "GET", "", 428, "Cache-Control: max-age=1", Err(Status)),
        ("6585 4", "GET", "", 429, "Cache-Control: max-age=1", Err(Status)),
        ("6585 5", "GET", "", 431, "Cache-Control: max-age=1", Err(Status)),
        ("6585 6", "GET", "", 511, "Cache-Control: max-age=1", Err(Status)),
        // 3: no-store, on either side
        ("5.2.1.5", "GET", "Cache-Control: no-store", 200, "Cache-Control: max-age=1", Err(RequestNoStore)),
        ("5.2.2.5", "GET", "", 200, "Cache-Control: max-age=1, no-store", Err(NoStore)),
        ("5.2.2.3", "GET", "", 200, "Cache-Control: must-understand, no-store, max-age=1", OK),
        ("5.2.2.3 unknown", "GET", "", 299, "Cache-Control: must-understand, no-store, max-age=1", Err(Status)),
        ("5.2.2.3 unknown", "GET", "", 299, "Cache-Control: must-understand, max-age=1", Err(Status)),
        ("5.2.2.3 not about private", "GET", "", 200, "Cache-Control: must-understand, no-store, private", Err(Private)),
        // 3: private
        ("5.2.2.7", "GET", "", 200, "Cache-Control: private, max-age=1", Err(Private)),
        ("5.2.2.7 qualified", "GET", "", 200, "Cache-Control: private=\"x\", max-age=1", OK),
        ("5.2.2.7 qualified, malformed", "GET", "", 200, "Cache-Control: private=\"\", max-age=1", Err(Private)),
        ("5.2.2.7 over public", "GET", "", 200, "Cache-Control: public, private", Err(Private)),
        // 3.5
        ("3.5", "GET", "Authorization: x", 200, "Cache-Control: max-age=1", Err(Authorization)),
        ("3.5 public", "GET", "Authorization: x", 200, "Cache-Control: public, max-age=1", OK),
        ("3.5 s-maxage", "GET", "Authorization: x", 200, "Cache-Control: s-maxage=1", OK),
        ("3.5 must-revalidate", "GET", "Authorization: x", 200, "Cache-Control: must-revalidate, max-age=1", OK),
        ("3.5 not listed", "GET", "Authorization: x", 200, "Cache-Control: proxy-revalidate, max-age=1", Err(Authorization)),
        // 7.3
        ("7.3", "GET", "", 200, "Cache-Control: max-age=1\nSet-Cookie: a=b", Err(SetCookie)),
        ("7.3 explicit", "GET", "", 200, "Cache-Control: max-age=1, public\nSet-Cookie: a=b", OK),
        ("7.3 explicit", "GET", "", 200, "Cache-Control: s-maxage=1\nSet-Cookie: a=b", OK),
        // 4.1
        ("4.1", "GET", "", 200, "Cache-Control: max-age=1\nVary: *", Err(VaryStar)),
        ("4.1 in a list", "GET", "", 200, "Cache-Control: max-age=1\nVary: a\nVary: b, *", Err(VaryStar)),
        ("4.1", "GET", "", 200, "Cache-Control: max-age=1\nVary: a", OK),
        // 3, last point: something that allows it, and some use
        ("3 nothing at all", "GET", "", 200, "", Err(NoLifetime)),
        ("4.2.2 heuristic", "GET", "", 200, "Last-Modified: Mon, 15 Jun 2020 12:00:00 GMT", OK),
        ("4.3 validator", "GET", "", 200, "ETag: \"x\"", OK),
        ("4.2.2 not this status", "GET", "", 302, "ETag: \"x\"", Err(NoLifetime)),
        ("4.2.2 public allows", "GET", "", 302, "Cache-Control: public\nETag: \"x\"", OK),
        ("5.3", "GET", "", 200, "Expires: Mon, 15 Jun 2099 12:00:00 GMT", OK),
        ("5.3 past, of no use", "GET", "", 200, "Expires: 0", Err(NoLifetime)),
        ("5.3 past, to be validated", "GET", "", 200, "Expires: 0\nETag: \"x\"", OK),
        ("4.2.1 max-age=0", "GET", "", 200, "Cache-Control: max-age=0", Err(NoLifetime)),
        ("4.2.1 s-maxage counts", "GET", "", 200, "Cache-Control: max-age=9, s-maxage=0", Err(NoLifetime)),
        ("5.2.2.4 of no use", "GET", "", 200, "Cache-Control: no-cache, max-age=9", Err(NoLifetime)),
        ("5.2.2.4 to be validated", "GET", "", 200, "Cache-Control: no-cache\nETag: \"x\"", OK),
    ];
    for (section, line, asks, status, fields, want) in cases {
        let got = storable(&req(line, asks), &res(*status, fields), &usual());
        assert_eq!(got, *want, "{section}: {line} {asks} -> {status} {fields}");
    }
}

#[test]
fn heuristics_by_status() {
    // RFC 9110, 15.1, less 206.
    let known = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    for status in (200..600).filter(|status| !matches!(status, 206 | 304)) {
        let response = res(status, "ETag: \"x\"");
        let got = storable(&req("GET", ""), &response, &usual()).is_ok();
        assert_eq!(got, known.contains(&status), "{status}");
    }
}

#[test]
fn policies() {
    let silent = res(200, "");
    let cookie = res(200, "Cache-Control: public, max-age=1\nSet-Cookie: a=b");
    let refresh = |min| Policy {
        refresh: Some(Refresh {
            min,
            percent: 20,
            max: 9,
        }),
        ..usual()
    };
    let check =
        |response, policy, want| assert_eq!(storable(&req("GET", ""), response, &policy), want);
    check(&silent, usual(), Err(NotStored::NoLifetime));
    check(
        &silent,
        Policy {
            default_lifetime: Some(1),
            ..usual()
        },
        OK,
    );
    check(
        &silent,
        Policy {
            default_lifetime: Some(0),
            ..usual()
        },
        Err(NotStored::NoLifetime),
    );
    check(&silent, refresh(1), OK);
    check(&silent, refresh(0), Err(NotStored::NoLifetime));
    check(
        &silent,
        Policy {
            enabled: false,
            ..refresh(1)
        },
        Err(NotStored::RouteOff),
    );
    check(&cookie, usual(), OK);
    check(
        &cookie,
        Policy {
            set_cookie: SetCookie::Never,
            ..usual()
        },
        Err(NotStored::SetCookie),
    );
    // A default is a heuristic: only for the status codes that may have one (4.2.2).
    check(
        &res(500, ""),
        Policy {
            default_lifetime: Some(60),
            ..usual()
        },
        Err(NotStored::NoLifetime),
    );
}
