//! One question to an origin, and the head that comes back: what is sent, what is passed on before
//! the final head, and when it is worth another try.

use super::{Arrived, Fetch};
use crate::exchange::intent::with_path;
use crate::exchange::part;
use crate::origin::Connection;
use crate::rt::{self, When};
use crate::shard::RouteFacts;
use crate::siblings::Asked;
use crate::store::flight::{Scope, Want};
use crate::store::object::parse_stored;
use ringside_engine::cache;
use ringside_engine::fault::Fault;
use ringside_engine::http::{encode, Answer, Forward, Length, Parse, ResponseHead};
use ringside_engine::origin::{may_retry, Sent};
use ringside_engine::time::Mono;
use std::borrow::Cow;

/// Interim responses accepted before the final one.
const INTERIM_MAX: u32 = 16;

/// Sends the request until a head comes back, on other connections where that is safe.
pub(super) async fn obtain(fetch: &mut Fetch, route: &RouteFacts) -> Result<Arrived, Fault> {
    let pool = fetch.shard.pools.get(route.origin);
    let pool = pool.ok_or_else(|| Fault::machine(500, "the origin is gone"))?;
    let retries = pool.origin().retries;
    let mut attempt = 0;
    loop {
        let connection = pool.obtain(attempt > 0, &fetch.shard.counters).await?;
        let reused = connection.reused;
        match converse(fetch, route, connection).await {
            Ok(arrived) => return Ok(arrived),
            Err((fault, sent)) => {
                let method = fetch.asked.request().method;
                let begun = fetch
                    .upload
                    .as_ref()
                    .is_some_and(|upload| upload.has_started());
                // A kept connection that the origin closed costs no try of its own.
                let allowed = if reused { retries.max(1) } else { retries };
                if begun || !may_retry(method, sent, attempt, allowed) {
                    return Err(fault);
                }
                attempt += 1;
                fetch.shard.counters.retries.add(1);
            }
        }
    }
}

/// One request and the response's head on one connection.
async fn converse(
    fetch: &Fetch,
    route: &RouteFacts,
    connection: Connection,
) -> Result<Arrived, (Fault, Sent)> {
    let shard = &fetch.shard;
    let pool = &shard.pools[route.origin];
    let stream = connection.stream.clone();
    let requested_us = rt::now_us();
    let requested = Mono(requested_us / 1000);
    let text = compose(fetch, route);
    stream.deadline(When::Write, pool.first_byte_timeout(), requested);
    let sent_before = if connection.reused {
        Sent::HeadOnReusedConnection
    } else {
        Sent::Head
    };
    let (result, _) = stream.write_all(text).await;
    if result.is_err() {
        return Err((
            Fault::origin(502, "the origin closed while it was asked"),
            sent_before,
        ));
    }
    if let Some(upload) = &fetch.upload {
        let patience = shard.setting.limits().body;
        upload.start(stream.clone(), patience, pool.first_byte_timeout());
    }
    let mut arrived = Arrived {
        connection,
        buffer: shard.take_buffer().ok_or((
            Fault::machine(503, "no memory to read the response"),
            Sent::ResponseBegun,
        ))?,
        head: ResponseHead::default(),
        requested,
        requested_us,
        received: requested,
    };
    let result = read_final_head(fetch, &mut arrived, pool.first_byte_timeout(), sent_before).await;
    match result {
        Ok(()) => Ok(arrived),
        Err(error) => {
            shard.give_buffer(arrived.buffer);
            // A client's fault in the content explains the origin's early end.
            let client = fetch.upload.as_ref().and_then(|upload| upload.fault());
            Err(client.map_or(error, |fault| (fault, Sent::PartOfBody)))
        }
    }
}

fn compose(fetch: &Fetch, route: &RouteFacts) -> Vec<u8> {
    let (shard, asked) = (&fetch.shard, &fetch.asked);
    let proxy = &shard.setting.plan.proxy;
    let pool = &shard.pools[route.origin];
    let mut conditions = Vec::new();
    push_conditions(fetch, &mut conditions);
    let server = pool.origin().servers.first();
    let own_host = server
        .map(|server| server.host.as_bytes())
        .unwrap_or_default();
    let shared = fetch.pass.is_none();
    let forward = Forward {
        via_name: proxy.via.then_some(proxy.name.as_str()),
        forwarded: proxy.forwarded,
        client_ip: asked.client,
        scheme: "http",
        host: if asked.host().is_empty() {
            own_host
        } else {
            asked.host()
        },
        close: !pool.origin().keep_alive,
        length: match (&fetch.upload, &asked.content) {
            (Some(upload), _) => upload.length(),
            (None, Some(content)) => Length::Exact(content.len() as u64),
            (None, None) => Length::None,
        },
        extra: &conditions,
        drop_conditionals: shared,
        drop_range: shared,
        upgrade: fetch.tunnel.is_some(),
    };
    let mut out = Vec::with_capacity(asked.bytes.len() + 256);
    encode::request_head(&mut out, &asked.request(), &origin_target(asked), &forward);
    out.extend_from_slice(asked.content.as_deref().unwrap_or_default());
    out
}

