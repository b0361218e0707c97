//! The limit server over real sockets: it answers what it says, and its relay passes bytes on.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program as a server, ended with the value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(kind: [&str; 2]) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ringside-bench"))
            .args(["limit", "--port", "0"])
            .args(kind)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("a line");
        let port = line
            .trim()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        Server {
            child,
            port: port.unwrap_or_else(|| panic!("no port in {line:?}")),
        }
    }

    /// Sends `requests` and reads `bytes` bytes of answers.
    fn ask(&self, requests: &[u8], bytes: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("an option");
        stream.write_all(requests).expect("it reads");
        let mut answer = vec![0; bytes];
        stream.read_exact(&mut answer).expect("so many bytes");
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn parts(answer: &[u8]) -> (String, &[u8]) {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head")
        + 4;
    (
        String::from_utf8_lossy(&answer[..end]).into_owned(),
        &answer[end..],
    )
}

#[test]
fn every_request_gets_the_whole_answer_also_when_they_come_together() {
    let server = Server::start(["--body", "300000"]);
    let first = server.ask(REQUEST, 300_100);
    let (head, _) = parts(&first);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 300000\r\n"));
    let whole = head.len() + 300_000;
    let twice = server.ask(&[REQUEST, REQUEST].concat(), 2 * whole);
    assert_eq!(twice[..whole], twice[whole..]);
    assert_eq!(parts(&twice[..whole]).1.len(), 300_000);
}

#[test]
fn the_relay_passes_request_and_answer_on() {
    let origin = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = origin.local_addr().expect("an address").port();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
    let served = std::thread::spawn(move || {
        let (mut stream, _) = origin.accept().expect("the relay connects");
        let mut request = vec![0; REQUEST.len()];
        stream.read_exact(&mut request).expect("a request");
        // In two pieces: the relay must wait for the second.
        stream.write_all(&answer[..20]).expect("it reads");
        std::thread::sleep(Duration::from_millis(30));
        stream.write_all(&answer[20..]).expect("it reads");
        request
    });
    let server = Server::start(["--relay", &port.to_string()]);
    assert_eq!(server.ask(REQUEST, answer.len()), answer);
    assert_eq!(served.join().expect("the origin"), REQUEST);
}
