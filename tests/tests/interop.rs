//! Real peers: nginx as origin, curl as client. Runs where RINGSIDE_INTEROP=1 says that both are
//! installed (`.ci/run` does); elsewhere there is nothing to check.

use ringside_tests::{pattern, wait_until, Ringside};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// True when the peers are there to be used; once said so, their absence is a failure.
fn has_peers() -> bool {
    std::env::var_os("RINGSIDE_INTEROP").is_some_and(|value| value == "1")
}

/// nginx serving a directory, in the foreground, on a port that was free a moment ago.
struct Nginx {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Nginx {
    fn start(name: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("ringside-{name}-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("www")).expect("a directory");
        // nginx can't say which port the kernel gave it, so ask for one and try again if it is lost.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|l| l.local_addr())
                .expect("a port")
                .port();
            let at = directory.display();
            let config = format!(
                "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
                 events {{ worker_connections 256; }}\n\
                 http {{ access_log off; client_body_temp_path {at}/body; proxy_temp_path {at}/proxy;\n\
                 fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;\n\
                 types {{ text/html html; }}\n\
                 server {{ listen 127.0.0.1:{port}; root {at}/www; client_max_body_size 64m;\n\
                 location /fresh/ {{ alias {at}/www/; add_header Cache-Control max-age=60; }}\n\
                 location /no-store/ {{ alias {at}/www/; add_header Cache-Control no-store; }}\n\
                 location /upload {{ client_body_buffer_size 64m; proxy_pass http://127.0.0.1:{port}/sink; }}\n\
                 location /sink {{ add_header X-Length $content_length; return 200 taken; }}\n\
                 }} }}\n"
            );
            std::fs::write(directory.join("nginx.conf"), config).expect("written");
            let mut child = Command::new("nginx")
                .arg("-p")
                .arg(&directory)
                .arg("-c")
                .arg(directory.join("nginx.conf"))
                .arg("-e")
                .arg(directory.join("error.log"))
                .stdin(Stdio::null())
                .spawn()
                .expect("nginx is installed");
            let mut gone = false;
            wait_until("nginx to listen", || {
                gone = child.try_wait().expect("a child").is_some();
                gone || TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !gone {
                return Nginx {
                    child,
                    port,
                    directory,
                };
            }
        }
        panic!(
            "nginx does not start; see {}",
            directory.join("error.log").display()
        );
    }

    fn file(&self, name: &str, content: &[u8]) {
        // Old enough to have a heuristic lifetime of its own.
        let path = self.directory.join("www").join(name);
        std::fs::write(&path, content).expect("written");
        let file = std::fs::File::options()
            .write(true)
            .open(path)
            .expect("opened");
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(10 * 86_400);
        file.set_modified(old).expect("touched");
    }

    fn ringside(&self, shards: usize) -> Ringside {
        Ringside::start(
            &ringside_tests::Setup::new()
                .memory("256MiB")
                .text(shards, self.port),
        )
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Ours, and not reaped yet.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn curl(arguments: &[&str]) -> Output {
    let common = [
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--noproxy",
        "*",
    ];
    let output = Command::new("curl").args(common).args(arguments).output();
    output.expect("curl is installed")
}

/// Head and content as curl got them.
#[track_caller]
fn fetch(arguments: &[&str]) -> (String, Vec<u8>) {
    let output = curl(&[&["--include"], arguments].concat());
    assert!(
        output.status.success(),
        "curl {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let all = output.stdout;
    // Interim responses stand before the final head.
    let mut rest = &all[..];
    loop {
        let end = rest
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head")
            + 4;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end..];
        if !head.starts_with("HTTP/1.1 1") {
            return (head, rest.to_vec());
        }
    }
}

fn status(head: &str) -> u16 {
    head.split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status line")
}

fn is_hit(head: &str) -> bool {
    head.to_ascii_lowercase()
        .contains("cache-status: ringside; hit")
}

#[test]
fn curl_gets_what_nginx_serves() {
    if !has_peers() {
        return;
    }
    let nginx = Nginx::start("get");
    for shards in [1, 2, 4] {
        let ringside = nginx.ringside(shards);
        for size in [0, 1, 1000, 100_000, 3_000_000, 20_000_000] {
            let (name, body) = (format!("{size}.html"), pattern(size, 22));
            nginx.file(&name, &body);
            for (place, cached) in [("fresh", true), ("no-store", false)] {
                let url = format!("http://127.0.0.1:{}/{place}/{name}", ringside.port());
                for round in 0..2 {
                    let (head, content) = fetch(&[&url]);
                    assert_eq!(status(&head), 200, "{head}");
                    assert!(content == body, "{url}: {} bytes", content.len());
                    // The largest may be more than one shard's share allows.
                    if size < 4_000_000 {
                        assert_eq!(is_hit(&head), cached && round == 1, "{url}: {head}");
                    }
                }
                let (head, content) = fetch(&["--http1.0", &url]);
                assert!(
                    !head.to_ascii_lowercase().contains("transfer-encoding"),
                    "{head}"
                );
                assert!(content == body, "{url} in 1.0");
                let (head, content) = fetch(&["--head", &url]);
                assert!(content.is_empty());
                let length = format!("content-length: {size}\r\n");
                assert!(head.to_ascii_lowercase().contains(&length), "{head}");
            }
        }
    }
}

#[test]
fn curl_asks_conditionally() {
    if !has_peers() {
        return;
    }
    let nginx = Nginx::start("conditional");
    nginx.file("a.html", b"hello");
    let ringside = nginx.ringside(2);
    let url = format!("http://127.0.0.1:{}/fresh/a.html", ringside.port());
    let (head, _) = fetch(&[&url]);
    let field = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_string())
        });
        found.unwrap_or_else(|| panic!("no {name} in {head}"))
    };
    let (etag, modified) = (field("etag"), field("last-modified"));
    let (answer, content) = fetch(&["--time-cond", &modified, &url]);
    assert_eq!((status(&answer), content.len()), (304, 0), "{answer}");
    let (answer, _) = fetch(&["--time-cond", "Mon, 01 Jan 2001 00:00:00 GMT", &url]);
    assert_eq!(status(&answer), 200, "{answer}");
    let (answer, _) = fetch(&["--header", &format!("If-None-Match: {etag}"), &url]);
    assert_eq!(status(&answer), 304, "{answer}");
    let (answer, _) = fetch(&["--header", "If-None-Match: \"other\"", &url]);
    assert_eq!(status(&answer), 200, "{answer}");
}

#[test]
fn curl_asks_for_ranges() {
    if !has_peers() {
        return;
    }
    let nginx = Nginx::start("range");
    let body = pattern(10_000, 23);
    nginx.file("a.html", &body);
    let ringside = nginx.ringside(2);
    for place in ["fresh", "no-store"] {
        let url = format!("http://127.0.0.1:{}/{place}/a.html", ringside.port());
        for _ in 0..2 {
            let (head, content) = fetch(&["--range", "100-299", &url]);
            match status(&head) {
                206 => assert!(content == body[100..300], "{place}"),
                200 => assert!(content == body, "{place}: Range ignored"),
                other => panic!("{place}: {other}"),
            }
            let (_, content) = fetch(&[&url]);
            assert!(content == body, "{place}");
        }
    }
}

#[test]
fn curl_uploads() {
    if !has_peers() {
        return;
    }
    let nginx = Nginx::start("upload");
    let ringside = nginx.ringside(2);
    let file = nginx.directory.join("upload");
    std::fs::write(&file, pattern(3_000_000, 24)).expect("written");
    let url = format!("http://127.0.0.1:{}/upload", ringside.port());
    for extra in [
        &[][..],
        &["--header", "Transfer-Encoding: chunked"],
        &["--header", "Expect: 100-continue"],
        &["--header", "Expect:"],
    ] {
        let (head, content) =
            fetch(&[&["--data-binary", &at(&file)], extra, &[url.as_str()]].concat());
        assert_eq!(
            (status(&head), content.as_slice()),
            (200, &b"taken"[..]),
            "{extra:?}: {head}"
        );
        assert!(
            head.to_ascii_lowercase().contains("x-length: 3000000"),
            "{extra:?}: {head}"
        );
    }
}

fn at(file: &Path) -> String {
    format!("@{}", file.display())
}

#[test]
fn curl_keeps_its_connection() {
    if !has_peers() {
        return;
    }
    let nginx = Nginx::start("keep");
    nginx.file("a.html", b"hello");
    let ringside = nginx.ringside(2);
    let url = format!("http://127.0.0.1:{}/fresh/a.html", ringside.port());
    let format = "%{num_connects} ";
    let sink = ["--output", "/dev/null"];
    let mut arguments = vec!["--write-out", format];
    for _ in 0..4 {
        arguments.extend(sink);
        arguments.push(&url);
    }
    let output = curl(&arguments);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1 0 0 0");
}
