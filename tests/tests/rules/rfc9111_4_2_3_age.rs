//! RFC 9111, 4.2.3 and 5.1: how old a response is.

use crate::story::check;

#[test]
fn age() {
    check(
        r#"
# 4.2.3 since it came
< 200 | Cache-Control: max-age=100
age => 0
@7 age => 7

# 4.2.3 what passed before counts
< 200 | Cache-Control: max-age=100 | Age: 30
age => 30
@69 > GET => fresh
@70 > GET => validate: expired, stale in place of an error

# 4.2.3 the delay counts
delay 5
< 200 | Cache-Control: max-age=100 | Age: 30
age => 35

# 4.2.3 the delay counts without Age
delay 5
< 200 | Cache-Control: max-age=100
age => 5

# 4.2.3 apparent age
< 200 | Cache-Control: max-age=100 | Date: {-40}
age => 40

# 4.2.3 the larger of both
delay 5
< 200 | Cache-Control: max-age=100 | Date: {-40} | Age: 30
age => 40

# 4.2.3 the larger of both
delay 5
< 200 | Cache-Control: max-age=100 | Date: {-40} | Age: 38
age => 43

# 4.2.3 a Date ahead of us
< 200 | Cache-Control: max-age=100 | Date: {+40} | Age: 30
age => 30

# 4.2.3 an old one is stale at once
< 200 | Cache-Control: max-age=10 | Age: 15
> GET => validate: expired, stale in place of an error

# 4.2.3 as old as its Expires less Date
< 200 | Date: {-10} | Expires: {+10} | Age: 25
> GET => validate: expired, stale in place of an error

# 4.2.3 with a fast Date
< 200 | Date: {+10} | Expires: {+20} | Age: 15
> GET => validate: expired, stale in place of an error

# 9110 6.6.1 no Date
< 200 | Cache-Control: max-age=100 | Date: yesterday
age => 0
"#,
    );
}

#[test]
fn age_as_it_is_written() {
    let cases = [
        ("7200", 7_200_u32),
        ("007200", 7200),
        ("7200, 0", 7200),
        ("7200,0", 7200),
        ("0, 7200", 0),
        ("7200 | Age: 0", 7200),
        ("0 | Age: 7200", 0),
        ("7200, 7200", 7200),
        ("2147483647", 2_147_483_647),
        ("2147483648", 2_147_483_648),
        ("2147483649", 2_147_483_648),
        ("99999999999999999999", 2_147_483_648),
        // What is no delta-seconds is ignored.
        ("abc", 0),
        ("-7200", 0),
        ("7200.0", 0),
        ("7200s", 0),
        ("\"7200\"", 0),
        ("+7200", 0),
        ("", 0),
        ("x, 7200", 0),
        (", 7200", 0),
    ];
    for (written, age) in cases {
        check(&format!(
            "# 5.1 Age: {written}\n\
             < 200 | Cache-Control: max-age=99999999999 | Age: {written}\n\
             age => {age}"
        ));
    }
    check(
        "# 5.1 older than can be told is stale\n\
         < 200 | Cache-Control: max-age=99999999999 | Age: 2147483649\n\
         > GET => validate: expired, stale in place of an error",
    );
}
