//! RFC 9111, 4.3.1 and 4.3.4: how the origin is asked, and which response its 304 is about.

use crate::story::check;

#[test]
fn what_is_asked() {
    check(
        r#"
# 4.3.1 by tag
< 200 | ETag: "abcdef"
asks => If-None-Match: "abcdef"

# 4.3.1 weak as it is
< 200 | ETag: W/"abcdef"
asks => If-None-Match: W/"abcdef"

# 4.3.1 by date
< 200 | Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT
asks => If-Modified-Since: Mon, 15 Jun 2026 11:00:00 GMT

# 4.3.1 by both
< 200 | Last-Modified: Mon, 15 Jun 2026 11:00:00 GMT | ETag: "a"
asks => If-None-Match: "a" | If-Modified-Since: Mon, 15 Jun 2026 11:00:00 GMT

# 4.3.1 as it was sent, whatever it is
< 200 | ETag: abcdef | Last-Modified: once
asks => If-None-Match: abcdef | If-Modified-Since: once

# 4.3.1 nothing to ask by
< 200 | Cache-Control: max-age=60
asks =>

# 4.3.1 all stored variants, the newest first, each tag once
> GET | A: 1
< 200 | Vary: A | ETag: "1"
> GET | A: 2
< 200 | Vary: A | ETag: W/"2" | Last-Modified: {-60}
> GET | A: 3
< 200 | Vary: A | ETag: "1"
asks => If-None-Match: "1", W/"2"

# 4.3.1 what can't be told from its neighbours is left out
> GET | A: 1
< 200 | Vary: A | ETag: "1"
> GET | A: 2
< 200 | Vary: A | ETag: x, y
asks => If-None-Match: "1"

# 4.3.1 a date says not which of them
> GET | A: 1
< 200 | Vary: A | Last-Modified: {-60}
> GET | A: 2
< 200 | Vary: A | Last-Modified: {-90}
asks =>
"#,
    );
    let mut story = String::from("# 4.3.1 at most so many\n");
    for n in 0..20 {
        story += &format!("> GET | A: {n}\n< 200 | Vary: A | ETag: \"{n}\"\n");
    }
    let newest: Vec<String> = (4..20).rev().map(|n| format!("\"{n}\"")).collect();
    check(&format!(
        "{story}asks => If-None-Match: {}",
        newest.join(", ")
    ));
    let (long, longer) = ("x".repeat(3000), "y".repeat(3000));
    check(&format!(
        "# 4.3.1 nor too long\n> GET | A: 1\n< 200 | Vary: A | ETag: \"{long}\"\n\
         > GET | A: 2\n< 200 | Vary: A | ETag: \"{longer}\"\n\
         > GET | A: 3\n< 200 | Vary: A | ETag: \"a\"\n\
         asks => If-None-Match: \"a\", \"{longer}\""
    ));
}

#[test]
fn what_a_304_is_about() {
    check(
        r#"
# 4.3.4 the same strong tag
< 200 | ETag: "a"
<304 | ETag: "a" => freshened

# 4.3.4 quotes do not matter
< 200 | ETag: a
<304 | ETag: "a" => freshened

# 4.3.4 another tag
< 200 | ETag: "a"
<304 | ETag: "b" => about nothing stored

# 4.3.4 no validator, one response
< 200 | ETag: "a"
<304 => freshened

# 4.3.4 the same date
< 200 | Last-Modified: {-60}
<304 | Last-Modified: {-60} => freshened

# 4.3.4 another date
< 200 | Last-Modified: {-60}
<304 | Last-Modified: {-50} => about nothing stored

# 4.3.4 the one of several that it names
> GET | A: 1
< 200 | Vary: A | ETag: "1" | B: 1
> GET | A: 2
< 200 | Vary: A | ETag: "2" | B: 2
> GET | A: 1
<304 | ETag: "1" => freshened
kept => Vary: A | B: 1 | ETag: "1"

# 4.3.4 of several with the same weak tag the newest
> GET | A: 1
< 200 | Vary: A | ETag: W/"a" | B: 1
> GET | A: 2
< 200 | Vary: A | ETag: W/"a" | B: 2
<304 | ETag: W/"a" => freshened
kept => Vary: A | B: 2 | ETag: W/"a"

# 4.3.4 without a validator it is about none of several
> GET | A: 1
< 200 | Vary: A | ETag: "1"
> GET | A: 2
< 200 | Vary: A | ETag: "2"
<304 => about nothing stored

# 4.3.4 a request for another variant selects the one that was named from now on
> GET | A: 1
< 200 | Vary: A | ETag: "1" | Cache-Control: max-age=60
> GET | A: 2
<304 | ETag: "1" => freshened
> GET | A: 2 => fresh
"#,
    );
}
