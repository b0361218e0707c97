//! Names that are taken, and what is suggested for those that are not.

use super::*;
use std::fmt::Debug;

fn check<T: Debug + PartialEq>(
    parse: fn(&str) -> Read<T>,
    good: &[(&str, T)],
    bad: &[(&str, Option<&str>)],
) {
    for (text, value) in good {
        assert_eq!(parse(text).as_ref(), Ok(value), "{text:?}");
    }
    for (text, suggestion) in bad {
        assert_eq!(parse(text), Err(suggestion.map(str::to_owned)), "{text:?}");
    }
}

#[test]
fn addresses() {
    let v4 = |a, port| SocketAddr::from((Ipv4Addr::from(a), port));
    let v6 = |port| SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    check(
        address,
        &[
            ("127.0.0.1:80", v4([127, 0, 0, 1], 80)),
            (":80", v4([0, 0, 0, 0], 80)),
            ("*:8080", v4([0, 0, 0, 0], 8080)),
            ("127.0.0.1:0", v4([127, 0, 0, 1], 0)),
            ("[::1]:65535", v6(65_535)),
        ],
        &[
            ("", None),
            (":", None),
            ("*", Some("add a port: \"*:80\"")),
            ("80", Some("did you mean `:80`?")),
            ("127.0.0.1", Some("add a port: \"127.0.0.1:80\"")),
            ("::1", Some("add a port: \"[::1]:80\"")),
            (
                "localhost:80",
                Some("names are not looked up here: \"127.0.0.1:80\" or \"[::1]:80\""),
            ),
            (":65536", None),
            (":+80", None),
            ("127.0.0.1:80 ", None),
            ("127.0.0.256:80", None),
            ("**:80", None),
        ],
    );
}

#[test]
fn servers() {
    let at = |host: &str, port| Server {
        host: host.to_owned(),
        port,
    };
    let ports = Some("ports go from 1 to 65535");
    check(
        server,
        &[
            ("192.168.0.100:80", at("192.168.0.100", 80)),
            ("192.168.0.100", at("192.168.0.100", 80)),
            ("app.internal", at("app.internal", 80)),
            ("App:8080", at("app", 8080)),
            ("my_app-1:65535", at("my_app-1", 65_535)),
            ("[::1]:8080", at("::1", 8080)),
            ("[::1]", at("::1", 80)),
            ("[0:0::1]:1", at("::1", 1)),
        ],
        &[
            ("", None),
            (":80", None),
            ("a b", None),
            ("a\n", None),
            ("8080", None),
            ("256.1.1.1", None),
            ("app:", ports),
            ("app:0", ports),
            ("app:65536", ports),
            ("app:http", ports),
            ("app:80:80", ports),
            ("[::1", None),
            ("[::1]80", None),
            ("[app]:80", None),
            ("::1", Some("did you mean `[::1]:80`?")),
            ("http://app:81", Some("did you mean `app:81`?")),
            ("http://app/x", Some("did you mean `app`?")),
            ("http://", None),
            ("ftp://app", None),
            ("https://app", Some("Ringside speaks plain HTTP to origins")),
            (
                "app:80/x",
                Some("a server has no path; did you mean `app:80`?"),
            ),
            ("app.", Some("did you mean `app`?")),
            (
                "bücher.de",
                Some("write international names in their xn-- form"),
            ),
        ],
    );
}

#[test]
fn hosts() {
    let exact = |name: &str| HostPattern::Exact(name.to_owned());
    let suffix = |name: &str| HostPattern::Suffix(name.to_owned());
    let scope = Some("a host has no scheme, port or path; did you mean `example.org`?");
    let label_max = "a".repeat(63);
    let name_max = format!("{0}.{0}.{0}.{1}", label_max, "a".repeat(61));
    let name_above = format!("{name_max}a");
    let label_above = format!("{label_max}a.org");
    check(
        host,
        &[
            ("*", HostPattern::Any),
            ("www.Example.ORG", exact("www.example.org")),
            ("*.Example.org", suffix(".example.org")),
            ("localhost", exact("localhost")),
            ("10.0.0.1", exact("10.0.0.1")),
            ("[::1]", exact("[::1]")),
            ("[0:0:0:0:0:0:0:AB]", exact("[::ab]")),
            ("xn--bcher-kva.de", exact("xn--bcher-kva.de")),
            (&label_max, exact(&label_max)),
            (&name_max, exact(&name_max)),
        ],
        &[
            ("", None),
            ("*.", None),
            ("**", None),
            ("*.*.org", None),
            ("www.*.org", None),
            ("a..b", None),
            ("-a.org", None),
            ("a-.org", None),
            ("a b", None),
            ("a\tb", None),
            ("1.2.3", None),
            ("[::g]", None),
            (&label_above, None),
            (&name_above, None),
            (".example.org", Some("did you mean `*.example.org`?")),
            ("example.org.", Some("did you mean `example.org`?")),
            ("example.org:80", scope),
            ("https://example.org/x", scope),
            ("example.org/x", scope),
            (
                "bücher.de",
                Some("write international names in their xn-- form"),
            ),
        ],
    );
}

