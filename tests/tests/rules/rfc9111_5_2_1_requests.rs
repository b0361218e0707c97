//! RFC 9111, 5.2.1 and 5.4: what a request may ask of a cache.

use crate::story::check;

#[test]
fn max_age() {
    check(
        r#"
# 5.2.1.1 younger than asked
< 200 | Cache-Control: max-age=60 | Age: 10
> GET | Cache-Control: max-age=11 => fresh
@1 > GET | Cache-Control: max-age=11 => validate: too-old-for-request

# 5.2.1.1 a reload reaches the origin, and gets its answer or an error
< 200 | Cache-Control: max-age=60
> GET | Cache-Control: max-age=0 => validate: too-old-for-request

# 5.2.1.1 without max-stale the client wants nothing stale
route: cache.stale_while_revalidate = "60s"
< 200 | Cache-Control: max-age=10
@20 > GET => stale: stale-while-revalidate
@20 > GET | Cache-Control: max-age=60 => validate: expired

# 5.2.1.1 with it, both count
< 200 | Cache-Control: max-age=10
@20 > GET | Cache-Control: max-age=60, max-stale => fresh
@60 > GET | Cache-Control: max-age=60, max-stale => validate: too-old-for-request

# 5.2.1.1 what is no number asks for everything
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: max-age=soon => validate: too-old-for-request
"#,
    );
}

#[test]
fn max_stale_and_min_fresh() {
    check(
        r#"
# 5.2.1.2 so much staleness
< 200 | Cache-Control: max-age=10
@15 > GET | Cache-Control: max-stale=5 => fresh
@16 > GET | Cache-Control: max-stale=5 => validate: expired
@16 > GET | Cache-Control: max-stale="6" => fresh
@9999 > GET | Cache-Control: max-stale => fresh

# 5.2.1.2 the smaller of two
< 200 | Cache-Control: max-age=10
@16 > GET | Cache-Control: max-stale=5, max-stale => validate: expired

# 5.2.1.2 a limit holds against stale-while-revalidate, too
< 200 | Cache-Control: max-age=10, stale-while-revalidate=60
@16 > GET | Cache-Control: max-stale=5 => validate: expired
@16 > GET => stale: stale-while-revalidate

# 5.2.1.2 what the response forbids is not taken
< 200 | Cache-Control: max-age=10, must-revalidate
@11 > GET | Cache-Control: max-stale => validate: must-revalidate

# 5.2.1.3 so much freshness
< 200 | Cache-Control: max-age=10
@4 > GET | Cache-Control: min-fresh=6 => fresh
@5 > GET | Cache-Control: min-fresh=6 => validate: too-old-for-request
@10 > GET | Cache-Control: min-fresh=0 => validate: expired

# 5.2.1.3 the larger of two
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: min-fresh=1, min-fresh=11 => validate: too-old-for-request

# 5.2.1.3 over max-stale
< 200 | Cache-Control: max-age=10
@10 > GET | Cache-Control: max-stale, min-fresh=1 => validate: expired
"#,
    );
}

#[test]
fn no_cache_no_store_only_if_cached() {
    check(
        r#"
# 5.2.1.4
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: no-cache => validate: no-cache-request
> GET | Cache-Control: NO-CACHE => validate: no-cache-request
> GET | cache-control: x=y | Cache-Control: max-age=60, no-cache => validate: no-cache-request

# 5.2.1.5 neither looked up nor stored
> GET | Cache-Control: no-store
< 200 | Cache-Control: max-age=10
=> pass: request-no-store
> GET | Cache-Control: no-store => pass: request-no-store

# 5.2.1.7 goes with the others
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: only-if-cached => fresh, only if cached
@10 > GET | Cache-Control: only-if-cached => validate: expired, stale in place of an error, only if cached
@10 > GET | Cache-Control: only-if-cached, max-stale => fresh, only if cached

# 5.2.1.6 and others that mean nothing here
< 200 | Cache-Control: max-age=10
> GET | Cache-Control: no-transform, public, s-maxage=0, must-revalidate, private => fresh

# 5.4 Pragma where there is no Cache-Control
< 200 | Cache-Control: max-age=10
> GET | Pragma: no-cache => validate: no-cache-request
> GET | Pragma: x, no-cache => validate: no-cache-request
> GET | Pragma: no-cache | Cache-Control: max-age=60 => fresh
> GET | Pragma: no-store => fresh
"#,
    );
}

#[test]
fn client_directives_ignored() {
    check(
        r#"
# 5.2.1 "advisory": a site may ignore all of them
site: client_directives = "ignore"
> GET | Cache-Control: no-store
< 200 | Cache-Control: max-age=10
=> stored
> GET | Cache-Control: no-cache => fresh
> GET | Cache-Control: max-age=0 => fresh
> GET | Cache-Control: min-fresh=60 => fresh
> GET | Cache-Control: no-store => fresh
> GET | Cache-Control: only-if-cached => fresh
> GET | Pragma: no-cache => fresh
@10 > GET | Cache-Control: max-stale => validate: expired, stale in place of an error
@10 > GET | Cache-Control: no-cache => validate: expired, stale in place of an error

# 5.2.2 those of the response are not
site: client_directives = "ignore"
< 200 | Cache-Control: no-store, max-age=10
=> not stored: no-store
"#,
    );
}