/// The fields that ask for less than all: whether what is stored still holds, or a part.
fn push_conditions(fetch: &Fetch, out: &mut Vec<u8>) {
    if fetch.pass.is_some() {
        return;
    }
    match (&fetch.asked.want, fetch.flight.scope()) {
        (
            Want::Fragment {
                outline, window, ..
            },
            _,
        ) => {
            let asked_for = part::asked_for(&fetch.held, window);
            cache::push_range(out, &asked_for, Some(outline.body_bytes()));
        }
        (_, Scope::Window(window)) => cache::push_range(out, &window, None),
        (_, Scope::Suffix(bytes)) => {
            out.extend_from_slice(b"Range: bytes=-");
            encode::push_decimal(out, bytes);
            out.extend_from_slice(b"\r\n");
        }
        (_, Scope::Whole | Scope::Widened) => {
            let objects = &fetch.held.objects;
            let mut heads: Vec<ResponseHead> = Vec::new();
            heads.resize_with(objects.len(), ResponseHead::default);
            let held: Vec<_> = objects
                .iter()
                .zip(&mut heads)
                .filter_map(|(object, head)| parse_stored(object.head(), head))
                .collect();
            cache::conditionals_of(&held, out);
        }
    }
}

/// Path and query for the origin; an absolute target may have had a query without a path.
fn origin_target(asked: &Asked) -> Cow<'_, [u8]> {
    match asked.path_and_query() {
        [] => Cow::Borrowed(b""),
        target => with_path(target),
    }
}

/// Reads heads until the final one, passing interim ones on.
async fn read_final_head(
    fetch: &Fetch,
    arrived: &mut Arrived,
    patience: std::time::Duration,
    sent: Sent,
) -> Result<(), (Fault, Sent)> {
    for _ in 0..INTERIM_MAX {
        read_head(fetch, arrived, patience, sent).await?;
        let response = arrived.view();
        match response.status {
            101 if fetch.tunnel.is_some() => return Ok(()),
            101 => {
                let what = "the origin switched protocols without being asked";
                return Err((Fault::origin(502, what), Sent::ResponseBegun));
            }
            100..=199 => {
                let mut head = Vec::new();
                let options = Answer {
                    via_name: None,
                    drop_age: false,
                    now: None,
                };
                encode::response_head(&mut head, &response, &options);
                head.extend_from_slice(b"\r\n");
                fetch.flight.interim(head.into());
                let len = arrived.head.len();
                arrived.buffer.consume(len);
            }
            _ => return Ok(()),
        }
    }
    Err((
        Fault::origin(502, "the origin sent too many interim responses"),
        Sent::ResponseBegun,
    ))
}

async fn read_head(
    fetch: &Fetch,
    arrived: &mut Arrived,
    patience: std::time::Duration,
    sent: Sent,
) -> Result<(), (Fault, Sent)> {
    let shard = &fetch.shard;
    let limits = &shard.setting.head_limits;
    let stream = arrived.connection.stream.clone();
    let mut begun = sent;
    loop {
        if !arrived.buffer.is_empty() {
            begun = Sent::ResponseBegun;
            match arrived.head.parse(arrived.buffer.unread(), limits) {
                Ok(Parse::Complete) => {
                    arrived.received = rt::now();
                    return Ok(());
                }
                Ok(Parse::Partial) => {}
                Err(fault) => return Err((Fault::origin(502, fault.what()), begun)),
            }
        }
        if arrived.buffer.room() == 0 {
            let most = limits.head_bytes + 4096;
            if arrived.buffer.unread().len() >= most
                || !shard.grow_buffer(&mut arrived.buffer, most)
            {
                return Err((Fault::origin(502, "the response head is too large"), begun));
            }
        }
        stream.deadline(When::Write, patience, rt::now());
        let buffer = std::mem::take(&mut arrived.buffer);
        let (result, buffer) = stream.read(buffer).await;
        arrived.buffer = buffer;
        match result {
            Ok(n) if n > 0 => {}
            _ if stream.expired() => {
                let fault = Fault::origin(504, "the origin did not answer in time");
                return Err((fault, Sent::ResponseBegun));
            }
            _ => {
                return Err((
                    Fault::origin(502, "the origin closed without an answer"),
                    begun,
                ))
            }
        }
    }
}
