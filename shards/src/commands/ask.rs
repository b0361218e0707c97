//! One question to the admin listener of a running server, in plain HTTP/1.1 (RFC 9112).
//!
//! Knows where the listener may be and how to word that it is not there. Does not know what is
//! asked. Blocks, with a bound: it runs in a process of its own, beside no shard.

use ringside_engine::http::{framing, HeadLimits, Length, Method, Parse, ResponseHead};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Where the admin listener is when nothing is said about it.
const USUAL: &str = "127.0.0.1:9090";
/// To reach one address.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// For the whole answer: every shard has to obey first.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// An explanation has some KiB; this much is no answer of ours.
const ANSWER_BYTES_MAX: usize = 4 << 20;
const HEAD: HeadLimits = HeadLimits {
    head_bytes: 16 * 1024,
    fields: 64,
    target_bytes: 0,
};

/// Says which server to ask.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// The admin listener of the running server; 127.0.0.1:9090 when nothing is said
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "config", value_parser = place)]
    admin: Option<String>,
    /// The configuration that the server runs with, whose [admin] says where
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn place(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.into()),
        _ => Err(format!("write an address and a port, such as {USUAL}")),
    }
}

impl Place {
    /// The text that the server answers with status 200.
    ///
    /// # Errors
    /// The exit code, after it was said what is wrong and what to do.
    pub fn ask(&self, method: &str, target: &str) -> Result<String, u8> {
        let place = self.find()?;
        let answer = reach(&place)
            .and_then(|stream| ask(stream, &place, method, target))
            .map_err(|fault| {
                eprintln!("ringside: {place}: {fault}");
                if self.admin.is_none() && self.config.is_none() {
                    eprintln!(
                        "ringside: `--admin ADDR:PORT` or `--config FILE` names another place"
                    );
                }
                super::HOST
            })?;
        if answer.status != 200 {
            let line = answer.text.lines().next().unwrap_or_default();
            eprintln!("ringside: {place} refused ({}): {line}", answer.status);
            return Err(super::HOST);
        }
        Ok(answer.text)
    }

    /// The configuration, where one is named.
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    fn find(&self) -> Result<String, u8> {
        let Some(file) = &self.config else {
            return Ok(self.admin.clone().unwrap_or_else(|| USUAL.to_owned()));
        };
        let admin = super::read_plan(file)?.admin;
        let found = admin.map(|admin| reachable(admin.address));
        match found {
            Some(address) if address.port() != 0 => Ok(address.to_string()),
            Some(_) => {
                eprintln!(
                    "ringside: {}: [admin] has port 0, so the kernel chose one; the server printed \
                     it when it began: `--admin ADDR:PORT`",
                    file.display()
                );
                Err(super::HOST)
            }
            None => {
                eprintln!(
                    "ringside: {}: no [admin], so the server can't be asked; add\n\n[admin]\naddress \
                     = \"{USUAL}\"\n\nand start it anew",
                    file.display()
                );
                Err(super::HOST)
            }
        }
    }
}

/// What listens everywhere is reached on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

fn reach(place: &str) -> Result<TcpStream, String> {
    let addresses = place
        .to_socket_addrs()
        .map_err(|error| format!("no such address: {error}"))?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or("it has no address".to_owned(), |error| error.to_string());
    Err(format!(
        "can't be reached: {why}; does the server run, with an [admin] address in its configuration?"
    ))
}

/// What the server said.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    /// Fit for a terminal: control characters are escaped.
    text: String,
}

fn ask(mut stream: TcpStream, place: &str, method: &str, target: &str) -> Result<Answer, String> {
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer in {} s", ANSWER_PATIENCE.as_secs())
        }
        _ => format!("no answer: {error}"),
    };
    let begun = Instant::now();
    let sent = stream.set_write_timeout(Some(ANSWER_PATIENCE));
    // A refusal may come while the request is still being written: read it all the same.
    let sent = sent.and_then(|()| stream.write_all(request.as_bytes()));
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let left = ANSWER_PATIENCE.saturating_sub(begun.elapsed());
        let timeout = Some(left.max(Duration::from_millis(1)));
        let read = stream
            .set_read_timeout(timeout)
            .and_then(|()| stream.read(&mut piece));
        let is_end = match read {
            Ok(n) => {
                bytes.extend_from_slice(piece.get(..n).unwrap_or_default());
                n == 0
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // What came before a reset may be an answer.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && !bytes.is_empty() => {
                true
            }
            Err(error) => return Err(failed(sent.err().unwrap_or(error))),
        };
        if let Some(answer) = answer(&bytes, is_end)? {
            return Ok(answer);
        }
        if left.is_zero() {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
    }
}

/// The answer in `bytes`, once it is whole; `is_end` says that no more will come.
fn answer(bytes: &[u8], is_end: bool) -> Result<Option<Answer>, String> {
    let strange = |what: &str| {
        format!("that is not Ringside's admin listener: {what}; is it the address of [admin]?")
    };
    let mut head = ResponseHead::default();
    match head.parse(bytes, &HEAD) {
        Ok(Parse::Complete) => {}
        Ok(Parse::Partial) if !is_end => return Ok(None),
        Ok(Parse::Partial) if bytes.is_empty() => return Err("it hung up without an answer".into()),
        Ok(Parse::Partial) => return Err("it hung up within its answer".into()),
        Err(fault) => return Err(strange(fault.what())),
    }
    let response = head.view(bytes);
    let length = framing::response(Method::Get, &response).map_err(|_| strange("bad framing"))?;
    let content = bytes.get(head.len()..).unwrap_or_default();
    let whole = match length {
        Length::None => &[],
        Length::Exact(length) if length > ANSWER_BYTES_MAX as u64 => {
            return Err(strange("its answer is too long"));
        }
        Length::Exact(length) => match content.get(..length as usize) {
            Some(whole) => whole,
            None if is_end => return Err("it hung up within its answer".into()),
            None => return Ok(None),
        },
        Length::UntilClose if is_end => content,
        Length::UntilClose if content.len() > ANSWER_BYTES_MAX => {
            return Err(strange("its answer is too long"));
        }
        Length::UntilClose => return Ok(None),
        Length::Chunked => return Err(strange("its answer is chunked")),
    };
    Ok(Some(Answer {
        status: response.status,
        text: printable(&String::from_utf8_lossy(whole)),
    }))
}

/// Field values of clients and origins come along in an answer, and a terminal obeys what it is
/// sent: only line ends and tabs stay as they are.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            // Writing to a String cannot fail.
            c if c.is_control() => drop(write!(out, "{}", c.escape_default())),
            c => out.push(c),
        }
    }
    out
}

/// Prints to where a reader may have gone: `ringside explain … | head -1` is no fault.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests;
