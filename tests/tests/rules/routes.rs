//! What a route says about freshness, where an RFC leaves it to the cache (RFC 9111, 4.2 and
//! 4.2.2).

use crate::story::check;

#[test]
fn default_and_refresh() {
    check(
        r#"
# 4.2.2 a default for what has no other
route: cache.default = "60s"
< 200
lifetime => 60

# 4.2.2 after the heuristic
route: cache.default = "60s"
< 200 | Last-Modified: {-100}
lifetime => 10

# 4.2.2 not for every status
route: cache.default = "60s"
< 500
=> not stored: no-lifetime

# 4.2.2 without a heuristic
route: cache.heuristic = false
< 200 | Last-Modified: {-100}
lifetime => 0

# refresh_pattern . 30 20% 3600: the least
route: cache.refresh = { min = "30m", percent = 20, max = "60h" }
< 200 | Last-Modified: {-100}
lifetime => 1800

# refresh_pattern: the share
route: cache.refresh = { min = "30m", percent = 20, max = "60h" }
< 200 | Last-Modified: {-86400}
lifetime => 17280

# refresh_pattern: the most
route: cache.refresh = { min = "30m", percent = 20, max = "60h" }
< 200 | Last-Modified: {-999999999}
lifetime => 216000

# refresh_pattern: not beside what is stated
route: cache.refresh = { min = "30m", percent = 20, max = "60h" }
< 200 | Cache-Control: max-age=5
lifetime => 5
"#,
    );
}

#[test]
fn lifetime_max() {
    check(
        r#"
# 4.2 what is stated
route: cache.lifetime_max = "30s"
< 200 | Cache-Control: max-age=60
lifetime => 30

# 4.2 what is not
route: cache.lifetime_max = "30s"
route: cache.default = "60s"
< 200
lifetime => 30

# 4.2 what is shorter
route: cache.lifetime_max = "30s"
< 200 | Cache-Control: max-age=5
lifetime => 5
"#,
    );
}

#[test]
fn negative() {
    check(
        r#"
# by status
route: cache.negative = { "404" = "10s", "5xx" = "1s", "503" = "5s" }
< 404
=> stored
lifetime => 10

# by class
route: cache.negative = { "404" = "10s", "5xx" = "1s", "503" = "5s" }
< 500
=> stored
lifetime => 1

# by name within a class
route: cache.negative = { "404" = "10s", "5xx" = "1s", "503" = "5s" }
< 503
lifetime => 5

# others
route: cache.negative = { "404" = "10s", "5xx" = "1s" }
< 403
=> not stored: no-lifetime

# over the heuristic
route: cache.negative = { "404" = "10s" }
< 404 | Last-Modified: {-1000}
lifetime => 10

# over the default
route: cache.negative = { "404" = "10s" }
route: cache.default = "60s"
< 404
lifetime => 10

# 4.2.1 not over what is stated
route: cache.negative = { "404" = "10s" }
< 404 | Cache-Control: max-age=60
lifetime => 60

# 4.2.1 stated to be none
route: cache.negative = { "404" = "10s" }
< 404 | Expires: 0
=> not stored: no-lifetime

# 5.2.2.5 not where it is forbidden
route: cache.negative = { "404" = "10s" }
< 404 | Cache-Control: no-store
=> not stored: no-store

# 5.2.2.4 nor where it must be validated
route: cache.negative = { "404" = "10s" }
< 404 | Cache-Control: no-cache
=> not stored: no-lifetime

# 6585 4 nor what no cache may store
route: cache.negative = { "4xx" = "10s" }
< 429
=> not stored: status

# 3.5 nor for one user
route: cache.negative = { "401" = "10s" }
> GET | Authorization: Basic eA==
< 401
=> not stored: authorization
"#,
    );
}

#[test]
fn jitter() {
    check(
        r#"
# the first place of all keys
route: cache.jitter = 10
< 200 | Cache-Control: max-age=1000
lifetime => 1000

# the last
route: cache.jitter = 10
spread 999
< 200 | Cache-Control: max-age=1000
lifetime => 900

# between them
route: cache.jitter = 10
spread 500
< 200 | Cache-Control: max-age=1000
lifetime => 950

# beyond them
route: cache.jitter = 50
spread 65535
< 200 | Cache-Control: max-age=1000
lifetime => 500

# a second stays one
route: cache.jitter = 50
spread 999
< 200 | Cache-Control: max-age=1
lifetime => 1

# after the cap
route: cache.jitter = 10
route: cache.lifetime_max = "100s"
spread 999
< 200 | Cache-Control: max-age=1000
lifetime => 90

# 4.2.2 heuristic lifetimes, too
route: cache.jitter = 10
spread 999
< 200 | Last-Modified: {-10000}
lifetime => 900

# none
spread 999
< 200 | Cache-Control: max-age=1000
lifetime => 1000
"#,
    );
}
