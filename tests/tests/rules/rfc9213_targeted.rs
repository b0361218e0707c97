//! RFC 9213: cache control that is targeted at caches like this one.

use crate::story::check;

#[test]
fn in_the_place_of_cache_control() {
    check(
        r#"
# 2.2 a lifetime
< 200 | CDN-Cache-Control: max-age=60
@59 > GET => fresh
@60 > GET => validate: expired, stale in place of an error

# 2.2 over no-store
< 200 | Cache-Control: no-store | CDN-Cache-Control: max-age=60
=> stored
> GET => fresh

# 2.2 over private and no-cache
< 200 | Cache-Control: private, no-cache | CDN-Cache-Control: max-age=60
> GET => fresh

# 2.2 over a shorter one
< 200 | Cache-Control: max-age=1 | CDN-Cache-Control: max-age=60
lifetime => 60

# 2.2 over a longer one
< 200 | Cache-Control: max-age=60, s-maxage=90 | CDN-Cache-Control: max-age=1
lifetime => 1

# 2.2 over Expires
< 200 | CDN-Cache-Control: max-age=60 | Expires: {-60} | Date: {+0}
lifetime => 60

# 2.2 over an Expires that is no date
< 200 | CDN-Cache-Control: max-age=60 | Expires: 0
lifetime => 60

# 2.2 Expires gives none beside it
< 200 | CDN-Cache-Control: must-revalidate | Expires: {+60} | Cache-Control: max-age=60 | ETag: "a"
lifetime => 0

# 2.2 a heuristic does
< 200 | CDN-Cache-Control: must-revalidate | Last-Modified: {-100}
lifetime => 10

# 2.2 no lifetime
< 200 | CDN-Cache-Control: max-age=0 | Cache-Control: max-age=60 | Expires: {+60}
=> not stored: no-lifetime

# 2.2 no-store
< 200 | CDN-Cache-Control: no-store | Cache-Control: max-age=60 | Expires: {+60}
=> not stored: no-store

# 2.2 private
< 200 | CDN-Cache-Control: private | Cache-Control: max-age=60 | Expires: {+60}
=> not stored: private

# 2.2 no-cache
< 200 | CDN-Cache-Control: no-cache | Cache-Control: max-age=60 | ETag: "a"
> GET => validate: no-cache-stored

# 2.2 Age counts as ever
< 200 | CDN-Cache-Control: max-age=60 | Age: 70
> GET => validate: expired, stale in place of an error

# 2.2 must-revalidate
< 200 | CDN-Cache-Control: max-age=10, must-revalidate
@10 > GET | Cache-Control: max-stale => validate: must-revalidate

# 2.2 s-maxage
< 200 | CDN-Cache-Control: max-age=1, s-maxage=10
lifetime => 10
@10 > GET => validate: expired

# 2.2 RFC 5861
< 200 | CDN-Cache-Control: max-age=10, stale-while-revalidate=5, stale-if-error=20
@10 > GET => stale: stale-while-revalidate
@15 > GET => validate: expired, stale in place of an error
@30 > GET => validate: expired

# 2.2 those of Cache-Control do not count
< 200 | CDN-Cache-Control: max-age=10 | Cache-Control: stale-while-revalidate=60, must-revalidate
@10 > GET => validate: expired, stale in place of an error

# 2.2 must-understand
< 200 | CDN-Cache-Control: must-understand, no-store, max-age=10
=> stored

# 9111 3.5 public
> GET | Authorization: Basic eA==
< 200 | CDN-Cache-Control: public, max-age=10 | Cache-Control: private
=> stored

# 9111 3.5 not that of Cache-Control
> GET | Authorization: Basic eA==
< 200 | CDN-Cache-Control: max-age=10 | Cache-Control: public
=> not stored: authorization

# 2.2 a field that says nothing that we know decides, too
< 200 | CDN-Cache-Control: foo | Cache-Control: max-age=60
=> not stored: no-lifetime

# 3 it is passed on
< 200 | CDN-Cache-Control: max-age=10 | Cache-Control: no-store
kept => CDN-Cache-Control: max-age=10 | Cache-Control: no-store
"#,
    );
}

