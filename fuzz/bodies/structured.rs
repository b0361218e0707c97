//! Structured fields, and those that are read through them: No-Vary-Search and Cache-Groups.

use super::LIMITS;
use ringside_engine::http::structured::{self, InnerList, Item, Member, Parameters, Value};
use ringside_engine::http::{Fields, Parse, ResponseHead};
use ringside_engine::key::Seed;
use ringside_engine::purge::groups;
use ringside_engine::route::SearchRule;
use std::fmt::Write;

pub(crate) const STRUCTURED: &[&[u8]] = &[
    b"sugar, tea, (\"a\" b;c=1);d=?0, 1.5;e=@-7",
    b"a=1, b=?0, c, d=(1 \"x\\\"y\"), e=:aGVsbG8=:, f=%\"%c3%bc%25 x\"",
    b"\"a\", \"b c\";revalidate, \"a\"\n\"d\"",
    b"max-age=60, stale-while-revalidate=5\nmust-revalidate",
];

pub(crate) const SEARCHES: &[&[u8]] = &[
    b"key-order\na=%f6&b=x+y&a=%41",
    b"params=(\"utm\" \"%C3%A9+x\"), key-order\nb=1&utm=2&%c3%a9%20x=3&a",
    b"params, except=(\"id\" \"id\")\n&id=1&&a==2&i%64=%zz%4",
    b"params=?0, future=(a b)\na&=b",
];

/// A list and a dictionary: what is read, written in its normal form, is read as the same.
pub(crate) fn structured(bytes: &[u8]) {
    let lines = || bytes.split(|byte| *byte == b'\n');
    if let Some(members) = structured::list(lines()) {
        let written: Vec<String> = members.iter().map(member).collect();
        let written = written.join(", ");
        let again = structured::list([written.as_bytes()].into_iter());
        assert_eq!(again, Some(members), "{written}");
    }
    if let Some(members) = structured::dictionary(lines()) {
        let one = |(name, of): (&[u8], &Member<'_>)| format!("{}={}", text(name), member(of));
        let written: Vec<String> = members.iter().map(one).collect();
        let written = written.join(",");
        let again = structured::dictionary([written.as_bytes()].into_iter());
        assert_eq!(again, Some(members), "{written}");
    }
    if let Some(read) = structured::item(lines()) {
        assert_eq!(structured::list(lines()), Some(vec![Member::Item(read)]));
    }
    with_field(
        "Cache-Groups",
        bytes.split(|byte| *byte == b'\n'),
        |fields| {
            let mut packed = Vec::new();
            let tags = [Box::from("cache-groups")];
            if groups::read(Seed([1, 2]), 1, b"a", fields, &tags, &mut packed).is_ok() {
                let ids: Vec<u64> = groups::unpacked(&packed).collect();
                assert_eq!(ids.len() * 8, packed.len());
                assert!(ids.windows(2).all(|two| two[0] < two[1]), "each once");
            }
        },
    );
}

/// No-Vary-Search in the first line and a query in the rest: the canonical form is a query that is
/// the same to the rule, and its own canonical form.
pub(crate) fn search(bytes: &[u8]) {
    let at = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (value, query) = bytes.split_at(at);
    with_field("No-Vary-Search", [value].into_iter(), |fields| {
        let Some(rule) = SearchRule::of(fields) else {
            return;
        };
        let applied = |query: &[u8]| {
            let mut out = Vec::new();
            rule.apply(query, &mut out);
            out
        };
        let once = applied(query);
        assert_eq!(applied(&once), once);
        assert!(rule.is_same(Some(query), Some(&once)));
        assert_eq!(rule.is_same(None, Some(b"")), !rule.is_default());
        if rule.is_default() {
            assert_eq!(once, query);
            return;
        }
        assert!(once.iter().all(u8::is_ascii_graphic));
        // Empty parameters are none.
        assert_eq!(applied(&[b"&", query, b"&&"].concat()), once);
        let twice = applied(&[query, b"&", query].concat());
        let parameters = |query: &[u8]| {
            query
                .split(|byte| *byte == b'&')
                .filter(|one| !one.is_empty())
                .count()
        };
        assert_eq!(parameters(&twice), 2 * parameters(&once));
    });
}

/// Reads a head with these values of one field, where they make a head.
fn with_field<'a>(
    name: &str,
    values: impl Iterator<Item = &'a [u8]>,
    read: impl FnOnce(Fields<'_>),
) {
    let mut text = b"HTTP/1.1 200 -\r\n".to_vec();
    for value in values {
        text.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    let mut head = ResponseHead::default();
    if head.parse(&text, &LIMITS) == Ok(Parse::Complete) {
        read(head.view(&text).fields);
    }
}

fn member(member: &Member<'_>) -> String {
    match member {
        Member::Item(one) => item(one),
        Member::Inner(InnerList { items, parameters }) => {
            let items: Vec<String> = items.iter().map(item).collect();
            format!("({}){}", items.join(" "), with(parameters))
        }
    }
}

fn item(item: &Item<'_>) -> String {
    value(&item.value) + &with(&item.parameters)
}

fn with(parameters: &Parameters<'_>) -> String {
    let one = |(name, of): (&[u8], &Value<'_>)| format!(";{}={}", text(name), value(of));
    parameters.iter().map(one).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("ASCII only")
}

/// RFC 9651, 4.1.4 to 4.1.11.
fn value(value: &Value<'_>) -> String {
    match value {
        Value::Integer(number) => {
            assert!(number.abs() <= 999_999_999_999_999);
            number.to_string()
        }
        Value::Decimal(thousandths) => {
            let sign = if *thousandths < 0 { "-" } else { "" };
            let (whole, part) = (thousandths.abs() / 1000, thousandths.abs() % 1000);
            assert!(whole <= 999_999_999_999);
            format!("{sign}{whole}.{part:03}")
        }
        Value::String(of) => {
            let escaped = text(of).replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\"")
        }
        Value::Token(of) => text(of).to_string(),
        Value::Bytes(of) => format!(":{}:", base64(of)),
        Value::Boolean(of) => format!("?{}", u8::from(*of)),
        Value::Date(seconds) => format!("@{seconds}"),
        Value::Display(of) => {
            let mut out = String::from("%\"");
            for byte in of.bytes() {
                match byte {
                    b' '..=b'~' if !matches!(byte, b'%' | b'"') => out.push(char::from(byte)),
                    _ => write!(out, "%{byte:02x}").expect("a String takes it"),
                }
            }
            out + "\""
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            out.push(if digit > three.len() {
                '='
            } else {
                char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63])
            });
        }
    }
    out
}
