//! Targets, hosts and the normal form of paths.

use super::super::head::tests as heads;
use super::*;
use proptest::prelude::*;
use std::{format, string::String, vec};

/// Form, scheme, authority, path, query, and what is forwarded.
type Parts<'a> = (Form, &'a str, &'a str, &'a str, Option<&'a str>, &'a str);

fn parts(method: Method, target: &str) -> Option<Parts<'_>> {
    let text = |bytes| core::str::from_utf8(bytes).unwrap();
    split(method, target.as_bytes()).ok().map(|target| {
        (
            target.form,
            text(target.scheme),
            text(target.authority),
            text(target.path),
            target.query.map(text),
            text(target.path_and_query),
        )
    })
}

#[test]
fn the_four_forms() {
    use Form::{Absolute, Asterisk, Authority, Origin};
    let cases: &[(Method, &str, Parts<'_>)] = &[
        // RFC 9112, 3.2.1
        (Method::Get, "/", (Origin, "", "", "/", None, "/")),
        (
            Method::Get,
            "/a/b?c=d",
            (Origin, "", "", "/a/b", Some("c=d"), "/a/b?c=d"),
        ),
        (Method::Get, "/?", (Origin, "", "", "/", Some(""), "/?")),
        (
            Method::Get,
            "/a?b?c",
            (Origin, "", "", "/a", Some("b?c"), "/a?b?c"),
        ),
        (
            Method::Get,
            "//a/b",
            (Origin, "", "", "//a/b", None, "//a/b"),
        ),
        (
            Method::Get,
            "/http://a/",
            (Origin, "", "", "/http://a/", None, "/http://a/"),
        ),
        (Method::Options, "/a", (Origin, "", "", "/a", None, "/a")),
        // 3.2.2
        (
            Method::Get,
            "http://a/b?c",
            (Absolute, "http", "a", "/b", Some("c"), "/b?c"),
        ),
        (
            Method::Get,
            "HTTP://a:8080/",
            (Absolute, "HTTP", "a:8080", "/", None, "/"),
        ),
        (
            Method::Get,
            "http://a",
            (Absolute, "http", "a", "/", None, ""),
        ),
        (
            Method::Get,
            "http://a?b",
            (Absolute, "http", "a", "/", Some("b"), "?b"),
        ),
        (
            Method::Get,
            "http://a?b/c",
            (Absolute, "http", "a", "/", Some("b/c"), "?b/c"),
        ),
        (
            Method::Get,
            "ftp://a/b;type=i",
            (Absolute, "ftp", "a", "/b;type=i", None, "/b;type=i"),
        ),
        (
            Method::Get,
            "x+y-z.1://a/",
            (Absolute, "x+y-z.1", "a", "/", None, "/"),
        ),
        (
            Method::Get,
            "http://[::1]:80/",
            (Absolute, "http", "[::1]:80", "/", None, "/"),
        ),
        (
            Method::Get,
            "http://a/://b",
            (Absolute, "http", "a", "/://b", None, "/://b"),
        ),
        // 3.2.3
        (
            Method::Connect,
            "a:443",
            (Authority, "", "a:443", "", None, ""),
        ),
        (
            Method::Connect,
            "[::1]:443",
            (Authority, "", "[::1]:443", "", None, ""),
        ),
        // 3.2.4
        (Method::Options, "*", (Asterisk, "", "", "*", None, "*")),
        (
            Method::Options,
            "http://a",
            (Absolute, "http", "a", "*", None, ""),
        ),
        (
            Method::Options,
            "http://a/",
            (Absolute, "http", "a", "/", None, "/"),
        ),
        (
            Method::Options,
            "http://a?b",
            (Absolute, "http", "a", "/", Some("b"), "?b"),
        ),
    ];
    for (method, target, want) in cases {
        assert_eq!(parts(*method, target), Some(*want), "{method:?} {target}");
    }
}

#[test]
fn targets_that_are_refused() {
    for (method, target) in [
        (Method::Get, ""),
        (Method::Get, "*"),
        (Method::Get, "a"),
        (Method::Get, "a/b"),
        (Method::Get, "?a"),
        (Method::Get, "a:443"),
        (Method::Get, "example.org"),
        (Method::Get, "http:/a"),
        (Method::Get, "http:a"),
        (Method::Get, "://a/"),
        (Method::Get, "1http://a/"),
        (Method::Get, "ht_tp://a/"),
        (Method::Get, "a/http://b/"),
        (Method::Get, "\\\\a\\b"),
        (Method::Get, "/a#b"),
        (Method::Get, "/#"),
        (Method::Get, "http://a#b"),
        (Method::Get, "/a b"),
        (Method::Get, "/a\tb"),
        (Method::Get, "/a\0"),
        (Method::Get, "/a\x7f"),
        (Method::Get, "/\u{e4}"),
        (Method::Options, "**"),
        // RFC 9110, 9.3.6: a host and a port
        (Method::Connect, "a"),
        (Method::Connect, "a:"),
        (Method::Connect, ":443"),
        (Method::Connect, "a:b"),
        (Method::Connect, "a:443/"),
        (Method::Connect, "/a"),
        (Method::Connect, "http://a:443"),
        (Method::Connect, "b@a:443"),
        (Method::Connect, "*"),
    ] {
        assert_eq!(
            split(method, target.as_bytes())
                .err()
                .map(|fault| fault.status),
            Some(400),
            "{method:?} {target:?}"
        );
    }
    for byte in (0..0x21).chain(0x7f..=0xff).chain([b'#']) {
        assert!(split(Method::Get, &[b'/', byte]).is_err(), "{byte}");
    }
}

/// The host of a request with these field lines.
fn host_of(line: &str, fields: &str) -> Option<(String, Option<u16>)> {
    let (head, bytes) = heads::request(format!("{line}\r\n{fields}\r\n").as_bytes());
    let request = head.view(&bytes);
    let target = split(request.method, request.target).unwrap();
    let host = host(&request, &target);
    host.inspect_err(|fault| assert_eq!(fault.status, 400))
        .ok()
        .map(|host| (String::from_utf8(host.name.to_vec()).unwrap(), host.port))
}

#[test]
fn host_fields() {
    // RFC 9110, 7.2; RFC 9112, 3.2; RFC 3986, 3.2.2 and 3.2.3
    for (value, name, port) in [
        ("a", "a", None),
        ("Www.Example.ORG", "Www.Example.ORG", None),
        ("example.org:8080", "example.org", Some(8080)),
        ("example.org:80", "example.org", Some(80)),
        ("example.org:", "example.org", None),
        ("example.org:0", "example.org", Some(0)),
        ("example.org:65535", "example.org", Some(65_535)),
        ("example.org.", "example.org", None),
        ("example.org.:1", "example.org", Some(1)),
        ("a_b-c~d.e", "a_b-c~d.e", None),
        ("192.0.2.1:80", "192.0.2.1", Some(80)),
        ("[::1]", "[::1]", None),
        ("[2001:DB8::1]:8080", "[2001:DB8::1]", Some(8080)),
        ("[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", None),
        ("", "", None),
        (" \ta\t ", "a", None),
    ] {
        let got = host_of("GET / HTTP/1.1", &format!("Host: {value}\r\n"));
        assert_eq!(got, Some((name.into(), port)), "{value}");
    }
}

#[test]
fn host_fields_that_are_refused() {
    for value in [
        "a b",
        "a,b",
        "a, a",
        "a/b",
        "a?b",
        "a#b",
        "a@b",
        "user@example.org",
        "user:pass@a:80",
        "@",
        "a\\b",
        "a%41",
        "a%2eb",
        "\u{e4}.example",
        "a\u{a0}",
        "\"a\"",
        "<a>",
        "a'b",
        "a!b",
        "a*",
        "a;b",
        "a=b",
        "a:b",
        "a:8080x",
        "a:-1",
        "a:+1",
        "a: 1",
        "a:65536",
        "a:99999",
        "a:123456",
        "a:0080",
        "a:00",
        "a:1:2",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[",
        "]",
        "[a]",
        "[1]",
        "[127.0.0.1]",
        "[::1]a",
        "[::1]80",
        "[::1]:x",
        "[::1%25eth0]",
        "[v1.a]",
        "[::1]]",
        "[[::1]]",
        "[:::]",
        "[1:2:3:4:5:6:7:8:9]",
        "x[::1]",
        ":",
        ":80",
        ".:80",
        ".",
        ".a",
        "a..b",
        "a..",
        "http://a",
        "a:80/",
    ] {
        let got = host_of("GET / HTTP/1.1", &format!("Host: {value}\r\n"));
        assert_eq!(got, None, "{value}");
    }
}

#[test]
fn hosts_of_requests() {
    let found = |name: &str, port| Some((String::from(name), port));
    let cases = [
        // RFC 9112, 3.2: exactly one
        ("GET / HTTP/1.1", "", None),
        ("GET http://a/ HTTP/1.1", "", None),
        ("GET / HTTP/1.1", "Host: a\r\nHost: a\r\n", None),
        ("GET / HTTP/1.1", "Host: a\r\nhOST: b\r\n", None),
        ("GET / HTTP/1.0", "Host: a\r\nHost: a\r\n", None),
        ("GET / HTTP/1.0", "", found("", None)),
        ("GET / HTTP/1.0", "Host: a\r\n", found("a", None)),
        ("GET / HTTP/1.0", "Host: a b\r\n", None),
        ("GET http://a/ HTTP/1.0", "", found("a", None)),
        ("OPTIONS * HTTP/1.1", "Host: a\r\n", found("a", None)),
        // 3.2.2: the target is right, and the field agrees
        ("GET http://a/ HTTP/1.1", "Host: a\r\n", found("a", None)),
        ("GET http://A/ HTTP/1.1", "Host: a\r\n", found("A", None)),
        ("GET http://a./ HTTP/1.1", "Host: a\r\n", found("a", None)),
        (
            "GET http://a:80/ HTTP/1.1",
            "Host: a\r\n",
            found("a", Some(80)),
        ),
        ("GET http://a/ HTTP/1.1", "Host: a:80\r\n", found("a", None)),
        ("GET http://a:/ HTTP/1.1", "Host: a\r\n", found("a", None)),
        (
            "GET https://a/ HTTP/1.1",
            "Host: a:443\r\n",
            found("a", None),
        ),
        (
            "GET http://a:8080/ HTTP/1.1",
            "Host: a:8080\r\n",
            found("a", Some(8080)),
        ),
        ("GET http://a/ HTTP/1.1", "Host: b\r\n", None),
        ("GET http://a/ HTTP/1.1", "Host:\r\n", None),
        ("GET http://a:8080/ HTTP/1.1", "Host: a\r\n", None),
        ("GET http://a/ HTTP/1.1", "Host: a:8080\r\n", None),
        ("GET https://a/ HTTP/1.1", "Host: a:80\r\n", None),
        ("GET http://a/ HTTP/1.1", "Host: a b\r\n", None),
        ("GET http:/// HTTP/1.1", "Host: a\r\n", None),
        ("GET http://:80/ HTTP/1.1", "Host: :80\r\n", None),
        ("GET http://b@a/ HTTP/1.1", "Host: a\r\n", None),
        ("GET http://a:b@a/ HTTP/1.1", "Host: a\r\n", None),
        ("GET http://a\\@b/ HTTP/1.1", "Host: a\r\n", None),
        ("GET http://[::1/ HTTP/1.1", "Host: a\r\n", None),
        // 3.2.3
        (
            "CONNECT a:443 HTTP/1.1",
            "Host: a:443\r\n",
            found("a", Some(443)),
        ),
        (
            "CONNECT a:443 HTTP/1.1",
            "Host: a\r\n",
            found("a", Some(443)),
        ),
        ("CONNECT a:443 HTTP/1.1", "Host: a:80\r\n", None),
        ("CONNECT a:443 HTTP/1.1", "Host: b:443\r\n", None),
        // A field of another name that some take for Host.
        (
            "GET / HTTP/1.1",
            "Host: a\r\nX-Host: b\r\nX-Forwarded-Host: c\r\n",
            found("a", None),
        ),
    ];
    for (line, fields, want) in cases {
        assert_eq!(host_of(line, fields), want, "{line} {fields}");
    }
}

fn normal(path: &str) -> String {
    let mut out = b"before".to_vec();
    normal_path(path.as_bytes(), &mut out);
    String::from_utf8(out.split_off(6)).unwrap()
}

#[test]
fn normal_paths() {
    let cases = [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("*", "*"),
        ("", ""),
        // RFC 3986, 6.2.2.1 and 6.2.2.2
        ("/%7euser", "/~user"),
        ("/%7Euser", "/~user"),
        ("/%41%62%30%2D%2e%5F", "/Ab0-._"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%3f%c3%a4", "/a%3F%C3%A4"),
        ("/%00", "/%00"),
        ("/%25", "/%25"),
        ("/%2541", "/%2541"),
        // 6.2.2.3 and 5.2.4
        ("/a/b/c/./../../g", "/a/g"),
        ("/./a", "/a"),
        ("/../a", "/a"),
        ("/../../a", "/a"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/a/%2e%2E/b", "/b"),
        ("/a/.%2e", "/"),
        ("/%2e/a", "/a"),
        // What only looks like it.
        ("/...", "/..."),
        ("/.a/..b/c./d..", "/.a/..b/c./d.."),
        ("/a%2f..%2fb", "/a%2F..%2Fb"),
        // Slashes are not merged.
        ("//", "//"),
        ("//a//b", "//a//b"),
        ("/a//../b", "/a/b"),
        ("//..", "/"),
        ("/a//", "/a//"),
        // A segment with a broken escape stays as it is.
        ("/%", "/%"),
        ("/%4", "/%4"),
        ("/%zz%41", "/%zz%41"),
        ("/%%32e", "/%%32e"),
        ("/%%32%65/..", "/"),
        ("/a%/%41/%2e%2e/%42", "/a%/B"),
    ];
    for (path, want) in cases {
        assert_eq!(normal(path), want, "{path}");
    }
}

#[test]
fn normal_form_is_seen() {
    for path in [
        "/", "/a/b.c", "/a//b", "/...", "/.a", "/a./b", "/a.b/..c", "*", "",
    ] {
        assert!(is_normal(path.as_bytes()), "{path}");
    }
    for path in [
        "/.", "/..", "/./a", "/a/../b", "/a/..", "/%41", "/%2F", "/a.b/.", "//..//",
    ] {
        assert!(!is_normal(path.as_bytes()), "{path}");
    }
}

/// RFC 3986, 5.2.4, step by step as it is written there.
fn remove_dot_segments(path: &str) -> String {
    let (mut input, mut output) = (String::from(path), String::new());
    while !input.is_empty() {
        if input.starts_with("../") {
            input.drain(..3);
        } else if input.starts_with("./") || input.starts_with("/./") {
            input.drain(..2);
        } else if input == "/." {
            input = "/".into();
        } else if input.starts_with("/../") || input == "/.." {
            input = if input == "/.." {
                "/".into()
            } else {
                input[3..].into()
            };
            let keep = output.rfind('/').unwrap_or(0);
            output.truncate(keep);
        } else if input == "." || input == ".." {
            input.clear();
        } else {
            let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
            output.extend(input.drain(..end));
        }
    }
    output
}

fn any_path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "/", "/", ".", "..", "a", "b", "%", "%2", "%2e", "%2E", "%2F", "%41", "%25", "%c3", "32",
        "e", ";",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
}

proptest! {
    #[test]
    fn dots_are_removed_as_in_the_rfc(path in "/[/.a]{0,16}") {
        prop_assert_eq!(normal(&path), remove_dot_segments(&path));
    }

    #[test]
    fn a_normal_path_stays(path in any_path()) {
        let once = normal(&path);
        prop_assert!(once.starts_with('/'));
        prop_assert_eq!(normal(&once), once.clone(), "{}", path);
        prop_assert!(!once.split('/').any(|part| part == "." || part == ".."), "{}", once);
        if is_normal(path.as_bytes()) {
            prop_assert_eq!(&once, &path);
        }
    }

    #[test]
    fn any_target_is_survived(target in prop::collection::vec(0x20_u8..0x80, 0..40), host_value in "[a-c.:0-9@%\\[\\]]{0,12}") {
        for method in [Method::Get, Method::Connect, Method::Options] {
            if let Ok(parts) = split(method, &target) {
                prop_assert!(target.ends_with(parts.path_and_query));
                let mut out = Vec::new();
                normal_path(parts.path, &mut out);
                if is_normal(parts.path) {
                    prop_assert_eq!(&out[..], parts.path);
                }
            }
        }
        if let Some((name, port)) = host_of("GET / HTTP/1.1", &format!("Host: {host_value}\r\n")) {
            // Said again, it is the same host: no two ways to write what is let through but the
            // last dot and the empty port.
            let again = match port {
                Some(port) => format!("{name}:{port}"),
                None => name.clone(),
            };
            let plain = host_value.strip_suffix(':').unwrap_or(&host_value).replacen(".:", ":", 1);
            let plain = plain.strip_suffix('.').unwrap_or(&plain);
            prop_assert_eq!(again, plain);
        }
    }
}
