//! An origin that switches protocols: its connection goes to the visit, which moves bytes both ways.

use super::{Arrived, Fetch};
use crate::origin::Connection;
use crate::rt::{self, Buffer, When};
use crate::store::object::ToDisk;
use crate::store::{End, FlightHead, Opening};
use ringside_engine::cache::Facts;
use ringside_engine::fault::Fault;
use ringside_engine::http::encode;
use std::cell::RefCell;
use std::sync::Arc;

/// Where the fetch leaves its connection when the origin switches protocols.
#[derive(Default)]
pub struct Tunnel(RefCell<Option<(Connection, Buffer)>>);

impl Tunnel {
    /// The connection and what has arrived on it.
    pub fn take(&self) -> Option<(Connection, Buffer)> {
        self.0.borrow_mut().take()
    }
}

/// A 101: what follows belongs to the visit, which takes the connection from the tunnel.
pub(super) fn hand_over(fetch: &Fetch, mut arrived: Arrived) -> Result<(), Fault> {
    let Some(tunnel) = &fetch.tunnel else {
        return Err(Fault::origin(
            502,
            "the origin switched protocols without being asked",
        ));
    };
    let response = arrived.view();
    let mut head = Vec::new();
    // Upgrade and Connection belong to the switch itself and are passed on as they are.
    encode::push_status_line(&mut head, 101, b"");
    for field in response.fields.iter() {
        encode::push_field(&mut head, field.name, field.value);
    }
    let times = arrived.times(&fetch.shard, fetch.asked.key);
    let policy = &fetch
        .shard
        .setting
        .route(fetch.asked.route)
        .map(|route| &route.policy);
    let facts = match policy {
        Some(policy) => Facts::of(&fetch.asked.request(), &response, policy, &times),
        None => Facts::default(),
    };
    let flight_head = FlightHead {
        to_disk: ToDisk::NEVER,
        head,
        own_head: None,
        kept_head: None,
        verbatim: None,
        status: 101,
        forwarded: 101,
        stored: false,
        length: None,
        has_content: false,
        facts,
        aged: false,
        vary: Vec::new(),
        variant: 0,
        groups: Vec::new(),
        part: None,
        switches: true,
        at_us: rt::now_us(),
    };
    let len = arrived.head.len();
    arrived.buffer.consume(len);
    arrived.connection.stream.no_deadline(When::Write);
    *tunnel.0.borrow_mut() = Some((arrived.connection, arrived.buffer));
    fetch
        .flight
        .open(Opening::Head(Arc::new(flight_head)), true);
    fetch.flight.end(End::Complete(Arc::from(&b""[..])));
    Ok(())
}
