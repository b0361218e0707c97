//! Names, look-ups and lists.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;
use std::string::String;

#[test]
fn every_name_is_found_in_any_case() {
    // RFC 9110, 5.1
    for (name, text) in Name::ALL {
        assert_eq!(Name::from_bytes(text.as_bytes()), *name);
        assert_eq!(
            Name::from_bytes(text.to_ascii_uppercase().as_bytes()),
            *name
        );
        assert_eq!(
            Name::from_bytes(text.to_ascii_lowercase().as_bytes()),
            *name
        );
        assert_eq!(name.as_str(), *text);
    }
    let others = [
        "",
        "X",
        "Hostt",
        "Hos",
        "Hast",
        "Content-Lengtx",
        "Content_Length",
        "Transfer-Encodinh",
        "\x14ransfer-Encoding",
        "Transfer-Encodin\x07",
        "a-name-longer-than-any-that-is-known",
    ];
    for other in others {
        assert_eq!(Name::from_bytes(other.as_bytes()), Name::Other, "{other:?}");
    }
}

/// The fields of `lines`, with names and values right behind each other.
fn with_fields<R>(lines: &[(&str, &str)], look: impl FnOnce(Fields<'_>) -> R) -> R {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for (name, value) in lines {
        let name_at = bytes.len() as u32;
        bytes.extend_from_slice(name.as_bytes());
        let value_at = bytes.len() as u32;
        bytes.extend_from_slice(value.as_bytes());
        spans.push(FieldSpan {
            name: Name::from_bytes(name.as_bytes()),
            name_len: name.len() as u16,
            name_at,
            value_at,
            value_len: value.len() as u32,
        });
    }
    look(Fields::new(&bytes, &spans))
}

fn texts<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<&'a str> {
    values
        .map(|value| core::str::from_utf8(value).unwrap())
        .collect()
}

#[test]
fn lines_are_found_by_name_and_by_text() {
    let lines = [
        ("Accept", "a, b"),
        ("X-Other", "1"),
        ("ACCEPT", "c"),
        ("x-other", "2"),
        ("X-Empty", ""),
    ];
    with_fields(&lines, |fields| {
        assert_eq!((fields.len(), fields.is_empty()), (5, false));
        assert_eq!(fields.get(Name::Accept), Some(&b"a, b"[..]));
        assert_eq!(fields.get(Name::Host), None);
        assert_eq!(texts(fields.all(Name::Accept)), ["a, b", "c"]);
        assert_eq!(fields.count(Name::Accept), 2);
        assert!(fields.has(Name::Accept) && !fields.has(Name::Host));
        assert_eq!(texts(fields.members(Name::Accept)), ["a", "b", "c"]);
        assert!(fields.has_token(Name::Accept, "B") && !fields.has_token(Name::Accept, "ab"));
        assert_eq!(texts(fields.all_by_text(b"accept")), ["a, b", "c"]);
        assert_eq!(texts(fields.all_by_text(b"x-OTHER")), ["1", "2"]);
        assert_eq!(fields.get_by_text(b"x-empty"), Some(&b""[..]));
        assert_eq!(fields.get_by_text(b"x-missing"), None);
        let names: Vec<&str> = texts(fields.iter().map(|field| field.name));
        assert_eq!(names, ["Accept", "X-Other", "ACCEPT", "x-other", "X-Empty"]);
    });
}

#[test]
fn spans_that_lie_outside_are_empty() {
    // Ours alone can be wrong here; it must still not take a shard down.
    let span = FieldSpan {
        name_len: 9,
        name_at: 1,
        value_at: u32::MAX,
        value_len: u32::MAX,
        ..FieldSpan::default()
    };
    let field = Fields::new(b"abc", &[span])
        .iter()
        .next()
        .map(|field| (field.name.len(), field.value.len()));
    assert_eq!(field, Some((0, 0)));
}

#[test]
fn list_members() {
    // RFC 9110, 5.6.1 and 5.6.4
    let cases: &[(&str, &[&str])] = &[
        ("a, b ,c", &["a", "b", "c"]),
        ("a\t,\tb", &["a", "b"]),
        (", ,a,,", &["a"]),
        ("\"a,b\", c", &["\"a,b\"", "c"]),
        (r#""a\",b", c"#, &[r#""a\",b""#, "c"]),
        (r#""a\\", c"#, &[r#""a\\""#, "c"]),
        (r#"x="1,2";y="3,4", z"#, &[r#"x="1,2";y="3,4""#, "z"]),
        ("", &[]),
        (" \t", &[]),
        ("W/\"x\"", &["W/\"x\""]),
        ("\"a, b", &["\"a, b"]),
        ("\"a, b\\", &["\"a, b\\"]),
        ("\"", &["\""]),
        ("a,\"", &["a", "\""]),
    ];
    for (value, want) in cases {
        assert_eq!(&texts(members(value.as_bytes())), want, "{value}");
    }
}

#[test]
fn quotes_that_do_not_end() {
    for (value, want) in [
        ("", true),
        ("abc", true),
        ("for=\"a\"", true),
        (r#""a\"""#, true),
        ("\"", false),
        ("a=\"b\";c=\"d", false),
        (r#""a\""#, false),
        (r#""a\"#, false),
    ] {
        assert_eq!(is_balanced(value.as_bytes()), want, "{value}");
    }
}

/// What `members` should find, written as simply as can be.
fn members_by_byte(value: &str) -> Vec<String> {
    let (mut all, mut here) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                all.push(core::mem::take(&mut here));
                continue;
            }
            _ => {}
        }
        here.push(c);
    }
    all.push(here);
    let trimmed = all.iter().map(|member| member.trim_matches([' ', '\t']));
    trimmed
        .filter(|member| !member.is_empty())
        .map(String::from)
        .collect()
}

proptest! {
    #[test]
    fn members_agree_with_the_plain_reading(value in r#"[ab,"\\ \t]{0,24}"#) {
        let got: Vec<String> = members(value.as_bytes())
            .map(|member| String::from_utf8(member.to_vec()).unwrap())
            .collect();
        prop_assert_eq!(got, members_by_byte(&value));
    }

    #[test]
    fn what_is_appended_to_a_balanced_value_is_a_member(value in r#"[ab,"\\ ]{0,16}"#) {
        let mut joined = value.clone().into_bytes();
        joined.extend_from_slice(b", last");
        let last = members(&joined).last();
        prop_assert_eq!(last == Some(&b"last"[..]), is_balanced(value.as_bytes()));
    }
}
