//! RFC 9111, 3, 3.5 and 7.3: which responses a shared cache may store.

use crate::story::check;

#[test]
fn methods() {
    check(
        r#"
# 3 GET
< 200 | Cache-Control: max-age=10
=> stored

# 4 and it answers HEAD
< 200 | Cache-Control: max-age=10
> HEAD => fresh

# 3 HEAD has no content to store
> HEAD
< 200 | Cache-Control: max-age=10
=> not stored: method

# 3 OPTIONS
> OPTIONS /
< 200 | Cache-Control: max-age=10
=> pass: method

# 3 a method that nobody knows
> PURGE /
< 200 | Cache-Control: max-age=10
=> pass: method

# 9110 9.3.1 GET with content
> GET / | Content-Length: 3
< 200 | Cache-Control: max-age=10
=> pass: method

# 9110 7.8 another protocol
> GET / | Connection: upgrade | Upgrade: websocket
< 200 | Cache-Control: max-age=10
=> pass: upgrade

# a route that does not cache
route: cache.enabled = false
< 200 | Cache-Control: max-age=10
=> pass: route-off
"#,
    );
}

#[test]
fn post() {
    check(
        r#"
# 9110 9.3.3 its own target, and a lifetime of its own
> POST /a?b
< 200 | Content-Location: /a?b | Cache-Control: max-age=10
=> pass: method
answers GET => yes

# 9110 9.3.3 by Expires
> POST /a
< 201 | Content-Location: http://a.example/a | Expires: {+60}
answers GET => yes

# 9110 9.3.3 relative
> POST /a/b
< 200 | Content-Location: b | Cache-Control: max-age=10
answers GET => yes

# 9110 9.3.3 another target
> POST /a
< 200 | Content-Location: /b | Cache-Control: max-age=10
answers GET => no

# 9110 9.3.3 another origin
> POST /a
< 200 | Content-Location: http://b.example/a | Cache-Control: max-age=10
answers GET => no

# 9110 9.3.3 no target
> POST /a
< 200 | Cache-Control: max-age=10
answers GET => no

# 9110 9.3.3 two targets
> POST /a
< 200 | Content-Location: /a | Content-Location: /a | Cache-Control: max-age=10
answers GET => no

# 9110 9.3.3 no lifetime of its own
> POST /a
< 200 | Content-Location: /a | Last-Modified: {-1000}
answers GET => no

# 9110 9.3.3 stale
> POST /a
< 200 | Content-Location: /a | Date: {+0} | Expires: {-60}
answers GET => no

# 3 private
> POST /a
< 200 | Content-Location: /a | Cache-Control: max-age=10, private
answers GET => no

# 3 the request forbids it
> POST /a | Cache-Control: no-store
< 200 | Content-Location: /a | Cache-Control: max-age=10
answers GET => no

# 9110 8.7 an error is not what GET would bring
> POST /a
< 404 | Content-Location: /a | Cache-Control: max-age=10
answers GET => no

# 3.3 a part
> POST /a
< 206 | Content-Location: /a | Cache-Control: max-age=10 | Content-Range: bytes 0-1/2
answers GET => no

# 9110 9.3.4 another method
> PUT /a
< 200 | Content-Location: /a | Cache-Control: max-age=10
answers GET => no

# a route that does not cache
route: cache.enabled = false
> POST /a
< 200 | Content-Location: /a | Cache-Control: max-age=10
answers GET => no
"#,
    );
}

#[test]
fn status_codes() {
    check(
        r#"
# 3 unknown, with a lifetime of its own
< 299 | Cache-Control: max-age=10
=> stored

# 3 unknown, with a lifetime of its own
< 499 | Expires: {+60}
=> stored

# 3 an error, likewise
< 599 | Cache-Control: s-maxage=10
=> stored

# 3 a redirect, likewise
< 302 | Cache-Control: max-age=10
=> stored

# 3 stale, with nothing to validate it by
< 499 | Date: {+0} | Expires: {-60}
=> not stored: no-lifetime

# 3.3 a part, by who stores only wholes
> GET | Range: bytes=0-1
< 206 | Cache-Control: max-age=10 | Content-Range: bytes 0-1/5
=> not stored: partial

# 4.3.4 about something else
< 304 | Cache-Control: max-age=10
=> not stored: status

# 6585 3 "MUST NOT be stored by a cache"
< 428 | Cache-Control: max-age=10
=> not stored: status

# 6585 4
< 429 | Cache-Control: max-age=10
=> not stored: status

# 6585 5
< 431 | Cache-Control: max-age=10
=> not stored: status

# 6585 6
< 511 | Cache-Control: max-age=10
=> not stored: status

# 9110 15.5.17 it answers this request's range
> GET | Range: bytes=9-
< 416 | Cache-Control: max-age=10
=> not stored: status
"#,
    );
}

#[test]
fn authorization() {
    check(
        r#"
# 3.5
> GET | Authorization: Basic eA==
< 200 | Cache-Control: max-age=10
=> not stored: authorization

# 3.5 public
> GET | Authorization: Basic eA==
< 200 | Cache-Control: max-age=10, public
=> stored
> GET => fresh

# 3.5 s-maxage
> GET | Authorization: Basic eA==
< 200 | Cache-Control: s-maxage=10
=> stored

# 3.5 must-revalidate
> GET | Authorization: Basic eA==
< 200 | Cache-Control: max-age=10, must-revalidate
=> stored

# 3.5 no other
> GET | Authorization: Basic eA==
< 200 | Cache-Control: max-age=10, proxy-revalidate
=> not stored: authorization

# 3.5 nor an Expires
> GET | Authorization: Basic eA==
< 200 | Expires: {+60}
=> not stored: authorization

# 3.5 what is stored serves whoever asks
< 200 | Cache-Control: max-age=10
> GET | Authorization: Basic eA== => fresh
"#,
    );
}

#[test]
fn cookies() {
    check(
        r#"
# 7.3 by default only what is clearly for all
< 200 | Cache-Control: max-age=10 | Set-Cookie: a=b
=> not stored: set-cookie

# 7.3 public
< 200 | Cache-Control: max-age=10, public | Set-Cookie: a=b
=> stored
kept => Cache-Control: max-age=10, public | Set-Cookie: a=b

# 7.3 s-maxage
< 200 | Cache-Control: s-maxage=10 | Set-Cookie: a=b
=> stored

# 5.2.2.4 the origin keeps it back
< 200 | Cache-Control: max-age=10, no-cache="Set-Cookie" | Set-Cookie: a=b
=> stored
kept => Cache-Control: max-age=10, no-cache="Set-Cookie"

# 5.2.2.7 likewise
< 200 | Cache-Control: max-age=10, private="x, set-cookie" | Set-Cookie: a=b
kept => Cache-Control: max-age=10, private="x, set-cookie"

# 7.3 never, by route
route: cache.set_cookie = "never"
< 200 | Cache-Control: s-maxage=10, public, private="set-cookie" | Set-Cookie: a=b
=> not stored: set-cookie

# 7.3 stripped, by route
route: cache.set_cookie = "strip"
< 200 | Cache-Control: max-age=10 | Set-Cookie: a=b | set-cookie: c=d | A: 1
=> stored
kept => Cache-Control: max-age=10 | A: 1

# 7.3 a request's cookies do not count
> GET | Cookie: a=b
< 200 | Cache-Control: max-age=10
=> stored
"#,
    );
}
