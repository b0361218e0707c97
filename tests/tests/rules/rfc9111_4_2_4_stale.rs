//! RFC 9111, 4.2.4: what may be served stale when the origin can't be asked, or answers with an
//! error.

use crate::story::check;
use ringside_engine::cache::is_error;

#[test]
fn in_place_of_errors() {
    check(
        r#"
# 4.2.4 nothing forbids it, and the route allows an hour
< 200 | Cache-Control: max-age=10
@10 > GET => validate: expired, stale in place of an error
@3609 > GET => validate: expired, stale in place of an error
@3610 > GET => validate: expired

# 4.2.4 what has a validator only
< 200 | ETag: "a"
@3599 > GET => validate: expired, stale in place of an error
@3600 > GET => validate: expired

# 4.2.4 the route does not allow it
route: cache.stale_if_error = "off"
< 200 | Cache-Control: max-age=10
@10 > GET => validate: expired

# 4.2.4 must-revalidate
< 200 | Cache-Control: max-age=10, must-revalidate
@10 > GET => validate: expired

# 4.2.4 proxy-revalidate
< 200 | Cache-Control: max-age=10, proxy-revalidate
@10 > GET => validate: expired

# 4.2.4 s-maxage
< 200 | Cache-Control: max-age=10, s-maxage=10
@10 > GET => validate: expired

# 4.2.4 no-cache
< 200 | Cache-Control: max-age=10, no-cache | ETag: "a"
@1 > GET => validate: no-cache-stored

# 4.2.4 no-cache of some fields forbids nothing
< 200 | Cache-Control: max-age=10, no-cache="a"
@10 > GET => validate: expired, stale in place of an error

# 4.2.4 a client that insists gets the error
< 200 | Cache-Control: max-age=10
@11 > GET | Cache-Control: no-cache => validate: no-cache-request
@11 > GET | Pragma: no-cache => validate: no-cache-request
@11 > GET | Cache-Control: max-age=5 => validate: too-old-for-request
@11 > GET | Cache-Control: min-fresh=1 => validate: expired
@11 > GET | Cache-Control: max-stale=0 => validate: expired

# 4.2.4 one that only wants freshness gets it while there is some
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: min-fresh=20 => validate: too-old-for-request
"#,
    );
}

#[test]
fn errors() {
    // RFC 5861, 4. A 501 is the origin's word about the request, and a 4xx about the resource.
    let errors: Vec<u16> = (100..=999).filter(|status| is_error(*status)).collect();
    assert_eq!(errors, [500, 502, 503, 504]);
}
