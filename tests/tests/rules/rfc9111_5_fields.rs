//! RFC 9111, 5.3: Expires, in the three forms of RFC 9110, 5.6.7, and in no other.

use crate::story::check;

#[test]
fn expires() {
    check(
        r#"
# 5.3 less Date
< 200 | Expires: {+60} | Date: {-60}
lifetime => 120

# 5.3 less the time of arrival
< 200 | Expires: {+60}
lifetime => 60

# 5.3 Date is no date
< 200 | Expires: {+60} | Date: foo
lifetime => 60

# 5.3 past
< 200 | Expires: {-60} | ETag: "a"
lifetime => 0

# 5.3 now
< 200 | Expires: {+0} | ETag: "a"
lifetime => 0

# 5.3 both clocks are fast, and it is past
< 200 | Expires: {+300} | Date: {+400} | ETag: "a"
lifetime => 0

# 5.3 both clocks are slow, and it is not
< 200 | Expires: {-300} | Date: {-310} | ETag: "a"
lifetime => 10

# 5.3 max-age goes before it
< 200 | Expires: {-60} | Cache-Control: max-age=10
lifetime => 10

# 5.3 several: the earliest
< 200 | Expires: {+60} | Expires: {+30}
lifetime => 30

# 5.3 several: what is no date is the earliest
< 200 | Expires: {+60} | Expires: 0 | ETag: "a"
lifetime => 0

# 9110 5.6.7 the second form
< 200 | Expires: Monday, 15-Jun-26 12:01:00 GMT
lifetime => 60

# 9110 5.6.7 the third form
< 200 | Expires: Mon Jun 15 12:01:00 2026
lifetime => 60

# 9110 5.6.7 the day of the week is not compared
< 200 | Expires: Tue, 15 Jun 2026 12:01:00 GMT
lifetime => 60

# 9110 5.6.7 as late as can be said
< 200 | Expires: Fri, 31 Dec 9999 23:59:59 GMT
lifetime => 2147483648
"#,
    );
}

#[test]
fn expires_that_is_no_date() {
    let forms = [
        "",
        "0",
        "-1",
        "never",
        "3600",
        "THU, 18 Aug 2050 02:01:18 GMT",
        "Thu, 18 AUG 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02:01:18 gMT",
        "Thu, 18 Aug 2050 02:01:18 UTC",
        "Thu, 18 Aug 2050 02:01:18 AEST",
        "Thu, 18 Aug 2050 02:01:18 +0000",
        "Thu, 18 Aug 2050 02:01:18",
        "Thu, 18 Aug 50 02:01:18 GMT",
        "Thu 18 Aug 2050 02:01:18 GMT",
        "Thu, 18  Aug  2050 02:01:18 GMT",
        "Thu, 18-Aug-2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 02.01.18 GMT",
        "Thu, 18 Aug 2050 2:01:18 GMT",
        "Thu, 8 Aug 2050 02:01:18 GMT",
        "Thu, 31 Feb 2050 02:01:18 GMT",
        "Thu, 18 Aug 2050 24:01:18 GMT",
        "Thursday, 18-Aug-2050 02:01:18 GMT",
        "Thu Aug 18 02:01:18 2050 GMT",
        "18 Aug 2050 02:01:18 GMT",
        "2050-08-18T02:01:18Z",
        "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:18 GMT",
    ];
    for form in forms {
        check(&format!(
            "# 5.3 a time in the past\n\
             < 200 | Expires: {form} | ETag: \"a\" | Last-Modified: {{-86400}}\n\
             lifetime => 0\n\
             > GET => validate: expired, stale in place of an error"
        ));
    }
}
