//! `ringside explain`: what a running server would do with a request now, and why; or, by two
//! heads and without a server, what becomes of a response.

mod offline;

use super::ask::{self, Place};
use super::url::{push_parameter, FieldLine, MethodName, Url};
use std::path::PathBuf;

/// The request to explain, and where the server is.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Nothing is sent to an origin, and nothing in the cache changes.

With --response no server is asked: the response in FILE is explained as the answer to the request.
FILE holds its head as it was sent, as `curl -si` prints it; content behind it is not looked at. The
options are those of the route that the request takes in --config, or else the default ones.

Examples:
  ringside explain http://www.example.org/a
  ringside explain http://www.example.org/a -H 'Accept-Language: de' -H 'Range: bytes=0-99'
  ringside explain http://www.example.org/form -X POST --config ringside.toml
  curl -si http://10.0.0.1/a | ringside explain http://www.example.org/a --response /dev/stdin
  ringside explain --request asked.txt --response answered.txt --config ringside.toml

Exit codes: 0 explained; 1 the server can't be reached, or refused; 2 the arguments, the
configuration or the files are wrong.")]
pub struct Arguments {
    /// The URL, as clients ask for it: http://host/path
    #[arg(value_name = "URL", required_unless_present = "request")]
    url: Option<Url>,
    /// A field of the request; may stand many times
    #[arg(short = 'H', long = "header", value_name = "'FIELD: VALUE'")]
    fields: Vec<FieldLine>,
    /// The method of the request [default: GET]
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<MethodName>,
    /// Ask no server: say what becomes of the response whose head is in FILE
    #[arg(long, value_name = "FILE", conflicts_with = "admin")]
    response: Option<PathBuf>,
    /// With --response: the request's head is in FILE, and no URL is needed
    #[arg(
        long,
        value_name = "FILE",
        requires = "response",
        conflicts_with_all = ["url", "fields", "method"]
    )]
    request: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Asks the server, or reads the files, and prints what there is to say.
pub fn explain(arguments: &Arguments) -> u8 {
    if let Some(response) = &arguments.response {
        let asked = match &arguments.request {
            Some(file) => offline::Asked::In(file),
            None => offline::Asked::Made(arguments.request_head()),
        };
        return offline::run(&asked, response, arguments.place.config());
    }
    match arguments.place.ask("GET", &arguments.target()) {
        Ok(text) => {
            ask::print(&text);
            super::OK
        }
        Err(code) => code,
    }
}

impl Arguments {
    /// The head of the request.
    fn request_head(&self) -> String {
        let (host, target) = self.url.as_ref().map_or(("", "/"), Url::parts);
        let method = self.method.as_ref().map(ToString::to_string);
        let method = method.as_deref().unwrap_or("GET");
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for line in &self.fields {
            head += &format!("{line}\r\n");
        }
        head + "\r\n"
    }

    /// The target of the question.
    fn target(&self) -> String {
        let mut target = "/explain".to_owned();
        if let Some(url) = &self.url {
            push_parameter(&mut target, "url", url);
        }
        for line in &self.fields {
            push_parameter(&mut target, "header", line);
        }
        if let Some(method) = &self.method {
            push_parameter(&mut target, "method", method);
        }
        target
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn target(line: &str) -> Result<String, String> {
        let words = std::iter::once("explain").chain(line.split('|').filter(|w| !w.is_empty()));
        match Line::try_parse_from(words) {
            Ok(line) => Ok(line.arguments.target()),
            Err(fault) => Err(fault.to_string()),
        }
    }

    #[test]
    fn a_request_becomes_a_question() {
        for (line, expected) in [
            ("http://a.org/x", "/explain?url=http://a.org/x"),
            ("http://a.org/x?b=1&c", "/explain?url=http://a.org/x%3Fb%3D1%26c"),
            (
                "http://a.org|-H|Accept-Language: de, en;q=0.5|-H|X:",
                "/explain?url=http://a.org/&header=Accept-Language:%20de%2C%20en%3Bq%3D0.5&header=X:%20",
            ),
            ("-X|HEAD|http://a.org/", "/explain?url=http://a.org/&method=HEAD"),
        ] {
            assert_eq!(target(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn a_request_becomes_a_head() {
        for (line, expected) in [
            ("http://a.org", "GET / HTTP/1.1\r\nHost: a.org\r\n\r\n"),
            (
                "http://a.org:81/x?b=1|-X|HEAD|-H|A: 1|-H|A: 2",
                "HEAD /x?b=1 HTTP/1.1\r\nHost: a.org:81\r\nA: 1\r\nA: 2\r\n\r\n",
            ),
        ] {
            let words = std::iter::once("explain").chain(line.split('|'));
            let line = Line::try_parse_from(words).expect(line);
            assert_eq!(line.arguments.request_head(), expected);
        }
    }

    #[test]
    fn wrong_arguments_are_told() {
        for (line, expected) in [
            ("", "<URL>"),
            ("a.org/x", "write http://a.org/x"),
            ("http://a.org/|-H|no colon", "write it as 'Field: value'"),
            ("http://a.org/|-X|get", "write it in capitals: GET"),
            (
                "http://a.org/|--admin|9090",
                "write an address and a port, such as 127.0.0.1:9090",
            ),
            (
                "http://a.org/|--admin|a:1|--config|f",
                "cannot be used with",
            ),
            ("--request|f", "--response <FILE>"),
            ("--response|f", "<URL>"),
            (
                "http://a.org/|--request|f|--response|g",
                "cannot be used with",
            ),
            ("--request|f|--response|g|-X|HEAD", "cannot be used with"),
            (
                "http://a.org/|--response|g|--admin|a:1",
                "cannot be used with",
            ),
        ] {
            let fault = target(line).expect_err(line);
            assert!(fault.contains(expected), "{line}: {fault}");
        }
    }
}
