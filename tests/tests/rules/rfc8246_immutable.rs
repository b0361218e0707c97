//! RFC 8246: immutable is for clients. It passes through, and changes nothing here.

use crate::story::check;

#[test]
fn immutable() {
    check(
        r#"
# 2 as fresh as it says, and no longer
< 200 | Cache-Control: max-age=10, immutable | ETag: "a"
kept => Cache-Control: max-age=10, immutable | ETag: "a"
@9 > GET => fresh
@10 > GET => validate: expired, stale in place of an error

# 2 alone it gives no lifetime
< 200 | Cache-Control: immutable
=> not stored: no-lifetime

# 2 whoever insists nevertheless gets the origin's word
< 200 | Cache-Control: max-age=10, immutable
> GET | Cache-Control: no-cache => validate: no-cache-request
> GET | Cache-Control: max-age=0 => validate: too-old-for-request
"#,
    );
}