#[test]
fn paths() {
    let own = |path: &str| path.to_owned();
    let dots = Some("request paths have no `.` and `..` left when they get here");
    let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
    check(
        path,
        &[
            ("/", own("/")),
            ("/a/b.c/~d-e_f", own("/a/b.c/~d-e_f")),
            ("/a;b=1,2@c:d!$&'()*+", own("/a;b=1,2@c:d!$&'()*+")),
            ("/%C3%BC%2F", own("/%C3%BC%2F")),
            ("/a//b", own("/a//b")),
            ("/...", own("/...")),
            (&long[1..], own(&long[1..])),
        ][..6],
        &[
            ("", Some("did you mean `/`?")),
            ("a", Some("did you mean `/a`?")),
            ("/a?b", Some("did you mean `/a`?")),
            ("/a#b", Some("did you mean `/a`?")),
            ("/a/*", Some("a prefix needs no `*`; did you mean `/a/`?")),
            ("/a/../b", dots),
            ("/a/.", dots),
            ("/a b", Some("did you mean `/a%20b`?")),
            ("/a\n", Some("did you mean `/a%0A`?")),
            ("/ü", Some("did you mean `/%C3%BC`?")),
            ("/%c3", Some("did you mean `/%C3`?")),
            ("/%7Eme", Some("did you mean `/~me`?")),
            ("/%2e%2e/", None),
            ("/100%", Some("write `%` as `%25`")),
            ("/%4", Some("write `%` as `%25`")),
            ("/%zz", Some("write `%` as `%25`")),
            ("/%ü", Some("write `%` as `%25`")),
            (&long, Some("it is longer than any request target may be")),
        ],
    );
    assert!(path(&long[..PATH_BYTES_MAX]).is_ok(), "the longest");
}

#[test]
fn tokens_and_names() {
    let longest = "a".repeat(64);
    let longer = "a".repeat(65);
    check(
        token,
        &[
            ("ringside", "ringside".to_owned()),
            ("a!#$%&'*+-.^_`|~9", "a!#$%&'*+-.^_`|~9".to_owned()),
        ],
        &[
            ("", None),
            // A token for Via, but none for Cache-Status.
            ("1st", None),
            ("a/b", None),
            ("a\0", None),
            ("ü", None),
            (&longer, None),
            ("my proxy", Some("did you mean `my-proxy`?")),
            (" a ", Some("did you mean `a`?")),
        ],
    );
    assert_eq!(token(&longest), Ok(longest.clone()));
    check(
        origin,
        &[("app-1_b.c", "app-1_b.c".to_owned()), ("1", "1".to_owned())],
        &[
            ("", None),
            ("a b", None),
            ("a\n", None),
            ("ü", None),
            (&longer, None),
        ],
    );
}

#[test]
fn query_parameters() {
    check(
        parameter,
        &[
            ("id", "id".to_owned()),
            ("a[0]", "a[0]".to_owned()),
            ("%C3", "%C3".to_owned()),
        ],
        &[
            ("", None),
            ("a b", None),
            ("a&b", None),
            ("*", None),
            ("a*", Some("did you mean `a`?")),
            ("?id=", Some("did you mean `id`?")),
        ],
    );
    check(
        parameters,
        &[
            ("id", "id".to_owned()),
            ("utm_*", "utm_*".to_owned()),
            ("*", "*".to_owned()),
        ],
        &[
            ("", None),
            ("a*b", None),
            ("**", None),
            ("&id", Some("did you mean `id`?")),
        ],
    );
}

