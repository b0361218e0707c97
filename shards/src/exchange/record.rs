//! The fifth step: what happened goes into the counters and the log.

use super::deliver::Delivered;
use super::Visit;
use crate::rt;
use crate::shard::Shard;
use ringside_engine::http::{Name, Request, Version};
use ringside_engine::outcome::Outcome;
use ringside_engine::report::Record;
use std::net::SocketAddr;

/// Records an exchange.
pub fn write(visit: &Visit, delivered: &Delivered) {
    let total_us = rt::now_us().saturating_sub(visit.began_us);
    visit.shard.counters.request(delivered.outcome, total_us);
    if visit.shard.lines.borrow().is_on() {
        let first = delivered
            .first_byte_us
            .map(|at| at.saturating_sub(visit.began_us));
        line(
            &visit.shard,
            visit.client,
            Some(&visit.request()),
            delivered.status,
            delivered.bytes,
            delivered.outcome,
            total_us,
            first,
        );
    }
}

/// Adds a log line. `request` is missing when no head could be read.
#[allow(clippy::too_many_arguments)]
pub fn line(
    shard: &Shard,
    client: SocketAddr,
    request: Option<&Request<'_>>,
    status: u16,
    body_bytes: u64,
    outcome: Outcome,
    total_us: u64,
    first_byte_us: Option<u64>,
) {
    let field = |name| {
        request
            .and_then(|request| request.fields.get(name))
            .unwrap_or_default()
    };
    let record = Record {
        wall: shard.wall(),
        client: client.ip(),
        method: request.map_or(b"-", |request| request.method_text),
        target: request.map_or(b"-", |request| request.target),
        version: request.map_or(Version::Http11, |request| request.version),
        host: field(Name::Host),
        status,
        body_bytes,
        referer: field(Name::Referer),
        user_agent: field(Name::UserAgent),
        outcome,
        total_us,
        first_byte_us,
        shard: u16::try_from(shard.id).unwrap_or(u16::MAX),
    };
    shard.lines.borrow_mut().write(&record);
}
