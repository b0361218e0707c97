//! RFC 9111, 3.2: which fields of a 304, or of an answer to HEAD, take the place of stored ones.

use crate::story::check;

#[test]
fn fields() {
    check(
        r#"
# 3.2 what it has replaces, what it has not stays
< 200 | ETag: "a" | Cache-Control: max-age=1 | A: 1 | B: 2
@1 <304 | ETag: "a" | Cache-Control: max-age=9 | A: 3 | C: 4 => freshened
kept => B: 2 | ETag: "a" | Cache-Control: max-age=9 | A: 3 | C: 4
@9 > GET => fresh
@10 > GET => validate: expired, stale in place of an error

# 3.2 all lines of a name
< 200 | ETag: "a" | A: 1 | a: 2
<304 | A: 3 | A: 4 => freshened
kept => ETag: "a" | A: 3 | A: 4

# 3.2 an origin may correct what it said of the content
< 200 | ETag: "a" | Content-Type: text/plain | Content-Language: en | Content-Foo: x | Content-Location: /a | Content-Security-Policy: a
<304 | Content-Type: text/html | Content-Language: de | Content-Foo: y | Content-Location: /b | Content-Security-Policy: b => freshened
kept => ETag: "a" | Content-Type: text/html | Content-Language: de | Content-Foo: y | Content-Location: /b | Content-Security-Policy: b

# 3.2 never Content-Length, nor how its own content would have been sent
< 200 | ETag: "a" | Content-Encoding: br | Content-Digest: x
<304 | Content-Length: 10 | Content-Encoding: gzip | Content-Range: bytes 0-1/2 | Content-Digest: y => freshened
kept => ETag: "a" | Content-Encoding: br | Content-Digest: x

# 3.1 nor what is not stored
< 200 | ETag: "a" | B: 1
<304 | Connection: close, b | B: 2 | Keep-Alive: 5 | Proxy-Authenticate: x | Transfer-Encoding: chunked => freshened
kept => ETag: "a" | B: 1

# 3.2 Expires
< 200 | ETag: "a" | Expires: {+1}
@2 <304 | Expires: {+9} => freshened
@8 > GET => fresh
@9 > GET => validate: expired, stale in place of an error

# 5.2.2.4 what the stored list keeps back stays back
< 200 | ETag: "a" | Cache-Control: no-cache="a", max-age=5 | A: 1
<304 | A: 2 | B: 3 => freshened
kept => ETag: "a" | Cache-Control: no-cache="a", max-age=5 | B: 3

# 5.2.2.4 a new list keeps back what was stored
< 200 | ETag: "a" | Cache-Control: max-age=5 | A: 1 | B: 1
<304 | Cache-Control: private="A", max-age=5 | A: 2 => freshened
kept => ETag: "a" | B: 1 | Cache-Control: private="A", max-age=5

# 5.2.2.4 a list that is gone keeps nothing back
< 200 | ETag: "a" | Cache-Control: no-cache="a", max-age=5 | A: 1
<304 | Cache-Control: max-age=5 | A: 2 => freshened
kept => ETag: "a" | Cache-Control: max-age=5 | A: 2

# 7.3 cookies that the route strips
route: cache.set_cookie = "strip"
< 200 | ETag: "a" | Cache-Control: max-age=5
<304 | Set-Cookie: a=b => freshened
kept => ETag: "a" | Cache-Control: max-age=5

# 7.3 a cookie that nobody strips makes it one client's own
< 200 | ETag: "a" | Cache-Control: max-age=5
<304 | Set-Cookie: a=b => not stored: set-cookie

# 5.2.2 directives that come with a 304 count
< 200 | ETag: "a" | Cache-Control: max-age=5
<304 | Cache-Control: private => not stored: private

# 9213 2.2 a targeted field that stays goes before a Cache-Control that comes
< 200 | ETag: "a" | CDN-Cache-Control: max-age=60 | Cache-Control: max-age=1
<304 | Cache-Control: max-age=2 => freshened
lifetime => 60
"#,
    );
}

#[test]
fn age() {
    check(
        r#"
# 4.2.3 counts from the 304
< 200 | ETag: "a" | Cache-Control: max-age=5
@100 <304 | ETag: "a" => freshened
age => 0
@104 > GET => fresh
@105 > GET => validate: expired, stale in place of an error

# 4.2.3 or from before, as the 304 says
< 200 | ETag: "a" | Cache-Control: max-age=5 | Age: 1
@100 <304 | ETag: "a" | Age: 3 => freshened
age => 3
kept => Cache-Control: max-age=5 | ETag: "a"

# 4.2.3 the old Date does not
< 200 | ETag: "a" | Cache-Control: max-age=5 | Date: {+0}
@100 <304 | ETag: "a" => freshened
age => 0
"#,
    );
}

#[test]
fn head() {
    check(
        r#"
# 4.3.5 nothing contradicts
< 200 | Cache-Control: max-age=5 | A: 1 | B: 1
@9 <HEAD 200 | Cache-Control: max-age=60 | A: 2 => freshened
kept => B: 1 | Cache-Control: max-age=60 | A: 2
@20 > GET => fresh

# 4.3.5 the same length (what is stored has 10 bytes)
< 200 | Cache-Control: max-age=5
<HEAD 200 | Content-Length: 10 => freshened

# 4.3.5 another length
< 200 | Cache-Control: max-age=5
<HEAD 200 | Content-Length: 11 => outdated

# 4.3.5 no length at all
< 200 | Cache-Control: max-age=5
<HEAD 200 | Content-Length: ten => outdated

# 4.3.5 the same tag
< 200 | Cache-Control: max-age=5 | ETag: "a"
<HEAD 200 | ETag: W/"a" => freshened

# 4.3.5 another tag
< 200 | Cache-Control: max-age=5 | ETag: "a"
<HEAD 200 | ETag: "b" => outdated

# 4.3.5 a tag where there was none
< 200 | Cache-Control: max-age=5
<HEAD 200 | ETag: "b" => outdated

# 4.3.5 no tag where there was one
< 200 | Cache-Control: max-age=5 | ETag: "a"
<HEAD 200 => freshened

# 4.3.5 the same date
< 200 | Cache-Control: max-age=5 | Last-Modified: {-60}
<HEAD 200 | Last-Modified: {-60} => freshened

# 4.3.5 another date
< 200 | Cache-Control: max-age=5 | Last-Modified: {-60}
<HEAD 200 | Last-Modified: {-50} => outdated

# 4.3.5 the same tag and another date
< 200 | Cache-Control: max-age=5 | ETag: "a" | Last-Modified: {-60}
<HEAD 200 | ETag: "a" | Last-Modified: {-50} => outdated

# 4.3.5 another coding
< 200 | Cache-Control: max-age=5 | Content-Encoding: gzip
<HEAD 200 => outdated

# 4.3.5 an error is outdated by a success
< 404 | Cache-Control: max-age=5
<HEAD 200 => outdated

# 4.3.5 anything but a 200 says nothing
< 200 | Cache-Control: max-age=5
<HEAD 410 | Cache-Control: max-age=60 => nothing
<HEAD 503 => nothing
<HEAD 304 => nothing
"#,
    );
}
