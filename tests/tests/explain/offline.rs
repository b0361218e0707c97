//! `ringside explain --response FILE`: the same words without a server.

use crate::fresh;
use crate::question::get;
use ringside_tests::{check_on, wait_until, Answer, Client, Command};

/// A field of the request, the answer of the origin, and why that is not stored.
type Row = (Option<(&'static str, &'static str)>, Answer, &'static str);

#[rustfmt::skip]
fn unstored() -> Vec<Row> {
    let plain = || Answer::ok("hello");
    vec![
        // RFC 9111, 5.2.2.5 and 5.2.2.7
        (None, plain().no_store(), "no-store"),
        (None, plain().field("Cache-Control", "private, max-age=60"), "private"),
        // RFC 9111, 3
        (None, plain(), "no-lifetime"),
        (None, Answer::status(299), "no-lifetime"),
        (None, Answer::status(206).fresh(), "partial"),
        // RFC 9111, 7.3
        (None, plain().fresh().field("Set-Cookie", "a=b"), "set-cookie"),
        // RFC 9111, 3.5
        (Some(("Authorization", "x")), fresh(), "authorization"),
        // RFC 9111, 4.1
        (None, fresh().field("Vary", "*"), "vary-star"),
        // RFC 9213, 2.2
        (None, fresh().field("CDN-Cache-Control", "no-store"), "no-store"),
        // And what is stored.
        (None, fresh(), ""),
        (None, plain().field("ETag", "\"a\""), ""),
        (None, Answer::status(404).fresh(), ""),
        (None, Answer::status(299).fresh(), ""),
        (Some(("Authorization", "x")), fresh().field("Cache-Control", "public"), ""),
        (None, fresh().field("Cache-Control", "private=\"x\""), ""),
    ]
}

#[test]
fn without_a_server_it_is_told_why_a_response_is_not_stored() {
    check_on(&[1, 2], |stage| {
        for (number, (field, answer, why)) in unstored().into_iter().enumerate() {
            let path = format!("/unstored/{number}");
            let question = field
                .into_iter()
                .fold(get(&path), |question, (name, value)| {
                    question.field(name, value)
                });
            stage.origin.on(&path, answer);
            let labels = [("reason", why)];
            let counted = || match why {
                "" => stage.ringside.metric("ringside_stored_total", &[]),
                _ => stage.ringside.metric("ringside_not_stored_total", &labels),
            };
            let before = counted();
            stage.client().ask(&question.ask());
            wait_until(&format!("{question}: {why:?} to be counted"), || {
                counted() >= before + 1.0
            });
            // The origin's answer once more, as a file.
            let reply = Client::connect(stage.origin.port()).ask(&question.ask());
            let mut head = format!("HTTP/1.1 {} X\n", reply.status);
            for (name, value) in &reply.fields {
                head += &format!("{name}: {value}\n");
            }
            let text = question.explained_offline(&head);
            let last = match why {
                "" => "stored".to_owned(),
                _ => format!("not stored: {why}"),
            };
            assert_eq!(text.lines().last(), Some(&*last), "{head}\n{text}");
        }
    });
}

#[test]
#[rustfmt::skip]
fn files_and_configurations_that_are_wrong_are_told() {
    let response = "HTTP/1.1 200 OK\nCache-Control: max-age=60\n";
    let request = "GET /a HTTP/1.1\nHost: a.test\n";
    let url = "http://a.test/a";
    for (file, arguments, code, told) in [
        (response, &[url, "--response", "CONFIG"][..], 0, ""),
        (request, &[url, "--response", "CONFIG"], 2, "ringside.toml: "),
        ("", &[url, "--response", "CONFIG"], 2, "ringside.toml: it is empty"),
        (response, &[url, "--response", "/nowhere"], 2, "/nowhere: can't be read: "),
        (request, &["--request", "CONFIG", "--response", "/nowhere"], 2, "/nowhere: can't be read"),
        (response, &["--request", "CONFIG", "--response", "CONFIG"], 2, "ringside.toml: "),
        ("[orgins.a]", &[url, "--response", "/nowhere", "--config", "CONFIG"], 2, "origins"),
        (response, &["--response", "CONFIG"], 2, "<URL>"),
        (response, &[url, "--admin", "127.0.0.1:1", "--response", "CONFIG"], 2, "--admin"),
        (response, &[url, "--request", "CONFIG", "--response", "CONFIG"], 2, "--request"),
    ] {
        let arguments = [&["explain"], arguments].concat();
        let output = Command::with_config(file).run(&arguments);
        let fault = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {fault}");
        assert!(fault.contains(told), "{arguments:?}: {fault}");
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}");
    }
}
