//! RFC 9110, 12.5: fields of content negotiation in a Vary, compared by what they mean.

use crate::story::check;

#[test]
fn accept_language() {
    check(
        r#"
# 12.5.4 in any order, case and spacing
> GET | Accept-Language: en, de
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language
> GET | Accept-Language: de, en => fresh
> GET | Accept-Language: eN, De => fresh
> GET | Accept-Language:  en ,   de => fresh
> GET | Accept-Language: en | Accept-Language: de => fresh
> GET | Accept-Language: en, de;q=0.9 => vary-miss
> GET | Accept-Language: en => vary-miss
> GET => vary-miss

# 12.5.4 by weight
> GET | Accept-Language: de, en;q=0.5, fr;q=0.5
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language
> GET | Accept-Language: fr;q=0.50, en;q=0.500, de;q=1.0 => fresh
> GET | Accept-Language: fr, en;q=0.5, de;q=0.5 => vary-miss

# 12.4.2 one weight is none, but 0 is a refusal
> GET | Accept-Language: de;q=0.5
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language
> GET | Accept-Language: de => fresh
> GET | Accept-Language: de;q=0 => vary-miss

# 8.5 by the language that came, when it is liked best
> GET | Accept-Language: en, de
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language | Content-Language: de
> GET | Accept-Language: fr;q=0.5, de;q=1.0 => fresh
> GET | Accept-Language: de => fresh
> GET | Accept-Language: en => vary-miss
> GET | Accept-Language: en, de;q=0.9 => vary-miss
> GET | Accept-Language: de;q=0.9, en => vary-miss
> GET | Accept-Language: de;q=0 => vary-miss
> GET | Accept-Language: * => vary-miss
> GET => vary-miss

# 8.5 not when it came for want of a better one
> GET | Accept-Language: fr, de;q=0.5
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language | Content-Language: de
> GET | Accept-Language: de => vary-miss
> GET | Accept-Language: de;q=0.5, fr => fresh

# 8.5 other fields of Vary count beside it
> GET | Accept-Language: de | Foo: 1
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language, Foo | Content-Language: de
> GET | Accept-Language: de, en | Foo: 1 => fresh
> GET | Accept-Language: de, en | Foo: 2 => vary-miss

# 12.5.4 as it is spelled, by route
route: cache.accept_language = "exact"
> GET | Accept-Language: en, de
< 200 | Cache-Control: max-age=60 | Vary: Accept-Language | Content-Language: de
> GET | Accept-Language: en,de => fresh
> GET | Accept-Language: de, en => vary-miss
> GET | Accept-Language: EN, de => vary-miss
> GET | Accept-Language: de => vary-miss
"#,
    );
}

#[test]
fn accept_encoding() {
    check(
        r#"
# 12.5.3 by what is acceptable
> GET | Accept-Encoding: gzip, br;q=0.5
< 200 | Cache-Control: max-age=60 | Vary: Accept-Encoding | Content-Encoding: br
> GET | Accept-Encoding: br, gzip => fresh
> GET | Accept-Encoding: GZIP;q=0.1,BR => fresh
> GET | Accept-Encoding: br, x-gzip => fresh
> GET | Accept-Encoding: gzip, br, identity => fresh
> GET | Accept-Encoding: gzip, br, zstd;q=0 => fresh
> GET | Accept-Encoding: gzip, br, zstd => vary-miss
> GET | Accept-Encoding: gzip => vary-miss
> GET | Accept-Encoding: gzip, br;q=0 => vary-miss
> GET | Accept-Encoding: gzip, br, identity;q=0 => vary-miss
> GET | Accept-Encoding: gzip, br, *;q=0 => vary-miss
> GET | Accept-Encoding: gzip, br, * => vary-miss
> GET | Accept-Encoding: gzip, br, br;q=0 => vary-miss
> GET | Accept-Encoding: gzip;level=9, br => vary-miss
> GET => vary-miss

# 12.5.3 no coding at all, said in several ways
> GET | Accept-Encoding:
< 200 | Cache-Control: max-age=60 | Vary: Accept-Encoding
> GET | Accept-Encoding: identity => fresh
> GET | Accept-Encoding: identity;q=0.5, *;q=0 => fresh
> GET | Accept-Encoding: *;q=0 => vary-miss
> GET => vary-miss
"#,
    );
}

#[test]
fn accept() {
    check(
        r#"
# 12.5.1 in any order
> GET | Accept: text/html, image/png;q=0.8
< 200 | Cache-Control: max-age=60 | Vary: Accept
> GET | Accept: image/png; q=0.8,text/html => fresh
> GET | Accept: image/png | Accept: text/html => vary-miss

# 12.5.2 in any order
> GET | Accept-Charset: a, b
< 200 | Cache-Control: max-age=60 | Vary: Accept-Charset
> GET | Accept-Charset: b,a => fresh
> GET | Accept-Charset: b => vary-miss
"#,
    );
}
