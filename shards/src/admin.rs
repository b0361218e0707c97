//! The admin listener: health, metrics and purges, on an address of its own.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | 200 `ok`, or 503 `stopping` |
//! | `GET /metrics` | Prometheus text, every number with a `shard` label |
//! | `POST /purge?url=http://host/path` | 200 with the number of objects purged, once no shard can serve them |
//!
//! It lives on shard 0 and speaks just enough HTTP for that: one request after the other, no
//! content, small heads.

use crate::counters::{Count, Counters};
use crate::exchange::{home, intent};
use crate::rt::{self, Buffer, Listener, Stream, When};
use crate::shard::Shard;
use ringside_engine::http::target::split_query;
use ringside_engine::http::{encode, framing, HeadLimits, Length, Method, Parse, RequestHead};
use ringside_engine::outcome::{NotStored, Outcome};
use ringside_engine::report::{family, sample, Kind, BUCKETS_US};
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
            text: metrics(&shard.siblings),
        },
        (Method::Post, b"/purge") => purge(shard, query.unwrap_or_default()).await,
        (_, b"/healthz" | b"/metrics") => plain(405, "use GET\n"),
        (_, b"/purge") => plain(405, "use POST /purge?url=http://host/path\n"),
        _ => plain(
            404,
            "here are: GET /healthz, GET /metrics, POST /purge?url=http://host/path\n",
        ),
    }
}

