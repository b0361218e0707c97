//! RFC 10008: QUERY is safe and cacheable. That its content is in the key is not seen here.

use crate::story::check;

#[test]
fn query() {
    check(
        r#"
# 2.7 stored, and used again
> QUERY /q | Content-Type: text/plain | Content-Length: 5
< 200 | Cache-Control: max-age=10 | ETag: "a"
=> stored
> QUERY /q | Content-Type: text/plain | Content-Length: 5 => fresh
> QUERY /q | Content-Type: text/plain | Transfer-Encoding: chunked => fresh
@10 > QUERY /q | Content-Length: 5 => validate: expired, stale in place of an error

# 2.7 heuristics as for GET
> QUERY /q | Content-Length: 5
< 200 | Last-Modified: {-100}
lifetime => 10

# 2.7 the rules for storing are those of GET
> QUERY /q | Content-Length: 5
< 200 | Cache-Control: private, max-age=10
=> not stored: private

# 2.7 conditions
> QUERY /q | Content-Length: 5
< 200 | Cache-Control: max-age=10 | ETag: "a"
> QUERY /q | Content-Length: 5 | If-None-Match: "a" => 304

# 2 it is safe
> QUERY /q | Content-Length: 5
< 200
outdates => nothing

# 2.7 where the route caches none
route: cache.query_bytes = "0B"
> QUERY /q | Content-Length: 5
< 200 | Cache-Control: max-age=10
=> pass: method
"#,
    );
}
