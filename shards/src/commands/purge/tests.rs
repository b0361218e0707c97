//! Arguments to a question, and a receipt to a line.

use super::*;
use clap::Parser;

#[derive(Parser, Debug)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn read(line: &str) -> Result<Arguments, clap::Error> {
    let words = std::iter::once("purge").chain(line.split_whitespace());
    Line::try_parse_from(words).map(|line| line.arguments)
}

#[test]
fn what_to_purge_becomes_a_question() {
    for (line, expected) in [
        ("http://a.org/x", "/purge?url=http://a.org/x"),
        (
            "http://a.org/x?all&soft --soft",
            "/purge?url=http://a.org/x%3Fall%26soft&soft",
        ),
        ("--prefix http://a.org/x/", "/purge?prefix=http://a.org/x/"),
        ("--prefix /x/ --soft", "/purge?prefix=/x/&soft"),
        ("--group a&b", "/purge?group=a%26b"),
        (
            "--group a --host A.org:81 --soft",
            "/purge?group=a&host=A.org:81&soft",
        ),
        ("--all", "/purge?all"),
        ("--all --soft --json", "/purge?all&soft"),
    ] {
        assert_eq!(read(line).unwrap().target(), expected, "{line}");
    }
}

#[test]
fn wrong_arguments_are_told() {
    for (line, expected) in [
        ("", "<URL|--prefix <URL|/PATH>|--group <NAME>|--all>"),
        ("--soft", "<URL|--prefix <URL|/PATH>|--group <NAME>|--all>"),
        ("http://a.org/ --all", "cannot be used with"),
        ("--group a --prefix http://a.org/", "cannot be used with"),
        ("http://a.org/ http://b.org/", "unexpected argument"),
        ("--all --host a.org", "cannot be used with"),
        ("http://a.org/ --host a.org", "cannot be used with"),
        (
            "--host a.org",
            "<URL|--prefix <URL|/PATH>|--group <NAME>|--all>",
        ),
        ("--group a --host http://a.org/", "is no host"),
        ("a.org", "write http://a.org"),
        ("--all --admin localhost", "write an address and a port"),
        ("--all --admin :9090", "write an address and a port"),
        ("--all --admin a:1 --config f", "cannot be used with"),
    ] {
        let fault = read(line).unwrap_err();
        assert_eq!(fault.exit_code(), 2, "{line}");
        assert!(fault.to_string().contains(expected), "{line}: {fault}");
    }
    let empty = Line::try_parse_from(["purge", "--group", ""]).unwrap_err();
    assert_eq!(empty.exit_code(), 2);
}

#[test]
fn a_receipt_is_read() {
    let receipt = |force: &str, objects, shards, took_us| Receipt {
        force: force.to_owned(),
        objects,
        shards,
        took_us,
    };
    for (text, expected) in [
        (
            "{\"purged\":\"url\",\"force\":\"hard\",\"objects\":3,\"shards\":2,\"took_us\":412}\n",
            Some(receipt("hard", Some(3), 2, 412)),
        ),
        (
            " { \"took_us\" : 0 , \"shards\" : 1, \"force\" : \"soft\", \"new\": true }",
            Some(receipt("soft", None, 1, 0)),
        ),
        (
            "{\"force\":\"soft\",\"objects\":null,\"shards\":1,\"took_us\":1}",
            Some(receipt("soft", None, 1, 1)),
        ),
        (
            "{\"force\":\"hard\",\"objects\":-1,\"shards\":2,\"took_us\":412}",
            None,
        ),
        ("{\"force\":\"hard\",\"objects\":3,\"shards\":2}", None),
        ("{\"objects\":3,\"shards\":2,\"took_us\":412}", None),
        ("purged 3\n", None),
        ("", None),
        ("{}", None),
    ] {
        assert_eq!(Receipt::read(text), expected, "{text}");
    }
}

#[test]
fn a_receipt_is_a_line() {
    for (line, objects, shards, expected) in [
        (
            "http://a.org/x",
            Some(3),
            2,
            "purged 3 objects of http://a.org/x, hard; all 2 shards obey (0.4 ms)",
        ),
        (
            "http://a.org/x",
            Some(1),
            1,
            "purged 1 object of http://a.org/x, hard; its only shard obeys (0.4 ms)",
        ),
        (
            "http://a.org/x",
            Some(0),
            1,
            "purged 0 objects of http://a.org/x, hard; its only shard obeys (0.4 ms)",
        ),
        (
            "--prefix /x/",
            None,
            2,
            "purged everything under /x/, hard; all 2 shards obey (0.4 ms)",
        ),
        (
            "--group a",
            None,
            2,
            "purged everything in group \"a\", hard; all 2 shards obey (0.4 ms)",
        ),
        (
            "--group a --host a.org",
            Some(2),
            2,
            "purged 2 objects in group \"a\" of a.org, hard; all 2 shards obey (0.4 ms)",
        ),
        (
            "--all",
            None,
            8,
            "purged everything, hard; all 8 shards obey (0.4 ms)",
        ),
        (
            "--all",
            Some(7),
            8,
            "purged 7 objects, hard; all 8 shards obey (0.4 ms)",
        ),
    ] {
        let receipt = Receipt {
            force: "hard".to_owned(),
            objects,
            shards,
            took_us: 412,
        };
        assert_eq!(read(line).unwrap().line(&receipt), expected, "{line}");
    }
}
