//! RFC 9111, 3.1: which fields of a response are stored.

use crate::story::check;

#[test]
fn fields() {
    check(
        r#"
# 3.1 all, known or not
< 200 | Cache-Control: max-age=10 | Content-Foo: a | X-B: 2 | Content-Range: x | Expires: y | Set-Cookie2: z
kept => Cache-Control: max-age=10 | Content-Foo: a | X-B: 2 | Content-Range: x | Expires: y | Set-Cookie2: z

# 3.1 not what is for the next hop
< 200 | Cache-Control: max-age=10 | Keep-Alive: 5 | TE: a | Upgrade: b | Proxy-Connection: c | Trailer: d | A: 1
kept => Cache-Control: max-age=10 | A: 1

# 3.1 not what Connection lists, nor itself
< 200 | Connection: a, B | Cache-Control: max-age=10 | A: 1 | b: 2 | C: 3
kept => Cache-Control: max-age=10 | C: 3

# 9110 7.6.1 but what is for all recipients
< 200 | Connection: cache-control, etag | Cache-Control: max-age=10 | ETag: "a"
kept => Cache-Control: max-age=10 | ETag: "a"

# 3.1 not what is for a proxy's authentication
< 200 | Cache-Control: max-age=10 | Proxy-Authenticate: a | Proxy-Authentication-Info: b | Proxy-Authorization: c
kept => Cache-Control: max-age=10

# 3.1 WWW-Authenticate is for all
< 401 | Cache-Control: max-age=10 | WWW-Authenticate: a
kept => Cache-Control: max-age=10 | WWW-Authenticate: a

# 5.2.2.4 a list over two directives and lines
< 200 | Cache-Control: no-cache="a", max-age=10 | Cache-Control: private="b" | A: 1 | A: 2 | B: 3 | C: 4
kept => Cache-Control: no-cache="a", max-age=10 | Cache-Control: private="b" | C: 4
"#,
    );
}

#[test]
fn too_many_names() {
    let names: Vec<String> = (0..33).map(|n| format!("a{n}")).collect();
    let case = |count: usize, want: &str| {
        let list = names[..count].join(", ");
        check(&format!(
            "# 5.2.2.4 {count} names\n\
             < 200 | Cache-Control: no-cache=\"{list}\", max-age=10 | ETag: \"a\"\n\
             > GET => {want}"
        ));
    };
    case(32, "fresh");
    // A longer list says no less than the whole.
    case(33, "validate: no-cache-stored");
}
