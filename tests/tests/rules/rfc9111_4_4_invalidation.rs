//! RFC 9111, 4.4: what an unsafe request outdates.

use crate::story::check;

#[test]
fn targets() {
    check(
        r#"
# 4.4 its target
> POST /a?b
< 200
outdates => /a?b

# 4.4 whatever the method, if it is not known to be safe
> PURGE /a
< 204
outdates => /a

# 4.4 a redirect is no error
> DELETE /a
< 303
outdates => /a

# 4.4 an error changes nothing
> PUT /a
< 400 | Location: /b
outdates => nothing

# 4.4 nor does a server's
> PUT /a
< 503
outdates => nothing

# 4.4 safe methods
> GET /a
< 200 | Location: /b
outdates => nothing

# 4.4 safe methods
> OPTIONS /a
< 200
outdates => nothing

# 4.4 Location and Content-Location
> POST /a
< 201 | Location: /b | Content-Location: http://a.example/c?d
outdates => /a /b /c?d

# 3986 5.2 relative ones
> POST /a/b?c
< 201 | Location: d | Content-Location: ?e
outdates => /a/b?c /a/d /a/b?e

# 4.4 not those of another origin
> POST /a
< 201 | Location: http://b.example/b | Content-Location: https://a.example/c
outdates => /a

# 4.4 not those of another port
> POST /a
< 201 | Location: http://a.example:8080/b | Content-Location: //a.example:80/c
outdates => /a /c

# 4.4 not what only looks like it
> POST /a
< 201 | Location: http://a.example@b.example/b | Content-Location: http://a.example.b/c
outdates => /a
"#,
    );
}