#[test]
fn structured_fields() {
    check(
        r#"
# 2.1 a Dictionary over several lines, the last of a key counts
< 200 | CDN-Cache-Control: max-age=10, foobar=(a b) | CDN-Cache-Control: max-age=20;x=y
lifetime => 20

# 2.1 a large Integer
< 200 | CDN-Cache-Control: max-age=99999999999
lifetime => 2147483648

# 2.1 a negative one is no lifetime
< 200 | CDN-Cache-Control: max-age=-1 | ETag: "a" | Cache-Control: max-age=60
lifetime => 0

# 2.1 false is not said
< 200 | CDN-Cache-Control: no-store=?0, private=?0, no-cache=?0, max-age=10
lifetime => 10

# 2.1 fields that are named
< 200 | CDN-Cache-Control: private="a, b", no-cache=c, max-age=10 | A: 1 | B: 2 | C: 3 | D: 4
kept => CDN-Cache-Control: private="a, b", no-cache=c, max-age=10 | D: 4
> GET => fresh

# 2.1 a name that is none
< 200 | CDN-Cache-Control: private="a\"", max-age=10
=> not stored: private

# 2.1 those of Cache-Control do not count
< 200 | CDN-Cache-Control: max-age=10 | Cache-Control: private="a" | A: 1
kept => CDN-Cache-Control: max-age=10 | Cache-Control: private="a" | A: 1
"#,
    );
}

#[test]
fn an_invalid_one_is_ignored_as_a_whole() {
    let fields = [
        "",
        "max-age=10, &&&&&",
        "max-age=\"10\"",
        "max-age=10.0",
        "max-age=ten",
        "max-age",
        "max-age=?1",
        "max-age=(10)",
        "MaX-aGe=10",
        "max-age =10",
        "max-age= 10",
        "max-age=10,",
        ", max-age=10",
        "max-age=10 public",
        "max-age='10'",
        "max-age=1234567890123456",
        "max-age=10, s-maxage=a",
        "max-age=10, stale-if-error=\"5\"",
        "max-age=10, stale-while-revalidate=0.5",
        "max-age=10, no-store=1",
        "max-age=10, public=yes",
        "max-age=10, must-revalidate=\"\"",
        "max-age=10, private=1",
        "max-age=10, no-cache=(\"a\")",
        "max-age=10, must-understand=:YQ==:",
    ];
    for field in fields {
        check(&format!(
            "# 2.1 Cache-Control counts\n\
             < 200 | CDN-Cache-Control: {field} | Cache-Control: max-age=5\n\
             lifetime => 5"
        ));
        check(&format!(
            "# 2.1 Cache-Control counts\n\
             < 200 | CDN-Cache-Control: {field} | Cache-Control: no-store\n\
             => not stored: no-store"
        ));
    }
}

#[test]
fn target_list() {
    check(
        r#"
# 2.2 the first that is there
plan: control.targets = ["Ringside-Cache-Control", "CDN-Cache-Control"]
< 200 | CDN-Cache-Control: max-age=20 | Ringside-Cache-Control: max-age=10 | Cache-Control: max-age=30
lifetime => 10

# 2.2 and valid
plan: control.targets = ["Ringside-Cache-Control", "CDN-Cache-Control"]
< 200 | CDN-Cache-Control: max-age=20 | Ringside-Cache-Control: max-age=x | Cache-Control: max-age=30
lifetime => 20

# 2.2 and not empty
plan: control.targets = ["Ringside-Cache-Control", "CDN-Cache-Control"]
< 200 | CDN-Cache-Control: max-age=20 | ringside-cache-control: | Cache-Control: max-age=30
lifetime => 20

# 2.2 none of them
plan: control.targets = ["Ringside-Cache-Control", "CDN-Cache-Control"]
< 200 | Surrogate-Control: max-age=20 | Cache-Control: max-age=30
lifetime => 30

# 2.2 an empty list
plan: control.targets = []
< 200 | CDN-Cache-Control: max-age=20 | Cache-Control: max-age=30
lifetime => 30
"#,
    );
}