async fn purge(shard: &Rc<Shard>, query: &[u8]) -> Reply {
    // All that follows is the URL: its own query may come unescaped.
    let value = query.strip_prefix(b"url=").map(decoded);
    let Some(url) = value else {
        return plain(400, "name the URL: POST /purge?url=http://host/path\n");
    };
    let Some(rest) = url.strip_prefix(b"http://") else {
        return plain(400, "the URL must begin with http://\n");
    };
    let at = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?'))
        .unwrap_or(rest.len());
    let (host, target) = rest.split_at(at);
    let (path, query) = split_query(target);
    let path = if path.is_empty() { b"/" } else { path };
    let Some(key) = intent::key_of(&shard.setting, host, path, query) else {
        return plain(404, "no site is configured for this host and path\n");
    };
    let count = home::purge_anywhere(shard, key).await;
    plain(200, format!("purged {count}\n"))
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

type Row = (&'static str, &'static str, Kind, fn(&Counters) -> &Count);

/// Every plain number: its name, what it says, its kind, where it is.
const ROWS: &[Row] = &[
    (
        "ringside_sent_bytes_total",
        "Bytes sent to clients, heads included",
        Kind::Counter,
        |c| &c.sent_bytes,
    ),
    (
        "ringside_hit_bytes_total",
        "Bytes of content sent from the cache",
        Kind::Counter,
        |c| &c.hit_bytes,
    ),
    (
        "ringside_fetched_bytes_total",
        "Bytes of content received from origins",
        Kind::Counter,
        |c| &c.fetched_bytes,
    ),
    (
        "ringside_connections_accepted_total",
        "Client connections accepted",
        Kind::Counter,
        |c| &c.accepted,
    ),
    (
        "ringside_connections_refused_total",
        "Client connections refused at the limit",
        Kind::Counter,
        |c| &c.refused,
    ),
    (
        "ringside_connections_handed_off_total",
        "Client connections handed to a less loaded shard",
        Kind::Counter,
        |c| &c.handed_off,
    ),
    (
        "ringside_connections_open",
        "Client connections open",
        Kind::Gauge,
        |c| &c.open,
    ),
    (
        "ringside_origin_connects_total",
        "Connections to origins tried",
        Kind::Counter,
        |c| &c.connects,
    ),
    (
        "ringside_origin_reused_total",
        "Requests sent on a kept origin connection",
        Kind::Counter,
        |c| &c.reused,
    ),
    (
        "ringside_origin_retries_total",
        "Requests tried again on another connection",
        Kind::Counter,
        |c| &c.retries,
    ),
    (
        "ringside_fetch_faults_total",
        "Fetches that failed",
        Kind::Counter,
        |c| &c.fetch_faults,
    ),
    (
        "ringside_flights_total",
        "Fetches started",
        Kind::Counter,
        |c| &c.flights,
    ),
    (
        "ringside_flights_open",
        "Fetches under way",
        Kind::Gauge,
        |c| &c.flights_open,
    ),
    (
        "ringside_stored_total",
        "Responses stored",
        Kind::Counter,
        |c| &c.stored,
    ),
    ("ringside_objects", "Objects stored", Kind::Gauge, |c| {
        &c.objects
    }),
    (
        "ringside_objects_bytes",
        "Bytes of stored objects",
        Kind::Gauge,
        |c| &c.stored_bytes,
    ),
    (
        "ringside_objects_evicted_total",
        "Objects evicted",
        Kind::Counter,
        |c| &c.evicted,
    ),
    (
        "ringside_objects_purged_total",
        "Objects purged",
        Kind::Counter,
        |c| &c.purged,
    ),
    (
        "ringside_memory_used_bytes",
        "Memory charged to the budget",
        Kind::Gauge,
        |c| &c.memory_used,
    ),
    (
        "ringside_replicas",
        "Keys of other shards' objects held",
        Kind::Gauge,
        |c| &c.replicas,
    ),
    (
        "ringside_letters_total",
        "Letters sent to other shards",
        Kind::Counter,
        |c| &c.letters,
    ),
    (
        "ringside_letters_refused_total",
        "Questions not asked because the queue was full",
        Kind::Counter,
        |c| &c.letters_refused,
    ),
    (
        "ringside_panics_total",
        "Tasks ended by a fault of ours",
        Kind::Counter,
        |c| &c.panics,
    ),
    (
        "ringside_log_lines_dropped_total",
        "Log lines dropped because the writer was behind or the disk full",
        Kind::Counter,
        |c| &c.log_dropped,
    ),
];

/// All numbers of all shards as Prometheus text.
pub fn metrics(shards: &[std::sync::Arc<Counters>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 * 1024);
    let labels: Vec<String> = (0..shards.len()).map(|id| id.to_string()).collect();
    let each = || labels.iter().map(String::as_str).zip(shards.iter());
    family(
        &mut out,
        "ringside_requests_total",
        "Requests answered, by outcome",
        Kind::Counter,
    );
    for (shard, counters) in each() {
        for (word, count) in Outcome::WORDS.iter().zip(&counters.requests) {
            let labels = [("shard", shard), ("outcome", *word)];
            sample(
                &mut out,
                "ringside_requests_total",
                &labels,
                count.read() as f64,
            );
        }
    }
    let name = "ringside_not_stored_total";
    family(
        &mut out,
        name,
        "Responses meant for the cache and not stored, by reason",
        Kind::Counter,
    );
    for (shard, counters) in each() {
        for (why, count) in NotStored::ALL.iter().zip(&counters.not_stored) {
            let labels = [("shard", shard), ("reason", why.word())];
            sample(&mut out, name, &labels, count.read() as f64);
        }
    }
    let name = "ringside_request_duration_seconds";
    family(
        &mut out,
        name,
        "Time from a complete request head to the answer's last byte",
        Kind::Histogram,
    );
    for (shard, counters) in each() {
        let mut sum = 0;
        for (bound, count) in BUCKETS_US.iter().zip(&counters.latency) {
            sum += count.read();
            let le = (*bound as f64 / 1e6).to_string();
            let labels = [("shard", shard), ("le", le.as_str())];
            sample(
                &mut out,
                "ringside_request_duration_seconds_bucket",
                &labels,
                sum as f64,
            );
        }
        sum += counters.latency.last().map_or(0, Count::read);
        let labels = [("shard", shard), ("le", "+Inf")];
        sample(
            &mut out,
            "ringside_request_duration_seconds_bucket",
            &labels,
            sum as f64,
        );
        let labels = [("shard", shard)];
        let seconds = counters.latency_us.read() as f64 / 1e6;
        sample(
            &mut out,
            "ringside_request_duration_seconds_sum",
            &labels,
            seconds,
        );
        sample(
            &mut out,
            "ringside_request_duration_seconds_count",
            &labels,
            sum as f64,
        );
    }
    for (name, help, kind, read) in ROWS {
        family(&mut out, name, help, *kind);
        for (shard, counters) in each() {
            sample(
                &mut out,
                name,
                &[("shard", shard)],
                read(counters).read() as f64,
            );
        }
    }
    let name = "ringside_loop_turn_seconds_max";
    family(
        &mut out,
        name,
        "Longest delay of the shard's loop seen by its tick",
        Kind::Gauge,
    );
    for (shard, counters) in each() {
        let seconds = counters.turn_us_max.read() as f64 / 1e6;
        sample(&mut out, name, &[("shard", shard)], seconds);
    }
    out
}
