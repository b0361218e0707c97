//! Two heads, and what is told of them.

use super::*;

#[test]
fn a_stored_response_is_told_to_its_end() {
    let policy = policy("", "cache.jitter = 10");
    let times = Times {
        requested: Mono(0),
        received: Mono(2000),
        wall: NOON,
        spread: 999,
    };
    let request = req("GET /a?b=1&utm=2", "Host: a\nAccept-Encoding: br");
    let response = res(
        200,
        &format!(
            "{DATE}\nAge: 10\nConnection: x-a\nX-A: 1\nSet-Cookie: a=b\nETag: \"x\"\n\
             Cache-Control: no-cache=\"set-cookie\", max-age=100, stale-while-revalidate=30\n\
             No-Vary-Search: params=(\"utm\")\nVary: Accept-Encoding"
        ),
    );
    let mut out = String::new();
    assert_eq!(
        offline(&mut out, &request, &response, &policy, &times),
        Ok(())
    );
    same(
        &out,
        r#"
GET /a?b=1&utm=2 -> 200
 1. the cache may answer (RFC 9111, 4)
 2. the response may be stored (RFC 9111, 3)
 3. kept back, for this client only (RFC 9111, 3.1, 5.2.2.4 and 5.2.2.7; cache.set_cookie):
    Set-Cookie
 4. left out, for this connection only (RFC 9111, 3.1):
    Connection
    X-A
 5. for requests that agree in: accept-encoding (RFC 9111, 4.1)
 6. for all queries that come to: ?b=1 (No-Vary-Search)
 7. age 12 s on arrival, the larger of (RFC 9111, 4.2.3):
    Age 10 + 2 of response delay
    0 since its Date, by this clock
 8. lifetime 90 s by max-age (RFC 9111, 5.2.2.1)
    10 s less by this key's share of the route's cache.jitter
    fresh for 78 s (RFC 9111, 4.2)
 9. once stale it is validated before use
    but for 30 s it is served while one request validates it (RFC 5861, 3)
    and for 3600 s (1 h) it is served when the origin fails (RFC 5861, 4)
10. the same request, asked again:
    after 0 s (at once): hit
    after 78 s (stale): stale (stale-while-revalidate)
        it is stale, and may be served while one request validates it (RFC 5861, 3)
    after 108 s (no longer while validated): miss (expired)
        its freshness lifetime has passed (RFC 9111, 4.2)
        if the origin fails: stale (origin-error) (RFC 5861, 4)
    after 3678 s (1 h 1 min) (no longer in place of errors): miss (expired)
        its freshness lifetime has passed (RFC 9111, 4.2)
11. the origin can be asked whether it still holds, by 1 validator (RFC 9111, 4.3.1)
    If-None-Match: "x"
stored"#,
    );
}

#[test]
fn what_is_not_stored_is_told_with_its_reason() {
    let times = Times {
        requested: Mono(0),
        received: Mono(0),
        wall: NOON,
        spread: 0,
    };
    let fresh = "Cache-Control: max-age=60";
    let cases = [
        (
            "GET /a",
            "",
            200,
            "Cache-Control: no-store",
            Err(NotStored::NoStore),
        ),
        (
            "GET /a",
            "",
            200,
            "Cache-Control: private",
            Err(NotStored::Private),
        ),
        ("GET /a", "", 299, "X: 1", Err(NotStored::NoLifetime)),
        ("GET /a", "", 304, fresh, Err(NotStored::Status)),
        (
            "GET /a",
            "",
            200,
            "Cache-Control: max-age=60\nVary: *",
            Err(NotStored::VaryStar),
        ),
        (
            "GET /a",
            "",
            200,
            "Cache-Control: max-age=60\nSet-Cookie: a",
            Err(NotStored::SetCookie),
        ),
        (
            "GET /a",
            "Authorization: a",
            200,
            fresh,
            Err(NotStored::Authorization),
        ),
        (
            "GET /a",
            "Cache-Control: no-store",
            200,
            fresh,
            Err(NotStored::RequestNoStore),
        ),
        (
            "GET /a",
            "Connection: upgrade\nUpgrade: x",
            200,
            fresh,
            Err(NotStored::Method),
        ),
        ("POST /a", "Host: a", 200, fresh, Err(NotStored::Method)),
        (
            "POST /a",
            "Host: a",
            200,
            "Cache-Control: max-age=60\nContent-Location: /a",
            Ok(()),
        ),
        (
            "GET /a",
            "Range: bytes=0-1",
            206,
            fresh,
            Err(NotStored::Partial),
        ),
        (
            "GET /a",
            "Range: bytes=0-1",
            206,
            "Cache-Control: max-age=60\nContent-Range: bytes 0-1/9",
            Ok(()),
        ),
        ("GET /a", "", 200, fresh, Ok(())),
    ];
    for (first, asked, status, fields, want) in cases {
        let (request, response) = (req(first, asked), res(status, fields));
        let mut out = String::new();
        let got = offline(&mut out, &request, &response, &policy("", ""), &times);
        assert_eq!(got, want, "\n{out}");
        let last = out.lines().last().unwrap();
        match want {
            Ok(()) => assert_eq!(last, "stored", "{out}"),
            Err(why) => {
                assert_eq!(last, format!("not stored: {}", why.word()));
                assert!(out.contains(of_not_stored(why).what), "{out}");
            }
        }
    }
    let mut out = String::new();
    let off = policy("", "cache = false");
    let got = offline(&mut out, &req("GET /", ""), &res(200, fresh), &off, &times);
    assert_eq!(got, Err(NotStored::RouteOff));
}

#[test]
fn what_is_kept_back_does_not_validate() {
    let times = Times {
        requested: Mono(0),
        received: Mono(0),
        wall: NOON,
        spread: 0,
    };
    for (control, validators) in [
        ("no-cache=\"etag\"", "it has no validator"),
        ("public", "1 validator"),
    ] {
        let fields = format!("ETag: \"x\"\nCache-Control: max-age=60, {control}");
        let mut out = String::new();
        let stored = offline(
            &mut out,
            &req("GET /", ""),
            &res(200, &fields),
            &policy("", ""),
            &times,
        );
        assert_eq!(stored, Ok(()), "5.2.2.4");
        assert!(out.contains(validators), "5.2.2.4:\n{out}");
    }
}
