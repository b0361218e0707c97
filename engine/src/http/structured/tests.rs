//! Tables with the section of RFC 9651 in each row.

use super::*;
use alloc::vec;
use proptest::prelude::*;
use std::format;
use std::string::ToString;

fn one(line: &str) -> Option<Item<'_>> {
    item([line.as_bytes()].into_iter())
}

fn all<'b>(lines: &[&'b str]) -> Option<Vec<Member<'b>>> {
    list(lines.iter().map(|line| line.as_bytes()))
}

fn keyed<'b>(lines: &[&'b str]) -> Option<Dictionary<'b>> {
    dictionary(lines.iter().map(|line| line.as_bytes()))
}

fn text(bytes: &str) -> Value<'_> {
    Value::String(Cow::Borrowed(bytes.as_bytes()))
}

#[test]
fn values() {
    let token = |text: &'static str| Some(Value::Token(text.as_bytes()));
    let bytes = |text: &str| Some(Value::Bytes(text.as_bytes().to_vec()));
    let display = |text: &str| Some(Value::Display(text.into()));
    let integer = |number| Some(Value::Integer(number));
    let decimal = |number| Some(Value::Decimal(number));
    let cases = [
        ("3.3.1", "42", integer(42)),
        ("3.3.1", "-42", integer(-42)),
        ("3.3.1 zeros", "-007", integer(-7)),
        ("4.2.3 spaces around", "  1 ", integer(1)),
        ("4.2 a tab is none", "\t1", None),
        ("4.2.3 a tab after", "1\t", None),
        (
            "3.3.1 15 digits",
            "999999999999999",
            integer(999_999_999_999_999),
        ),
        (
            "3.3.1 least",
            "-999999999999999",
            integer(-999_999_999_999_999),
        ),
        ("3.3.1 16 digits", "1000000000000000", None),
        ("4.2.4 no digit", "-", None),
        ("4.2.4 plus", "+1", None),
        ("4.2.4 twice", "--1", None),
        ("3.3.2", "4.5", decimal(4500)),
        ("3.3.2", "-0.125", decimal(-125)),
        ("3.3.2", "1.25", decimal(1250)),
        (
            "3.3.2 12 digits",
            "999999999999.999",
            decimal(999_999_999_999_999),
        ),
        ("3.3.2 13 digits", "1000000000000.0", None),
        ("3.3.2 4 digits after", "1.0000", None),
        ("4.2.4 ends in a point", "1.", None),
        ("4.2.4 begins with a point", ".1", None),
        ("4.2.4 two points", "1.5.4", None),
        ("4.2.4 exponent", "1e3", None),
        ("3.3.3", r#""a b""#, Some(text("a b"))),
        ("3.3.3 empty", r#""""#, Some(text(""))),
        ("3.3.3 escapes", r#""a\"b\\c""#, Some(text(r#"a"b\c"#))),
        ("4.2.5 other escape", r#""a\b""#, None),
        ("4.2.5 ends in an escape", r#""a\"#, None),
        ("4.2.5 no end", r#""a"#, None),
        ("4.2.5 a tab", "\"a\tb\"", None),
        ("4.2.5 not ASCII", "\"ü\"", None),
        ("4.2.5 after an escape", "\"\\\\\t\"", None),
        ("4.2.5 DEL", "\"\x7f\"", None),
        ("4.2.5 single quotes", "'a'", None),
        (
            "3.3.4",
            "a/b:c!#$%&'*+-.^_`|~9",
            token("a/b:c!#$%&'*+-.^_`|~9"),
        ),
        ("3.3.4 star", "*a", token("*a")),
        ("3.3.4 upper case", "GZIP", token("GZIP")),
        ("4.2.6 begins with a digit", "1a", None),
        ("4.2.6 begins with a slash", "/a", None),
        ("4.2.6 two words", "a b", None),
        ("3.3.5", ":cHJldGVuZA==:", bytes("pretend")),
        ("3.3.5 empty", "::", bytes("")),
        ("4.2.7 no padding", ":cHJldGVuZA:", bytes("pretend")),
        ("4.2.7 padding bits", ":YWJjZB==:", bytes("abcd")),
        ("3.3.5 one of padding", ":YWI=:", bytes("ab")),
        ("4.2.7 padding only", ":=:", None),
        ("4.2.7 too much padding", ":YWI==:", None),
        ("4.2.7 padding within", ":Y=I=:", None),
        ("4.2.7 one sextet", ":YWJjY:", None),
        ("4.2.7 white space", ":YWJj YWJj:", None),
        ("4.2.7 URL alphabet", ":-_-_:", None),
        ("4.2.7 no end", ":YWJj", None),
        ("3.3.6", "?1", Some(Value::Boolean(true))),
        ("3.3.6", "?0", Some(Value::Boolean(false))),
        ("4.2.8", "?2", None),
        ("4.2.8", "?", None),
        ("4.2.8", "?true", None),
        ("3.3.7", "@1659578233", Some(Value::Date(1_659_578_233))),
        ("3.3.7", "@-1", Some(Value::Date(-1))),
        ("4.2.9", "@1.5", None),
        ("4.2.9", "@", None),
        ("3.3.8", "%\"This is for %c3%bc\"", display("This is for ü")),
        ("3.3.8 percent", "%\"%25 \\ \"", display("% \\ ")),
        ("4.2.10 upper case", "%\"%C3%BC\"", None),
        ("4.2.10 not UTF-8", "%\"%c3\"", None),
        ("4.2.10 half a code", "%\"%c\"", None),
        ("4.2.10 raw", "%\"ü\"", None),
        ("4.2.10 no quote", "%a", None),
        ("4.2.10 no end", "%\"a", None),
        ("4.2.3.1 nothing", "", None),
        ("4.2.3.1 other", "{a}", None),
        ("4.2.3 an inner list is no item", "(a)", None),
        ("4.2.3 a list is no item", "1, 2", None),
    ];
    for (section, line, want) in cases {
        let got = one(line);
        assert_eq!(got.map(|item| item.value), want, "{section}: {line}");
    }
    assert_eq!(item([&b"1"[..], b"2"].into_iter()), None, "4.2 two lines");
    assert_eq!(item([].into_iter()), None, "4.2.3 no line");
}

type Pairs<'a> = &'a [(&'a str, Value<'a>)];

#[test]
fn parameters() {
    let cases: &[(&str, &str, Option<Pairs<'_>>)] = &[
        ("3.1.2", "1", Some(&[])),
        (
            "3.1.2",
            "1;a;b=?0;c=\"x;y\"",
            Some(&[
                ("a", Value::Boolean(true)),
                ("b", Value::Boolean(false)),
                ("c", text("x;y")),
            ]),
        ),
        (
            "3.1.2 the last counts",
            "1;a=1;b=2;a=3",
            Some(&[("a", Value::Integer(3)), ("b", Value::Integer(2))]),
        ),
        (
            "4.2.3.2 spaces",
            "1;  a=1",
            Some(&[("a", Value::Integer(1))]),
        ),
        (
            "4.2.3.3 keys",
            "1;*=1;*a_-.9=2",
            Some(&[("*", Value::Integer(1)), ("*a_-.9", Value::Integer(2))]),
        ),
        ("4.2.3.2 a space before", "1 ;a=1", None),
        ("4.2.3.2 a tab", "1;\ta=1", None),
        ("4.2.3.2 around =", "1;a =1", None),
        ("4.2.3.2 around =", "1;a= 1", None),
        ("4.2.3.2 no value", "1;a=", None),
        ("4.2.3.2 no key", "1;", None),
        ("4.2.3.3 upper case", "1;A=1", None),
        ("4.2.3.3 begins with a digit", "1;9=1", None),
        ("4.2.3.3 begins with a dash", "1;-=1", None),
        ("3.1.2 no inner lists", "1;a=(1)", None),
    ];
    for (section, line, want) in cases {
        let got = one(line).map(|item| item.parameters);
        let got: Option<Vec<(&str, Value<'_>)>> = got.map(|parameters| {
            let pairs = parameters.0.into_iter();
            pairs
                .map(|(key, value)| (core::str::from_utf8(key).unwrap(), value))
                .collect()
        });
        assert_eq!(got.as_deref(), *want, "{section}: {line}");
    }
}

/// Members as text: tokens and numbers, inner lists in parentheses.
fn told(members: &[Member<'_>]) -> String {
    let value = |value: &Value<'_>| match value {
        Value::Integer(number) => number.to_string(),
        Value::Token(text) => String::from_utf8(text.to_vec()).unwrap(),
        Value::String(text) => format!("'{}'", String::from_utf8(text.to_vec()).unwrap()),
        other => format!("{other:?}"),
    };
    let item = |item: &Item<'_>| {
        let mut told = value(&item.value);
        for (key, of) in item.parameters.iter() {
            told += &format!(";{}={}", core::str::from_utf8(key).unwrap(), value(of));
        }
        told
    };
    let member = |member: &Member<'_>| match member {
        Member::Item(one) => item(one),
        Member::Inner(inner) => {
            let items: Vec<String> = inner.items.iter().map(item).collect();
            let mut told = format!("({})", items.join(" "));
            for (key, of) in inner.parameters.iter() {
                told += &format!(";{}={}", core::str::from_utf8(key).unwrap(), value(of));
            }
            told
        }
    };
    members.iter().map(member).collect::<Vec<_>>().join(", ")
}

#[test]
fn lists() {
    let cases: &[(&str, &[&str], Option<&str>)] = &[
        ("3.1", &["sugar, tea, rum"], Some("sugar, tea, rum")),
        ("3.1 no line", &[], Some("")),
        ("3.1 empty", &[""], Some("")),
        ("4.2 spaces only", &["  "], Some("")),
        (
            "3.1 white space around commas",
            &["a\t,\tb ,c  ,  d"],
            Some("a, b, c, d"),
        ),
        ("3.1 no white space", &["1,42"], Some("1, 42")),
        ("3.1 over lines", &["a, b", "c"], Some("a, b, c")),
        (
            "4.2 white space at line ends",
            &["a \t", "\t b"],
            Some("a, b"),
        ),
        ("4.2.1 ends in white space", &["a \t"], Some("a")),
        ("4.2.1 trailing comma", &["a,"], None),
        ("4.2.1 trailing comma", &["a, "], None),
        ("4.2.1 trailing comma of a line", &["a,", "b"], None),
        ("4.2.1 empty member", &["a,,b"], None),
        ("4.2.1 leading comma", &[",a"], None),
        ("4.2 an empty line among others", &["a", ""], None),
        ("4.2 an empty line among others", &["", "a"], None),
        ("4.2 an empty line among others", &["a", "", "b"], None),
        ("4.2 only empty lines", &["", ""], None),
        ("4.2.1 no comma", &["a b"], None),
        ("4.2.1 one is broken", &["a, \"b"], None),
        ("4.2 a string over lines", &["\"a", "b\""], None),
        ("4.2 an inner list over lines", &["(a", "b)"], None),
        (
            "3.1.1",
            &["(\"foo\" \"bar\"), (baz), ()"],
            Some("('foo' 'bar'), (baz), ()"),
        ),
        ("3.1.1 spaces", &["(  a   b )"], Some("(a b)")),
        (
            "3.1.1 parameters",
            &["(\"a\";x=1;y b);lvl=5, (c);lvl=1"],
            Some("('a';x=1;y=Boolean(true) b);lvl=5, (c);lvl=1"),
        ),
        ("4.2.1.2 no end", &["(a"], None),
        ("4.2.1.2 no end", &["("], None),
        ("4.2.1.2 commas", &["(a, b)"], None),
        ("4.2.1.2 tabs", &["(a\tb)"], None),
        ("4.2.1.2 no space", &["(\"a\"\"b\")"], None),
        ("4.2.1.2 nested", &["((a))"], None),
        ("4.2.1.2 only closed", &["a)"], None),
        ("4.2.1 not ASCII", &["a, ü"], None),
    ];
    for (section, lines, want) in cases {
        let got = all(lines).map(|members| told(&members));
        assert_eq!(got.as_deref(), *want, "{section}: {lines:?}");
    }
}

#[test]
fn dictionaries() {
    let cases: &[(&str, &[&str], Option<&str>)] = &[
        (
            "3.2",
            &["en=\"Applepie\", da=*w4"],
            Some("da=*w4, en='Applepie'"),
        ),
        ("3.2 empty", &[""], Some("")),
        ("3.2 no line", &[], Some("")),
        (
            "3.2 Booleans",
            &["a=?0, b, c; foo=bar"],
            Some("a=Boolean(false), b=Boolean(true), c=Boolean(true);foo=bar"),
        ),
        (
            "3.2 inner lists",
            &["rating=1, feelings=(joy sadness)"],
            Some("feelings=(joy sadness), rating=1"),
        ),
        (
            "3.2 parameters",
            &["a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid=7"],
            Some("a=(1 2), b=3, c=4;aa=bb, d=(5 6);valid=7"),
        ),
        ("3.2 the last counts", &["a=1,b=2", "a=3"], Some("a=3, b=2")),
        (
            "3.2 the last counts, whatever its type",
            &["a=1, a"],
            Some("a=Boolean(true)"),
        ),
        (
            "3.2 over lines",
            &["max-age=5", "must-revalidate"],
            Some("max-age=5, must-revalidate=Boolean(true)"),
        ),
        ("4.2.2 spaces around =", &["a =1"], None),
        ("4.2.2 spaces around =", &["a= 1"], None),
        ("4.2.2 no value", &["a="], None),
        ("4.2.2 no key", &["=1"], None),
        ("4.2.2 upper case", &["Max-Age=5"], None),
        ("4.2.2 trailing comma", &["a=1,"], None),
        ("4.2.2 empty member", &["a=1,,b"], None),
        ("4.2.2 no comma", &["a=1 b"], None),
        ("4.2.2 semicolon", &["a=1; "], None),
        ("4.2.2 one is broken", &["a=1, b=\"", "c"], None),
    ];
    for (section, lines, want) in cases {
        let got = keyed(lines).map(|members| {
            let one = |(key, member): (&[u8], &Member<'_>)| {
                format!(
                    "{}={}",
                    core::str::from_utf8(key).unwrap(),
                    told(core::slice::from_ref(member))
                )
            };
            members.iter().map(one).collect::<Vec<_>>().join(", ")
        });
        assert_eq!(got.as_deref(), *want, "{section}: {lines:?}");
    }
}

#[test]
fn members_are_asked_for_by_key_and_type() {
    let held = keyed(&["a=1, b=?0, c=\"x\", d=(1 2), e=1.0"]).unwrap();
    assert_eq!((held.len(), held.is_empty()), (5, false));
    assert_eq!(held.get("a").and_then(Member::integer), Some(1));
    assert_eq!(held.get("e").and_then(Member::integer), None);
    assert_eq!(held.get("b").and_then(Member::boolean), Some(false));
    assert_eq!(held.get("a").and_then(Member::boolean), None);
    assert_eq!(held.get("c").and_then(Member::string), Some(&b"x"[..]));
    assert_eq!(held.get("d").and_then(Member::string), None);
    assert_eq!(
        held.get("d").and_then(Member::items).map(<[_]>::len),
        Some(2)
    );
    assert!(held.get("a").and_then(Member::items).is_none());
    assert!(held.get("z").is_none());
}

#[test]
fn bounds_are_those_that_the_rfc_wants_kept() {
    let many = |count: usize| vec!["a"; count].join(",");
    let inner = |count: usize| format!("({})", vec!["a"; count].join(" "));
    let parameters = |count: usize| format!("a{}", ";b".repeat(count));
    let fits = |line: String| all(&[&line]).is_some();
    assert!(fits(many(1024)) && !fits(many(1025)), "3.1");
    assert!(fits(inner(256)) && !fits(inner(257)), "3.1.1");
    assert!(fits(parameters(256)) && !fits(parameters(257)), "3.1.2");
    let fits = |line: String| keyed(&[&line]).is_some();
    assert!(fits(many(1024)) && !fits(many(1025)), "3.2");
    let half = many(513);
    assert!(all(&[&half, &half]).is_none(), "all lines count together");
    let long = |quote: &str, count| format!("{quote}{}{quote}", "A".repeat(count));
    assert!(one(&long("\"", 1024)).is_some(), "3.3.3");
    assert!(one(&"t".repeat(512)).is_some(), "3.3.4");
    assert!(one(&long(":", 21_848)).is_some(), "3.3.5");
    assert!(keyed(&[&"k".repeat(64)]).is_some(), "3.2");
}

proptest! {
    #[test]
    fn strings_are_read_as_they_were_written(written in "[ -~]{0,40}") {
        let line = format!("\"{}\"", written.replace('\\', "\\\\").replace('"', "\\\""));
        let read = one(&line).unwrap();
        prop_assert_eq!(read.value.string(), Some(written.as_bytes()));
    }

    #[test]
    fn numbers_are_read_as_they_were_written(number in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let line = number.to_string();
        let read = one(&line).map(|item| item.value);
        prop_assert_eq!(read, Some(Value::Integer(number)));
        let sign = if number < 0 { "-" } else { "" };
        let (whole, part) = (number.abs() / 1000, number.abs() % 1000);
        let line = format!("{sign}{whole}.{part:03}");
        let read = one(&line).map(|item| item.value);
        prop_assert_eq!(read, Some(Value::Decimal(number)));
    }

    #[test]
    fn display_strings_are_read_as_they_were_written(written in "\\PC{0,20}") {
        let coded: String = written.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let line = format!("%\"{coded}\"");
        let read = one(&line).map(|item| item.value);
        prop_assert_eq!(read, Some(Value::Display(written)));
    }

    #[test]
    fn a_list_is_the_same_in_one_line_or_several(words in proptest::collection::vec("[a-z]{1,3}", 1..8), cut in 0_usize..8) {
        let whole = words.join(",");
        let (before, after) = words.split_at(cut.clamp(1, words.len()));
        let (before, after) = (before.join(", "), after.join(" , "));
        let lines = [&*before, &*after];
        let lines = if after.is_empty() { &lines[..1] } else { &lines[..] };
        prop_assert_eq!(all(&[&whole]), all(lines));
    }

    #[test]
    fn whatever_is_sent_is_read_or_refused(line in "[ -~\t]{0,40}", more in "[ -~\t]{0,10}") {
        let _ = one(&line);
        let _ = (all(&[&line, &more]), keyed(&[&line, &more]));
    }
}
