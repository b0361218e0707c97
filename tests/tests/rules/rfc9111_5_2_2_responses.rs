//! RFC 9111, 5.2.2: what a response says to a shared cache, and how its directives are read (5.2).

use crate::story::check;

#[test]
fn lifetimes() {
    check(
        r#"
# 5.2.2.1
< 200 | Cache-Control: max-age=10
@9 > GET => fresh
@10 > GET => validate: expired, stale in place of an error

# 5.2 in any case
< 200 | cache-control: MAX-Age=10
lifetime => 10

# 5.2 quoted
< 200 | Cache-Control: max-age="10"
lifetime => 10

# 5.2 not what is in quotes
< 200 | Cache-Control: extension="max-age=3600", max-age=1
lifetime => 1

# 5.2 not what is in quotes, behind
< 200 | Cache-Control: max-age=1, extension="max-age=3600"
lifetime => 1

# 5.2 unknown directives
< 200 | Cache-Control: foobar, max-age=10, a=b, c="d, no-store"
lifetime => 10

# 5.2 empty members
< 200 | Cache-Control: , max-age=10,,
lifetime => 10

# 1.2.2 zeros in front
< 200 | Cache-Control: max-age=0000000000000000000010
lifetime => 10

# 1.2.2 as long as can be told
< 200 | Cache-Control: max-age=2147483648
lifetime => 2147483648

# 1.2.2 too long to hold is very long
< 200 | Cache-Control: max-age=99999999999999999999999999
lifetime => 2147483648
@2147483647 > GET => fresh
@2147483648 > GET => validate: expired, stale in place of an error

# 4.2.1 duplicates: the smallest
< 200 | Cache-Control: max-age=1800, max-age=1
lifetime => 1

# 4.2.1 duplicates in lines
< 200 | Cache-Control: max-age=1 | Cache-Control: max-age=1800
lifetime => 1

# 4.2.1 no delta-seconds
< 200 | ETag: "a" | Cache-Control: max-age=a60
lifetime => 0

# 4.2.1 no delta-seconds
< 200 | ETag: "a" | Cache-Control: max-age=60a
lifetime => 0

# 4.2.1 no delta-seconds: a fraction
< 200 | ETag: "a" | Cache-Control: max-age=60.0
lifetime => 0

# 4.2.1 no delta-seconds: negative
< 200 | ETag: "a" | Cache-Control: max-age=-60
lifetime => 0

# 4.2.1 no delta-seconds: single quotes
< 200 | ETag: "a" | Cache-Control: max-age='60'
lifetime => 0

# 4.2.1 no delta-seconds: space before the sign
< 200 | ETag: "a" | Cache-Control: max-age =60
lifetime => 0

# 4.2.1 no delta-seconds: space behind it
< 200 | ETag: "a" | Cache-Control: max-age= 60
lifetime => 0

# 4.2.1 no delta-seconds: nothing
< 200 | ETag: "a" | Cache-Control: max-age
lifetime => 0

# 4.2.1 an invalid one is stale, whatever else is there
< 200 | ETag: "a" | Cache-Control: max-age=x | Expires: {+60}
lifetime => 0

# 5.2.2.10 over max-age
< 200 | Cache-Control: max-age=1, s-maxage=60
lifetime => 60

# 5.2.2.10 over a longer max-age
< 200 | Cache-Control: s-maxage=1 | Cache-Control: max-age=60
lifetime => 1

# 5.2.2.10 over Expires
< 200 | Cache-Control: s-maxage=1 | Expires: {+60}
lifetime => 1

# 5.2.2.10 invalid
< 200 | ETag: "a" | Cache-Control: s-maxage=x, max-age=60
lifetime => 0
"#,
    );
}

#[test]
fn what_may_be_stored() {
    check(
        r#"
# 5.2.2.5
< 200 | Cache-Control: max-age=10, no-store
=> not stored: no-store

# 5.2.2.5 in any case
< 200 | Cache-Control: max-age=10 | cache-CONTROL: nO-StOrE
=> not stored: no-store

# 5.2.2.7
< 200 | Cache-Control: private, max-age=10
=> not stored: private

# 5.2.2.7 over public
< 200 | Cache-Control: public, private, max-age=10
=> not stored: private

# 5.2.2.7 only those fields are private
< 200 | Cache-Control: private="a, B", max-age=10 | A: 1 | b: 2 | C: 3
=> stored
kept => Cache-Control: private="a, B", max-age=10 | C: 3
> GET => fresh

# 5.2.2.7 a list of nothing
< 200 | Cache-Control: private="", max-age=10
=> not stored: private

# 5.2.2.7 no list of names
< 200 | Cache-Control: private="a b", max-age=10
=> not stored: private

# 5.2.2.7 the rest would be another
< 200 | Cache-Control: private="Vary", max-age=10 | Vary: cookie
=> not stored: private

# 5.2.2.3 for a status that is understood
< 200 | Cache-Control: must-understand, no-store, max-age=10
=> stored

# 5.2.2.3 for one that is not
< 299 | Cache-Control: must-understand, max-age=10
=> not stored: status

# 5.2.2.3 says nothing of private
< 200 | Cache-Control: must-understand, no-store, private, max-age=10
=> not stored: private

# 5.2.2.9 where it would not be
> GET | Authorization: Basic eA==
< 200 | Cache-Control: public, max-age=10
=> stored

# 5.2 a quote that never closes hides nothing that forbids
< 200 | Cache-Control: max-age=10, a="b, no-store
=> not stored: no-store
"#,
    );
}

#[test]
fn what_must_be_validated() {
    check(
        r#"
# 5.2.2.4
< 200 | Cache-Control: max-age=10, no-cache | ETag: "a"
=> stored
> GET => validate: no-cache-stored
> GET | Cache-Control: max-stale => validate: no-cache-stored

# 5.2.2.4 of no use without a validator
< 200 | Cache-Control: max-age=10, No-CaChE
=> not stored: no-lifetime

# 5.2.2.4 only those fields
< 200 | Cache-Control: no-cache="a" | a: 1 | b: 2 | Cache-Control: max-age=10
=> stored
kept => Cache-Control: no-cache="a" | b: 2 | Cache-Control: max-age=10
> GET => fresh

# 5.2.2.4 as a token
< 200 | Cache-Control: no-cache=a, max-age=10 | a: 1
kept => Cache-Control: no-cache=a, max-age=10
> GET => fresh

# 5.2.2.4 both forms: the whole
< 200 | Cache-Control: no-cache="a", no-cache, max-age=10 | ETag: "a"
> GET => validate: no-cache-stored

# 5.2.2.4 no list of names: the whole
< 200 | Cache-Control: no-cache="a;b", max-age=10 | ETag: "a"
> GET => validate: no-cache-stored

# 5.2.2.2 fresh it is served, stale it is not
< 200 | Cache-Control: max-age=10, must-revalidate
@9 > GET => fresh
@10 > GET => validate: expired
@10 > GET | Cache-Control: max-stale => validate: must-revalidate

# 5.2.2.8
< 200 | Cache-Control: max-age=10, proxy-revalidate
@10 > GET => validate: expired
@10 > GET | Cache-Control: max-stale => validate: must-revalidate

# 5.2.2.10 includes it
< 200 | Cache-Control: s-maxage=10
@10 > GET => validate: expired
@10 > GET | Cache-Control: max-stale => validate: must-revalidate

# 5.4 Pragma means nothing in a response
< 200 | Cache-Control: max-age=10 | Pragma: no-cache
> GET => fresh
"#,
    );
}
