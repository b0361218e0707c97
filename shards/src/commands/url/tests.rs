//! What an operator types, and what clients would have sent.

use super::*;
use std::fmt::Debug;

/// Texts that become something, and texts that do not, with why.
fn check<T: FromStr<Err = String> + ToString + Debug>(good: &[(&str, &str)], bad: &[(&str, &str)]) {
    for (text, expected) in good {
        let read: Result<T, String> = text.parse();
        assert_eq!(
            read.map(|v| v.to_string()).as_deref(),
            Ok(*expected),
            "{text:?}"
        );
    }
    for (text, expected) in bad {
        let read: Result<T, String> = text.parse();
        assert_eq!(
            read.map(|v| v.to_string()),
            Err((*expected).to_owned()),
            "{text:?}"
        );
    }
}

#[test]
fn urls() {
    check::<Url>(
        &[
            ("http://a.org/b", "http://a.org/b"),
            ("HTTP://a.org/b", "http://a.org/b"),
            // RFC 3986, 6.2.3: an empty path is the same as "/".
            ("http://a.org", "http://a.org/"),
            ("http://a.org?x=1", "http://a.org/?x=1"),
            (
                "http://a.org:8080/b?x=http://c.org/",
                "http://a.org:8080/b?x=http://c.org/",
            ),
            ("http://[::1]:80/", "http://[::1]:80/"),
            // RFC 9110, 7.1: a target has no fragment.
            ("http://a.org/b#c", "http://a.org/b"),
            ("http://a.org#c", "http://a.org/"),
            (
                "http://a.org/b c/ü?\"<>",
                "http://a.org/b%20c/%C3%BC?%22%3C%3E",
            ),
            ("http://a.org/%c3%BC%", "http://a.org/%c3%BC%"),
            ("http://a.org/a\r\nX: y", "http://a.org/a%0D%0AX:%20y"),
            (
                "http://a.org/!$&'()*+,;=:@-._~/?",
                "http://a.org/!$&'()*+,;=:@-._~/?",
            ),
        ],
        &[
            ("", "it has no scheme; write http://"),
            ("a.org/b", "it has no scheme; write http://a.org/b"),
            ("//a.org/b", "it has no scheme; write http://a.org/b"),
            (
                "a.org/?x=http://c.org/",
                "it has no scheme; write http://a.org/?x=http://c.org/",
            ),
            (
                "https://a.org/b",
                "write it as it is asked for here, over plain HTTP: http://a.org/b",
            ),
            ("ftp://a.org/", "it must begin with http://"),
            ("http://", "the host is missing"),
            ("http:///b", "the host is missing"),
            ("http://u:p@a.org/", "leave out what stands before the @"),
            (
                "http://ü.org/",
                "write international host names in their xn-- form",
            ),
            ("http://a b/", "\"a b\" is no host"),
            ("http://a\r\nb/", "\"a\\r\\nb\" is no host"),
        ],
    );
}

#[test]
fn prefixes_may_be_of_every_host() {
    check::<Prefix>(
        &[
            ("http://a.org/b/", "http://a.org/b/"),
            ("http://a.org", "http://a.org/"),
            ("/b c/", "/b%20c/"),
            ("/", "/"),
        ],
        &[
            (
                "b/",
                "it has no scheme; write http://b/, or a path that begins with /",
            ),
            (
                "//a.org/",
                "it has no scheme; write http://a.org/, or a path that begins with /",
            ),
            (
                "",
                "it has no scheme; write http://, or a path that begins with /",
            ),
        ],
    );
}

#[test]
fn field_lines_and_methods() {
    let form = "write it as 'Field: value'";
    let control = "a value has no line ends or other control characters";
    check::<FieldLine>(
        &[
            ("Accept: a", "Accept: a"),
            ("Accept:a", "Accept: a"),
            ("Accept:\t a:b \t", "Accept: a:b"),
            ("X:", "X: "),
            ("X: a\tü", "X: a\tü"),
        ],
        &[
            ("", form),
            ("Accept", form),
            (": a", form),
            ("Accept : a", form),
            ("Acc ept: a", form),
            ("X: a\r\nY: b", control),
            ("X: a\0", control),
        ],
    );
    check::<MethodName>(
        &[("GET", "GET"), ("X-Y!", "X-Y!")],
        &[
            ("", "a method is a word, such as HEAD"),
            ("GET /", "a method is a word, such as HEAD"),
            ("get", "write it in capitals: GET"),
        ],
    );
}

/// The other end of it: what the server finds in the query.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            plain => plain,
        });
    }
    out
}

#[test]
fn a_parameter_comes_out_as_it_went_in() {
    let all: String = (0..0x250).filter_map(char::from_u32).collect();
    for value in [
        "",
        "a",
        "a&soft",
        "a b+c%20",
        "http://a.org/?x=1&y=2#z",
        &all,
    ] {
        let mut target = "/purge".to_owned();
        push_parameter(&mut target, "url", value);
        push_parameter(&mut target, "next", "1");
        assert!(target.bytes().all(|b| b.is_ascii_graphic()), "{target}");
        let query = target.strip_prefix("/purge?").unwrap();
        let (first, second) = query.split_once('&').unwrap();
        assert_eq!(second, "next=1");
        assert_eq!(
            decoded(first.strip_prefix("url=").unwrap()),
            value.as_bytes()
        );
    }
}
