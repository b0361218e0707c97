//! The demo's origin: a few pages, one for each caching case. Plain threads, on loopback only.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static REQUESTS: AtomicU64 = AtomicU64::new(0);

const LARGE_BYTES: usize = 16 * 1024 * 1024;
/// A 1x1 PNG.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0,
    1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde, 0, 0, 0, 0x0c, 0x49, 0x44, 0x41, 0x54,
    0x08, 0xd7, 0x63, 0xf8, 0xcf, 0xc0, 0, 0, 0x03, 0x01, 0x01, 0, 0x18, 0xdd, 0x8d, 0xb0, 0, 0, 0,
    0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Starts it on a free port.
///
/// # Errors
/// No loopback, or no descriptors.
pub(super) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::Builder::new()
        .name("demo-origin".into())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = std::thread::Builder::new().spawn(move || drop(serve(stream)));
            }
        })?;
    Ok(address)
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut fields = Vec::new();
        loop {
            let mut field = String::new();
            if reader.read_line(&mut field)? == 0 {
                return Ok(());
            }
            let field = field.trim_end().to_ascii_lowercase();
            if field.is_empty() {
                break;
            }
            fields.push(field);
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
        let number = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let page = page(target.split('?').next().unwrap_or("/"), &fields, number);
        let length = page.body.len();
        let reason = match page.status {
            200 => "OK",
            304 => "Not Modified",
            _ => "Not Found",
        };
        let mut out = format!("HTTP/1.1 {} {reason}\r\n{}", page.status, page.fields).into_bytes();
        if page.status != 304 {
            write!(out, "Content-Length: {length}\r\n")?;
        }
        out.extend_from_slice(b"\r\n");
        if method != "HEAD" && page.status != 304 {
            out.extend_from_slice(&page.body);
        }
        writer.write_all(&out)?;
    }
}

struct Page {
    status: u16,
    fields: String,
    body: Vec<u8>,
}

fn page(path: &str, asked: &[String], number: u64) -> Page {
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let text = "Content-Type: text/plain; charset=utf-8\r\n";
    let ok = |fields: String, body: Vec<u8>| Page {
        status: 200,
        fields,
        body,
    };
    let note =
        |what: &str| format!("{what}\nThis is answer {number} of the origin.\n").into_bytes();
    match path {
        "/" => ok(
            format!("{html}Cache-Control: max-age=60\r\n"),
            index(number),
        ),
        "/image.png" => ok(
            "Content-Type: image/png\r\nCache-Control: max-age=3600\r\n".into(),
            PNG.to_vec(),
        ),
        "/slow" => {
            std::thread::sleep(Duration::from_secs(1));
            ok(
                format!("{text}Cache-Control: max-age=30\r\n"),
                note("A page that takes a second to make."),
            )
        }
        "/large" => ok(
            "Content-Type: application/octet-stream\r\nCache-Control: max-age=600\r\n".into(),
            (0..LARGE_BYTES).map(|at| (at % 251) as u8).collect(),
        ),
        "/brief" => {
            if asked.iter().any(|field| field == "if-none-match: \"v1\"") {
                let fields = "ETag: \"v1\"\r\nCache-Control: max-age=5\r\n".into();
                return Page {
                    status: 304,
                    fields,
                    body: Vec::new(),
                };
            }
            ok(
                format!("{text}ETag: \"v1\"\r\nCache-Control: max-age=5\r\n"),
                note("Fresh for 5 seconds, then validated."),
            )
        }
        "/private" => ok(
            format!("{text}Cache-Control: private\r\n"),
            note("For one client only."),
        ),
        "/no-store" => ok(
            format!("{text}Cache-Control: no-store\r\n"),
            note("Never stored."),
        ),
        "/vary" => {
            let language = asked
                .iter()
                .find_map(|field| field.strip_prefix("accept-language: "))
                .unwrap_or("none");
            ok(
                format!("{text}Cache-Control: max-age=60\r\nVary: Accept-Language\r\n"),
                note(&format!(
                    "One variant for each Accept-Language; yours: {language}."
                )),
            )
        }
        _ => Page {
            status: 404,
            fields: format!("{text}Cache-Control: max-age=10\r\n"),
            body: note("No such page."),
        },
    }
}

fn index(number: u64) -> Vec<u8> {
    format!(
        "<!doctype html><title>Ringside demo</title><h1>Ringside demo origin</h1>\
         <p>This is answer {number} of the origin; from the cache it stays the same for a minute.\
         <ul><li><a href=/image.png>/image.png</a> an image, fresh for an hour\
         <li><a href=/slow>/slow</a> takes a second to make\
         <li><a href=/large>/large</a> 16 MiB\
         <li><a href=/brief>/brief</a> fresh for 5 s, then validated\
         <li><a href=/vary>/vary</a> a variant for each Accept-Language\
         <li><a href=/private>/private</a> and <a href=/no-store>/no-store</a> never stored</ul>\n"
    )
    .into_bytes()
}
