//! RFC 9111, 4.1: which stored response a request selects.

use crate::story::check;

#[test]
fn any_fields() {
    check(
        r#"
# 4.1 the same
> GET | Foo: 1
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | foo: 1 => fresh
> GET | Foo: 2 => vary-miss
> GET => vary-miss

# 4.1 absent is absent
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET => fresh
> GET | Foo: 1 => vary-miss
> GET | Foo: => vary-miss

# 4.1 other fields do not count
> GET | Foo: 1 | Other: 2
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | Foo: 1 | Other: 3 => fresh

# 4.1 all that are named
> GET | Foo: 1 | Bar: abc | Baz: 789
< 200 | Cache-Control: max-age=60 | Vary: Foo, Bar | vary: baz
> GET | Baz: 789 | Bar: abc | Foo: 1 => fresh
> GET | Foo: 1 | Bar: abcde | Baz: 789 => vary-miss
> GET | Foo: 1 | Baz: 789 => vary-miss

# 4.1 one of them absent in both
> GET | Foo: 1 | Baz: 789
< 200 | Cache-Control: max-age=60 | Vary: Foo, Bar, Baz
> GET | Foo: 1 | Baz: 789 => fresh

# 4.1 white space
> GET | Foo: 1,2
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | Foo:  1, 2  => fresh
> GET | Foo: 1 ,	2 => fresh

# 4.1 lines
> GET | Foo: 1, 2
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | Foo: 1 | Foo: 2 => fresh
> GET | Foo: 2 | Foo: 1 => vary-miss

# 4.1 several stored, each for its own
> GET | Foo: 1
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | Foo: 2
< 200 | Cache-Control: max-age=30 | Vary: Foo
@30 > GET | Foo: 1 => fresh
> GET | Foo: 2 => validate: expired, stale in place of an error

# 4.1 a Vary that changes does not lose the others
> GET | Foo: 1 | Bar: 1
< 200 | Cache-Control: max-age=60 | Vary: Foo
> GET | Foo: 2 | Bar: 1
< 200 | Cache-Control: max-age=60 | Vary: Foo, Bar
> GET | Foo: 1 | Bar: 9 => fresh
> GET | Foo: 2 | Bar: 1 => fresh
> GET | Foo: 2 | Bar: 9 => vary-miss
"#,
    );
}

#[test]
fn star() {
    let many: Vec<String> = (0..33).map(|n| format!("a{n}")).collect();
    let all = many.join(", ");
    for (vary, want) in [
        ("Vary: *", "not stored: vary-star"),
        ("Vary: *, *", "not stored: vary-star"),
        ("Vary: * | Vary: *", "not stored: vary-star"),
        ("Vary: , *", "not stored: vary-star"),
        ("Vary: | Vary: *", "not stored: vary-star"),
        ("Vary: *, Foo", "not stored: vary-star"),
        ("Vary: Foo, *", "not stored: vary-star"),
        ("Vary: foo=bar", "not stored: vary-star"),
        ("Vary: \"foo\"", "not stored: vary-star"),
        (&format!("Vary: {all}"), "not stored: vary-star"),
        ("Vary:", "stored"),
        ("Vary: ,", "stored"),
        ("Vary: Foo*", "stored"),
    ] {
        check(&format!(
            "# 4.1 {vary}\n< 200 | Cache-Control: max-age=60 | {vary}\n=> {want}"
        ));
    }
}
