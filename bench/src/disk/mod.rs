//! The disk cases: caches that are larger than memory, on the file system that `--disk` names.
//!
//! What they share is here: directories that are removed at the end, filling a cache until the origin
//! hears nothing more, and a turn that ends with what it cost. Every object is asked for under the
//! same host on every port, so a server that starts again still has it.
//!
//! **What is fair.** Ringside reads and writes around the page cache; the rivals go through it. On a
//! machine whose memory is larger than the set, a rival that was just asked reads from memory, not
//! from the disk. So the rivals' files are put out of memory before each turn (`pages`), and what the
//! kernel knows of the files stays there, which is their better case; rows named *cold* lose that as
//! well, rows named *kept* have all in memory and never read. Only nginx's file server can be told
//! to go around the page cache (`directio`): row *direct* is that, without any cache's bookkeeping.

pub(crate) mod client;
pub(crate) mod draw;
pub(crate) mod hits;
pub(crate) mod p99;
pub(crate) mod pages;
pub(crate) mod restart;
pub(crate) mod source;
pub(crate) mod zipf;

use crate::fault::{fault, Result};
use crate::http::sample;
use crate::report::{Case, Row};
use crate::servers::Server;
use ringside_shards::rt;
use source::Source;

/// Connections that fill a cache at first; half as many in each pass after that, so that no queue of
/// writes runs over.
const FILLING: usize = 8;
/// Times a cache is asked for everything until it has it.
const PASSES: u32 = 6;

/// A row for this server, of this name.
fn row(name: &str, server: &Server) -> Row {
    Row {
        name: name.to_owned(),
        version: server.version.clone(),
        ..Row::default()
    }
}

/// Asks for every path until nearly all are answered without the origin.
///
/// # Errors
/// A request failed, or the origin still hears more than `most` of them.
fn fill(
    server: &Server,
    source: &Source,
    count: u64,
    most: f64,
    path: impl Fn(u64) -> String + Clone + 'static,
) -> Result<()> {
    let mut missed = 1.0;
    for pass in 1..=PASSES {
        let before = source.heard()?;
        let (path, mut number) = (path.clone(), 0);
        let connections = (FILLING >> (pass - 1)).max(1);
        rt::run(async {
            let clients = client::open(server.port, connections).await?;
            client::run(&clients, move |request| {
                let more = number < count;
                if more {
                    client::write_request(request, &path(number));
                    number += 1;
                }
                more
            })
            .await
        })??;
        let heard = source.heard()?.since(before).requests;
        missed = heard as f64 / count as f64;
        eprintln!(
            "{}: filling, pass {pass}: {heard} of {count} fetched",
            server.name
        );
        if missed <= most {
            return Ok(());
        }
    }
    fault(format!(
        "{} still fetches {:.1} % of what it was asked for {PASSES} times",
        server.name,
        missed * 100.0
    ))
}

/// What Ringside tells of its disk: whatever was not as it should be while it was measured.
fn note_disk(case: &mut Case, name: &str, metrics: &str) {
    let count = |name: &str, label: &str| sample(metrics, name, label);
    let dropped = |reason: &str| {
        let label = format!("reason=\"{reason}\"");
        count("ringside_disk_dropped_total", &label)
    };
    let busy = ["slow", "turning", "recovering", "memory", "stopping"];
    case.notes.push(format!(
        "{name}: {} records, {} reads refused, {} faults of checksums and reads, not admitted: \
         {} busy, {} too large, {} down",
        count("ringside_disk_records", ""),
        count("ringside_disk_reads_refused_total", ""),
        count("ringside_disk_checksum_faults_total", "")
            + count("ringside_disk_read_faults_total", ""),
        busy.map(dropped).iter().sum::<f64>(),
        dropped("large"),
        dropped("down"),
    ));
}

/// Ringside's metrics.
fn metrics(admin: u16) -> Result<String> {
    let reply = crate::http::get(admin, "/metrics")?;
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}

/// A note that one case's server against another's came to this.
fn note_ratio(case: &mut Case, ours: &str, theirs: &str, what: &str) {
    let (Some(mine), Some(other)) = (case.row(ours), case.row(theirs)) else {
        return;
    };
    let ratio = mine.cost.median() / other.cost.median();
    if ratio.is_finite() {
        let note = format!("{ours} / {theirs} = {ratio:.2}: {what}");
        case.notes.push(note);
    }
}
