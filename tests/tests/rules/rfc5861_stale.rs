//! RFC 5861: stale-while-revalidate and stale-if-error.

use crate::story::check;

#[test]
fn while_revalidating() {
    check(
        r#"
# 3 up to so many seconds
< 200 | Cache-Control: max-age=10, stale-while-revalidate=5
@9 > GET => fresh
@10 > GET => stale: stale-while-revalidate
@14 > GET => stale: stale-while-revalidate
@15 > GET => validate: expired, stale in place of an error

# 3 age counts as ever
< 200 | Cache-Control: max-age=10, stale-while-revalidate=5 | Age: 8
@1 > GET => fresh
@2 > GET => stale: stale-while-revalidate
@7 > GET => validate: expired, stale in place of an error

# 3 stale from the start, and meant so
< 200 | Cache-Control: max-age=0, stale-while-revalidate=5
=> stored
> GET => stale: stale-while-revalidate

# 3 Expires has a lifetime, too
< 200 | Cache-Control: stale-while-revalidate=5 | Expires: {+10}
@10 > GET => stale: stale-while-revalidate

# 3 no number
< 200 | Cache-Control: max-age=10, stale-while-revalidate=x
@10 > GET => validate: expired, stale in place of an error

# 3 the smaller of two
< 200 | Cache-Control: max-age=10, stale-while-revalidate=9, stale-while-revalidate=2
@12 > GET => validate: expired, stale in place of an error

# 9111 4.2.4 must-revalidate
< 200 | Cache-Control: max-age=10, stale-while-revalidate=5, must-revalidate
@10 > GET => validate: expired

# 9111 4.2.4 proxy-revalidate
< 200 | Cache-Control: max-age=10, stale-while-revalidate=5, proxy-revalidate
@10 > GET => validate: expired

# 9111 4.2.4 s-maxage
< 200 | Cache-Control: s-maxage=10, stale-while-revalidate=5
@10 > GET => validate: expired

# 9111 4.2.4 no-cache
< 200 | Cache-Control: max-age=10, stale-while-revalidate=5, no-cache | ETag: "a"
@10 > GET => validate: no-cache-stored

# 9111 5.2.1 a client that wants it otherwise
< 200 | Cache-Control: max-age=10, stale-while-revalidate=50
@20 > GET | Cache-Control: no-cache => validate: no-cache-request
@20 > GET | Pragma: no-cache => validate: no-cache-request
@20 > GET | Cache-Control: max-age=15 => validate: too-old-for-request
@20 > GET | Cache-Control: max-age=60 => validate: expired
@20 > GET | Cache-Control: min-fresh=1 => validate: expired
@20 > GET | Cache-Control: max-stale=9 => validate: expired
@20 > GET | Cache-Control: max-stale=10 => fresh
@20 > GET | Cache-Control: foo => stale: stale-while-revalidate
"#,
    );
}

#[test]
fn if_error() {
    check(
        r#"
# 4 up to so many seconds, longer than the route's hour
< 200 | Cache-Control: max-age=10, stale-if-error=7200
@7209 > GET => validate: expired, stale in place of an error
@7210 > GET => validate: expired

# 4 or shorter
< 200 | Cache-Control: max-age=10, stale-if-error=5
@14 > GET => validate: expired, stale in place of an error
@15 > GET => validate: expired

# 4 not at all
< 200 | Cache-Control: max-age=10, stale-if-error=0
@10 > GET => validate: expired

# 4 although the route has none
route: cache.stale_if_error = "off"
< 200 | Cache-Control: max-age=10, stale-if-error=5
@10 > GET => validate: expired, stale in place of an error

# 4 by the request
route: cache.stale_if_error = "off"
< 200 | Cache-Control: max-age=10
@14 > GET | Cache-Control: stale-if-error=5 => validate: expired, stale in place of an error
@15 > GET | Cache-Control: stale-if-error=5 => validate: expired
@15 > GET => validate: expired

# 4 by the request, less than the route allows
< 200 | Cache-Control: max-age=10
@15 > GET | Cache-Control: stale-if-error=5 => validate: expired

# 9111 4.2.4 what is forbidden no request allows
< 200 | Cache-Control: max-age=10, stale-if-error=60, must-revalidate
@10 > GET | Cache-Control: stale-if-error=60 => validate: expired

# 4 stale from the start, and meant so
< 200 | Cache-Control: max-age=0, stale-if-error=60
=> stored

# 4 the route's own hour is no reason to store
< 200 | Cache-Control: max-age=0
=> not stored: no-lifetime

# 4 a reload may say so, too
< 200 | Cache-Control: max-age=10
@5 > GET | Cache-Control: no-cache, stale-if-error=60 => validate: no-cache-request
"#,
    );
}

#[test]
fn by_route() {
    check(
        r#"
# 3 for responses that say nothing
route: cache.stale_while_revalidate = "30s"
< 200 | Cache-Control: max-age=10
@39 > GET => stale: stale-while-revalidate
@40 > GET => validate: expired, stale in place of an error

# 3 what the response says counts
route: cache.stale_while_revalidate = "30s"
< 200 | Cache-Control: max-age=10, stale-while-revalidate=1
@11 > GET => validate: expired, stale in place of an error

# 3 heuristic lifetimes, too
route: cache.stale_while_revalidate = "30s"
< 200 | Last-Modified: {-100}
@10 > GET => stale: stale-while-revalidate

# 3 not for what was never fresh
route: cache.stale_while_revalidate = "30s"
< 200 | Cache-Control: max-age=0 | ETag: "a"
> GET => validate: expired, stale in place of an error

# 3 not for what was never fresh, nor stored for it
route: cache.stale_while_revalidate = "30s"
< 200 | Cache-Control: max-age=0
=> not stored: no-lifetime

# 9111 4.2.4 forbids it all the same
route: cache.stale_while_revalidate = "30s"
< 200 | Cache-Control: s-maxage=10
@10 > GET => validate: expired
"#,
    );
}
