//! The admin listener: health, metrics and purges, on an address of its own.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 `ok`, or 503 `stopping` |
//! | `GET /metrics` | Prometheus text, every number with a `shard` label |
//! | `POST /purge?…` | 200 with a receipt, once every shard obeys (`purge`) |
//! | `GET /explain?url=…` | 200 with what would become of that request now (`explain`) |
//! | `GET /disk` | 200 with how the disks are doing (`disk`) |
//!
//! It lives on shard 0 and speaks just enough HTTP for that: one request after the other, no
//! content, small heads.

mod disk;
mod explain;
mod metrics;
mod purge;

use crate::rt::{self, Buffer, Listener, Stream, When};
use crate::shard::Shard;
use ringside_engine::http::target::split_query;
use ringside_engine::http::{encode, framing, HeadLimits, Length, Method, Parse, RequestHead};
use std::rc::Rc;
use std::time::Duration;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 16 * 1024,
    fields: 64,
    target_bytes: 8 * 1024,
};
const PATIENCE: Duration = Duration::from_secs(30);
/// Admin connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// Serves admin requests from `listener` on this shard.
pub fn start(shard: &Rc<Shard>, listener: Listener) {
    let (shard, panics) = (shard.clone(), shard.counters.clone());
    let room = rt::Semaphore::new(CONNECTIONS_MAX);
    rt::spawn(
        async move {
            // The process's end closes it: metrics stay readable while the shards drain.
            loop {
                let permit = room.enter().await;
                let Ok(arrived) = listener.accept().await else {
                    rt::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let Ok(stream) = Stream::adopt(arrived) else {
                    continue;
                };
                let (ours, panics) = (shard.clone(), shard.counters.clone());
                rt::spawn(
                    async move {
                        let _permit = permit;
                        converse(&ours, &stream).await;
                    },
                    move || panics.panics.add(1),
                );
            }
        },
        move || panics.panics.add(1),
    );
}

struct Reply {
    status: u16,
    kind: &'static str,
    text: Vec<u8>,
}

fn plain(status: u16, text: impl Into<Vec<u8>>) -> Reply {
    Reply {
        status,
        kind: "text/plain; charset=utf-8",
        text: text.into(),
    }
}

async fn converse(shard: &Rc<Shard>, stream: &Stream) {
    let mut buffer = Buffer::with_capacity(LIMITS.head_bytes + 1024);
    let mut head = RequestHead::default();
    loop {
        stream.deadline(When::Read, PATIENCE, rt::now());
        let parsed = match buffer.is_empty() {
            true => Ok(Parse::Partial),
            false => head.parse(buffer.unread(), &LIMITS),
        };
        let (reply, keep, head_only) = match parsed {
            Ok(Parse::Partial) => {
                if buffer.room() == 0 {
                    let capacity = buffer.capacity();
                    buffer.make_room(capacity);
                }
                let (result, back) = stream.read(buffer).await;
                buffer = back;
                match result {
                    Ok(n) if n > 0 => continue,
                    _ => return,
                }
            }
            Ok(Parse::Complete) => {
                let request = head.view(buffer.unread());
                let bodiless = matches!(
                    framing::request(&request),
                    Ok(Length::None | Length::Exact(0))
                );
                let keep = bodiless && framing::keeps_alive(request.version, request.fields);
                let (method, target) = (request.method, request.target.to_vec());
                let reply = if bodiless {
                    answer(shard, method, &target).await
                } else {
                    plain(413, "admin requests carry no content\n")
                };
                buffer.consume(head.len());
                (reply, keep, method == Method::Head)
            }
            Err(fault) => (
                plain(fault.status(), format!("{}\n", fault.what())),
                false,
                false,
            ),
        };
        let mut out = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}\r\n",
            reply.status,
            encode::reason(reply.status),
            reply.kind,
            reply.text.len(),
            if keep { "" } else { "Connection: close\r\n" },
        )
        .into_bytes();
        if !head_only {
            out.extend_from_slice(&reply.text);
        }
        stream.deadline(When::Write, PATIENCE, rt::now());
        if stream.write_all(out).await.0.is_err() || !keep {
            stream.close_write();
            return;
        }
    }
}

async fn answer(shard: &Rc<Shard>, method: Method, target: &[u8]) -> Reply {
    let (path, query) = split_query(target);
    let method = if method == Method::Head {
        Method::Get
    } else {
        method
    };
    match (method, path) {
        (Method::Get, b"/healthz") if shard.stopping.get() => plain(503, "stopping\n"),
        (Method::Get, b"/healthz") => plain(200, "ok\n"),
        (Method::Get, b"/metrics") => Reply {
            status: 200,
            kind: "text/plain; version=0.0.4; charset=utf-8",
            text: metrics::metrics(&shard.siblings, &disk::paths(shard)),
        },
        (Method::Post, b"/purge") => purge::carry_out(shard, query.unwrap_or_default()).await,
        (Method::Get, b"/explain") => explain::tell(shard, query.unwrap_or_default()).await,
        (Method::Get, b"/disk") => disk::tell(shard, query.unwrap_or_default()),
        (_, b"/healthz" | b"/metrics" | b"/explain" | b"/disk") => plain(405, "use GET\n"),
        (_, b"/purge") => plain(405, "use POST /purge?url=http://host/path\n"),
        _ => plain(
            404,
            "here are: GET /healthz, GET /metrics, GET /disk, \
             GET /explain?url=http://host/path, POST /purge?url=http://host/path\n",
        ),
    }
}

/// The parameters of a query, decoded.
fn parameters(query: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let parameter = |text: &[u8]| {
        let at = text.iter().position(|byte| *byte == b'=');
        let (name, value) = match at {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, &b""[..]),
        };
        (decoded(name), decoded(value))
    };
    let parts = query.split(|byte| *byte == b'&');
    parts
        .filter(|text| !text.is_empty())
        .map(parameter)
        .collect()
}

/// Host, path and query.
type UrlParts<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>);

/// The parts of a URL; or what is wrong with it.
fn url_parts(url: &[u8]) -> Result<UrlParts<'_>, &'static str> {
    let rest = url
        .strip_prefix(b"http://")
        .ok_or("the URL must begin with http://\n")?;
    let at = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    let (path, query) = split_query(target);
    let path = if path.is_empty() { b"/" } else { path };
    Ok((host, path, query))
}

/// Percent-decoded.
fn decoded(text: &[u8]) -> Vec<u8> {
    let hex = |byte: Option<&u8>| byte.and_then(|byte| (*byte as char).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, hex(text.get(at + 1)), hex(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}