#[test]
fn log_targets() {
    let file = |path: &str| LogTarget::File(PathBuf::from(path));
    check(
        log_target,
        &[
            ("off", LogTarget::Off),
            ("stdout", LogTarget::Stdout),
            ("/var/log/a.log", file("/var/log/a.log")),
            ("./off", file("./off")),
        ],
        &[
            ("", None),
            ("stdot", Some("did you mean `stdout`?")),
            ("Off", Some("did you mean `off`?")),
            ("access.log", Some("did you mean `./access.log`?")),
            ("/var/log/", None),
            ("/a\nb", None),
            ("/a\0b", None),
        ],
    );
}

#[test]
fn disks() {
    check(
        disk,
        &[
            ("/", PathBuf::from("/")),
            ("/var/cache", PathBuf::from("/var/cache/")),
            ("/dev/nvme0n1", PathBuf::from("/dev/nvme0n1")),
        ],
        &[
            ("", None),
            ("cache", Some("did you mean `/cache`?")),
            ("./cache", None),
            ("~/cache", Some("write your home directory out")),
            ("/a\0b", None),
        ],
    );
}

#[test]
fn nets() {
    let net_of = |ip: &str, prefix| Net {
        address: ip.parse().unwrap(),
        prefix,
    };
    check(
        net,
        &[
            ("10.0.0.0/8", net_of("10.0.0.0", 8)),
            ("0.0.0.0/0", net_of("0.0.0.0", 0)),
            ("192.0.2.7", net_of("192.0.2.7", 32)),
            ("192.0.2.7/32", net_of("192.0.2.7", 32)),
            ("::/0", net_of("::", 0)),
            ("fe80::/10", net_of("fe80::", 10)),
            ("::1", net_of("::1", 128)),
            ("2001:DB8::/32", net_of("2001:db8::", 32)),
        ],
        &[
            ("", None),
            ("/8", None),
            ("10.0.0.0/", Some("a prefix of 10.0.0.0 has 0 to 32 bits")),
            ("10.0.0.0/33", Some("a prefix of 10.0.0.0 has 0 to 32 bits")),
            ("10.0.0.0/+8", Some("a prefix of 10.0.0.0 has 0 to 32 bits")),
            (
                "10.0.0.0/256",
                Some("a prefix of 10.0.0.0 has 0 to 32 bits"),
            ),
            ("::/129", Some("a prefix of :: has 0 to 128 bits")),
            ("10.0.0.1/8", Some("did you mean `10.0.0.0/8`?")),
            ("fe80::1/10", Some("did you mean `fe80::/10`?")),
            ("1.2.3.4/0", Some("did you mean `0.0.0.0/0`?")),
            (
                "10.0.0.0/255.0.0.0",
                Some("a prefix of 10.0.0.0 has 0 to 32 bits"),
            ),
            ("[::1]", Some("did you mean `::1`?")),
            ("[::1", None),
            ("::ffff:10.0.0.0/104", Some("did you mean `10.0.0.0/8`?")),
            ("::ffff:10.0.0.1", Some("did you mean `10.0.0.1`?")),
            ("::ffff:0.0.0.0/95", None),
            (
                "localhost",
                Some("names are not looked up here: \"127.0.0.1\", \"::1\""),
            ),
            ("10.0.0", None),
            ("all", None),
        ],
    );
}

#[test]
fn fields() {
    let same = |name: &'static str| (name, name.to_owned());
    let long = "a".repeat(65);
    check(
        field,
        &[
            same("Surrogate-Key"),
            same("xkey"),
            same("x_!#$%&'*+-.^`|~"),
            same("Cache-Control"),
        ],
        &[
            ("", None),
            ("Surrogate-Key:", Some("did you mean `Surrogate-Key`?")),
            (" xkey ", Some("did you mean `xkey`?")),
            ("Surrogate Key", Some("did you mean `Surrogate-Key`?")),
            ("ü", None),
            ("a\r\nb", None),
            (&long, None),
        ],
    );
    let for_all = |name| format!("{name} is read where no targeted field decides");
    check(
        targeted_field,
        &[same("CDN-Cache-Control"), same("Surrogate-Control")],
        &[
            ("Cache-Control", Some(&for_all("Cache-Control"))),
            ("cache-control", Some(&for_all("Cache-Control"))),
            ("EXPIRES", Some(&for_all("Expires"))),
            ("pragma", Some(&for_all("Pragma"))),
            (
                "CDN Cache-Control",
                Some("did you mean `CDN-Cache-Control`?"),
            ),
        ],
    );
}
