//! RFC 9110, 13, and RFC 9111, 4.3.2: conditions of clients, answered from what is stored.

use crate::story::check;

#[test]
fn if_none_match() {
    check(
        r#"
# 13.1.2
< 200 | Cache-Control: max-age=60 | ETag: "abcdef"
> GET | If-None-Match: "abcdef" => 304
> HEAD | If-None-Match: "abcdef" => 304
> GET | If-None-Match: "abcdef", "1234", "5678" => 304
> GET | If-None-Match: "1234", "abcdef", "5678" => 304
> GET | If-None-Match: "1234" | If-None-Match: "5678","abcdef" => 304
> GET | If-None-Match: * => 304
> GET | If-None-Match: W/"abcdef" => 304
> GET | If-None-Match: "1234" => fresh
> GET | If-None-Match: "ABCDEF" => fresh
> GET | If-None-Match: => fresh

# 8.8.3.2 weak comparison
< 200 | Cache-Control: max-age=60 | ETag: W/"abcdef"
> GET | If-None-Match: W/"abcdef" => 304
> GET | If-None-Match: "abcdef" => 304
> GET | If-None-Match: w/"abcdef" => 304

# 8.8.3 quotes that are missing
< 200 | Cache-Control: max-age=60 | ETag: "abcdef"
> GET | If-None-Match: abcdef => 304
> GET | If-None-Match: 1234, abcdef => 304
> GET | If-None-Match: abc => fresh

# 8.8.3 quotes that are missing
< 200 | Cache-Control: max-age=60 | ETag: abcdef
> GET | If-None-Match: abcdef => 304
> GET | If-None-Match: "abcdef" => 304

# 8.8.3 a W in another case
< 200 | Cache-Control: max-age=60 | ETag: w/"abcdef"
> GET | If-None-Match: w/"abcdef" => 304
> GET | If-None-Match: W/"abcdef" => 304

# 8.8.3 other spellings equal themselves
< 200 | Cache-Control: max-age=60 | ETag: W\"abcdef"
> GET | If-None-Match: W\"abcdef" => 304

# 8.8.3 bytes beyond ASCII
< 200 | Cache-Control: max-age=60 | ETag: "abcdefü"
> GET | If-None-Match: "abcdefü" => 304

# 8.8.3 commas within
< 200 | Cache-Control: max-age=60 | ETag: "a,b"
> GET | If-None-Match: "x", "a,b" => 304
> GET | If-None-Match: "a", "b" => fresh

# 13.2.2 it decides, not the date
< 200 | Cache-Control: max-age=60 | ETag: "a" | Last-Modified: {-60}
> GET | If-None-Match: "a" | If-Modified-Since: {-3600} => 304
> GET | If-None-Match: "b" | If-Modified-Since: {-60} => fresh

# 13.2.1 only for a success
< 404 | Cache-Control: max-age=60 | ETag: "a"
> GET | If-None-Match: "a" => fresh

# 4.3.2 not before it is validated
< 200 | Cache-Control: max-age=60 | ETag: "a"
@60 > GET | If-None-Match: "a" => validate: expired, stale in place of an error
@60 <304 | ETag: "a" => freshened
@60 > GET | If-None-Match: "a" => 304
"#,
    );
}

#[test]
fn if_modified_since() {
    check(
        r#"
# 13.1.3
< 200 | Cache-Control: max-age=60 | Last-Modified: {-3600}
> GET | If-Modified-Since: {-3600} => 304
> GET | If-Modified-Since: {-1} => 304
> GET | If-Modified-Since: {-3601} => fresh
> HEAD | If-Modified-Since: {-3600} => 304

# 13.1.3 no date
< 200 | Cache-Control: max-age=60 | Last-Modified: {-3600}
> GET | If-Modified-Since: today => fresh
> GET | If-Modified-Since: Thu, 18 AUG 2050 02:01:18 GMT => fresh
> GET | If-Modified-Since: {-1} | If-Modified-Since: {-1} => fresh

# 13.1.3 the other forms
< 200 | Cache-Control: max-age=60 | Last-Modified: {-3600}
> GET | If-Modified-Since: Monday, 15-Jun-26 11:00:00 GMT => 304
> GET | If-Modified-Since: Mon Jun 15 11:00:00 2026 => 304

# 9111 4.3.2 by Date where nothing else is
< 200 | Cache-Control: max-age=60 | Date: {-10}
> GET | If-Modified-Since: {-10} => 304
> GET | If-Modified-Since: {-11} => fresh

# 9111 4.3.2 nothing to compare with
< 200 | Cache-Control: max-age=60
> GET | If-Modified-Since: {-10} => fresh
"#,
    );
}

#[test]
fn guards() {
    check(
        r#"
# 13.1.1 what is stored meets it
< 200 | Cache-Control: max-age=60 | ETag: "a"
> GET | If-Match: "a" => fresh
> GET | If-Match: "b", "a" => fresh
> GET | If-Match: * => fresh
> GET | If-Match: "b" => pass: precondition
> GET | If-Match: W/"a" => pass: precondition
> GET | If-Match: => pass: precondition
> GET | If-Match: "a" | If-None-Match: "a" => 304

# 13.1.1 strong comparison
< 200 | Cache-Control: max-age=60 | ETag: W/"a"
> GET | If-Match: W/"a" => pass: precondition
> GET | If-Match: "a" => pass: precondition

# 13.1.1 only the origin knows
< 200 | Cache-Control: max-age=60
> GET | If-Match: "a" => pass: precondition

# 13.1.1 of an error there is no representation
< 404 | Cache-Control: max-age=60 | ETag: "a"
> GET | If-Match: * => pass: precondition

# 13.1.4
< 200 | Cache-Control: max-age=60 | Last-Modified: {-60}
> GET | If-Unmodified-Since: {-60} => fresh
> GET | If-Unmodified-Since: {+0} => fresh
> GET | If-Unmodified-Since: {-61} => pass: precondition

# 13.1.4 ignored
< 200 | Cache-Control: max-age=60 | Last-Modified: {-60}
> GET | If-Unmodified-Since: x => fresh
> GET | If-Unmodified-Since: {-61} | If-Unmodified-Since: {-61} => fresh

# 13.2.2 If-Match goes before it
< 200 | Cache-Control: max-age=60 | Last-Modified: {-60} | ETag: "a"
> GET | If-Unmodified-Since: {-61} | If-Match: "a" => fresh

# 13.1.4 only the origin knows
< 200 | Cache-Control: max-age=60 | ETag: "a"
> GET | If-Unmodified-Since: {-60} => pass: precondition
"#,
    );
}
