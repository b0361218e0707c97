use super::*;

/// The text for a request and a response by default, or the fault.
fn told(request: &str, response: &str) -> Result<String, String> {
    told_by(DEFAULTS, request, response)
}

fn told_by(config: &str, request: &str, response: &str) -> Result<String, String> {
    let plan = ringside_config::read(config, "test").expect(config);
    let name = format!(
        "ringside-offline-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, response).expect("a file is written");
    let place = (config != DEFAULTS).then_some(Path::new("a.toml"));
    let told = explain(&Asked::Made(request.to_owned()), &file, &plan, place);
    std::fs::remove_file(&file).expect("a file is removed");
    told.map_err(|fault| fault.replace(&file.display().to_string(), "FILE"))
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: a.org\r\n\r\n";

#[test]
fn heads_are_found_however_they_were_written_down() {
    let stored = "HTTP/1.1 200 OK\nCache-Control: max-age=60\n";
    let lifetime = "lifetime 60 s by max-age";
    for (response, part) in [
        (stored.to_owned(), lifetime),
        (stored.trim_end().to_owned(), lifetime),
        (format!("{stored}\ncontent: and\nmore\n"), lifetime),
        (stored.replace('\n', "\r\n"), lifetime),
        (stored.replace('\n', "\r\n") + "\r\n\r\ncontent", lifetime),
        (stored.replace("HTTP/1.1 200 OK", "HTTP/2 200 "), lifetime),
        (stored.replace("HTTP/1.1 200 OK", "HTTP/3 200"), lifetime),
        (stored.replace("HTTP/1.1", "HTTP/1.0"), lifetime),
        // RFC 9110, 15.2
        (format!("HTTP/1.1 100 Continue\n\n{stored}"), lifetime),
        (
            format!("HTTP/1.1 103 Early Hints\nLink: a\n\nHTTP/1.1 102 P\n\n{stored}"),
            lifetime,
        ),
        (
            "HTTP/1.1 200 OK\n\nCache-Control: max-age=60\n".to_owned(),
            "not stored: no-lifetime",
        ),
    ] {
        let text = told(GET, &response).expect(&response);
        assert!(
            text.starts_with("by the default configuration\nGET /a -> 200\n"),
            "{text}"
        );
        assert!(text.contains(part), "{response:?}:\n{text}");
    }
    let text = told(&GET.replace('\r', ""), stored).expect("line feeds alone");
    assert!(text.ends_with("\nstored\n"), "{text}");
}

#[test]
fn faults_say_where_they_are() {
    let good = "HTTP/1.1 200 OK\n";
    for (request, response, fault) in [
        (GET, "", "FILE: it is empty"),
        (GET, "<html>", "FILE: "),
        (GET, "HTTP/1.1 200 OK\nno colon\n", "FILE: "),
        (GET, "HTTP/2.0 200 OK\n", "FILE: "),
        (
            GET,
            "HTTP/1.1 100 Continue\n\n",
            "FILE: it has an interim response only",
        ),
        (GET, "HTTP/1.1 200 OK\nContent-Length: 1, 2\n", "FILE: "),
        ("", good, "the request: it has no request head"),
        ("GET /a\r\n\r\n", good, "the request: "),
        (
            "GET /a HTTP/1.1\r\n\r\n",
            good,
            "the request: no Host field",
        ),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", good, "the request: "),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            good,
            "the request: ",
        ),
    ] {
        let told = told(request, response).expect_err(response);
        assert!(
            told.starts_with(fault) && told.len() > fault.len().min(12),
            "{told}"
        );
    }
    let gone = Path::new("/nowhere/at/all");
    let plan = ringside_config::read(DEFAULTS, "test").expect("defaults");
    let told = explain(&Asked::In(gone), gone, &plan, None).expect_err("no file");
    assert!(
        told.starts_with("/nowhere/at/all: can't be read: "),
        "{told}"
    );
}

#[test]
fn the_route_that_the_request_takes_decides() {
    let config = "[origins.app]\nservers = [\"127.0.0.1:1\"]\n\
         [[sites]]\nhosts = [\"a.org\", \"*.a.org\"]\n\
         [[sites.routes]]\npath = \"/long/\"\norigin = \"app\"\ncache.default = \"10m\"\n\
         [[sites.routes]]\npath = \"/off/\"\norigin = \"app\"\ncache = false\n";
    let response = "HTTP/1.1 200 OK\n";
    for (host, path, part) in [
        (
            "a.org",
            "/long/x",
            "by a.toml: site a.org *.a.org, route /long/\n",
        ),
        (
            "b.a.org:8080",
            "/long/x?y",
            "lifetime 600 s by the route's cache.default",
        ),
        ("A.org", "/off/../long/x", "lifetime 600 s"),
        ("a.org", "/off/x", "not stored: route-off"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let text = told_by(config, &request, response).expect(host);
        assert!(text.contains(part), "{part}:\n{text}");
    }
    for (host, path, fault) in [
        (
            "b.org",
            "/long/x",
            "the request: no site is configured for the host b.org",
        ),
        (
            "a.org",
            "/",
            "the request: no route is configured for the path /",
        ),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(told_by(config, &request, response), Err(fault.to_owned()));
    }
}
