//! Every shard's numbers as Prometheus text.

use super::disk;
use crate::counters::{Count, Counters};
use ringside_engine::outcome::{NotStored, Outcome};
use ringside_engine::report::{family, sample, Kind, BUCKETS_US};

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

/// All numbers of all shards, and of their logs on these disks, as Prometheus text.
pub(super) fn metrics(shards: &[std::sync::Arc<Counters>], disks: &[String]) -> Vec<u8> {
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
    disk::push_metrics(&mut out, disks, shards);
    out
}
