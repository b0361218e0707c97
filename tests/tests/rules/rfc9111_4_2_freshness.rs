//! RFC 9111, 4.2.1 and 4.2.2: lifetimes that nobody stated, and by what they are ruled out.

use crate::story::check;

#[test]
fn heuristics() {
    check(
        r#"
# 4.2.2 a tenth of the time since it was modified
< 200 | Last-Modified: {-1000} | Date: {+0}
lifetime => 100

# 4.2.2 before it was sent
< 200 | Last-Modified: {-1000} | Date: {-500}
lifetime => 50

# 4.2.2 a day at most
< 200 | Last-Modified: {-999999999}
lifetime => 86400

# 4.2.2 modified after it was sent
< 200 | Last-Modified: {+60} | Date: {+0} | ETag: "a"
lifetime => 0

# 4.2.2 not beside what is stated
< 200 | Last-Modified: {-1000} | Cache-Control: max-age=5
lifetime => 5

# 4.2.2 not beside an Expires that is no date
< 200 | Last-Modified: {-1000} | Expires: 0
lifetime => 0

# 4.2.2 not for this status
< 201 | Last-Modified: {-1000}
=> not stored: no-lifetime

# 4.2.2 not for an unknown status
< 599 | Last-Modified: {-1000}
=> not stored: no-lifetime

# 4.2.2 for any status that is public
< 599 | Last-Modified: {-1000} | Cache-Control: public
lifetime => 100

# 4.2.2 nothing to go by
< 200
=> not stored: no-lifetime

# 4.2.2 what must be validated has a lifetime, too
< 200 | Last-Modified: {-1000} | Cache-Control: must-revalidate
lifetime => 100
"#,
    );
}

#[test]
fn status_codes_with_a_heuristic() {
    for status in (200..600).filter(|status| ![206, 304].contains(status)) {
        // RFC 9110, 15.1.
        let known = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
        let never = [412, 416, 417, 428, 429, 431, 511];
        let want = match status {
            _ if known.contains(&status) => "stored",
            _ if never.contains(&status) => "not stored: status",
            _ => "not stored: no-lifetime",
        };
        check(&format!(
            "# 4.2.2 {status}\n< {status} | Last-Modified: {{-86400}}\n=> {want}"
        ));
        let want = if never.contains(&status) {
            "not stored: status"
        } else {
            "stored"
        };
        check(&format!(
            "# 3 {status} with a lifetime of its own\n\
             < {status} | Cache-Control: max-age=60\n=> {want}"
        ));
    }
}
