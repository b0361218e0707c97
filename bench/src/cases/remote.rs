//! What does a hit cost when another shard is the object's home?
//!
//! Two shards on two cores. All requests come over connections that the first shard has, so that
//! the same connections can ask for an object of their own shard and for one of the other, in
//! turns. Where a connection landed and where an object lives is read from /metrics. The client is
//! our own, on the second shard's core: with two cores there is no third.
//!
//! The cost is that of the whole process, both shards, over the answers.

use super::{Effort, Pinned};
use crate::fault::{check, fault, wait_for, Result};
use crate::http::sample;
use crate::load::{self, Connection};
use crate::report::{Case, Row};
use crate::servers::origin::Origin;
use crate::servers::ringside::{Ringside, Setting};
use crate::servers::Stage;
use ringside_shards::rt;
use std::rc::Rc;
use std::time::Duration;

/// Connections that ask.
const CONNECTIONS: usize = 64;
/// Connections opened until so many are on the first shard; the kernel spreads them at random.
const TRIES: usize = 20 * CONNECTIONS;
const WARM: Duration = Duration::from_millis(300);

/// One way to serve a sibling's object.
pub(super) struct Way {
    row: &'static str,
    replicas: usize,
    at_most: f64,
    /// Letters per answer, at least and at most, for it to be this way at all.
    letters: (f64, f64),
}

/// The shard keeps a handle to the object.
pub(super) const REPLICA: Way = Way {
    row: "replica",
    replicas: 4096,
    at_most: 1.05,
    letters: (0.0, 0.01),
};
/// The shard asks the home every time.
pub(super) const LETTER: Way = Way {
    row: "letter",
    replicas: 0,
    at_most: 1.5,
    letters: (0.9, 4.0),
};

const HOME: &str = "home";

/// Fills in the case.
pub(super) fn measure(case: &mut Case, stage: &Stage, effort: &Effort, way: &Way) -> Result<()> {
    case.question = format!(
        "what does a 1 KiB hit by {} cost against a home hit? 2 shards, {CONNECTIONS} connections",
        way.row
    );
    case.unit = "CPU us/request";
    if stage.ringside.is_none() {
        case.notes.push("left out: --without-ringside".to_owned());
        return Ok(());
    }
    let origin = Origin::start(stage)?;
    let setting = Setting {
        shards: 2,
        cores: vec![stage.server_core, stage.client_core],
        replicas: way.replicas,
        ..Setting::single(stage)
    };
    let ringside = Ringside::start(stage, origin.port, &setting)?;
    let _pinned = Pinned::to(stage.client_core)?;
    rt::run(drive(case, effort, way, &ringside, &origin))?
}

async fn drive(
    case: &mut Case,
    effort: &Effort,
    way: &Way,
    ringside: &Ringside,
    origin: &Origin,
) -> Result<()> {
    let all = on_first_shard(ringside).await?;
    let ours: Vec<Rc<Connection>> = all
        .iter()
        .filter(|placed| placed.first)
        .map(|placed| placed.connection.clone())
        .collect();
    let paths = [
        (HOME, path_of(ringside, &ours, 0).await?),
        (way.row, path_of(ringside, &ours, 1).await?),
    ];
    for (_, path) in &paths {
        load::repeat(&ours, path, WARM).await?;
    }
    let row = |name: &str| Row {
        name: name.to_owned(),
        version: ringside.server.version.clone(),
        ..Row::default()
    };
    let mut rows = paths.clone().map(|(name, _)| row(name));
    let mut asked = 0;
    let before = origin.requests(&mut asked)?;
    let (mut letters, mut remote) = (0.0, 0);
    for round in 1..=effort.rounds {
        for ((name, path), row) in paths.iter().zip(&mut rows) {
            let letters_before = count(ringside, "ringside_letters_total", "")?;
            let cpu = ringside.server.running.cpu();
            let answered =
                load::repeat(&ours, path, Duration::from_secs(effort.seconds.into())).await?;
            let used = ringside.server.running.cpu().since(&cpu);
            let cost = used.seconds * 1e6 / answered as f64;
            row.cost.push(cost);
            row.user_share.push(used.user_share);
            row.rate.push(answered as f64 / f64::from(effort.seconds));
            if *name == way.row {
                letters += count(ringside, "ringside_letters_total", "")? - letters_before;
                remote += answered;
            }
            eprintln!(
                "{} {round}/{} {name}: {cost:.1} us",
                case.name, effort.rounds
            );
        }
    }
    case.rows.extend(rows);
    let heard = origin.requests(&mut asked)? - before;
    if heard > 0 {
        return fault(format!(
            "{heard} requests went to the origin: not all were hits"
        ));
    }
    let each = letters / remote.max(1) as f64;
    case.notes
        .push(format!("{each:.3} letters per {} hit", way.row));
    if each < way.letters.0 || each > way.letters.1 {
        return fault(format!(
            "{each:.3} letters per hit: not served by {}",
            way.row
        ));
    }
    case.compare(way.row, HOME, way.at_most);
    Ok(())
}

struct Placed {
    connection: Rc<Connection>,
    first: bool,
}

/// Enough connections on the first shard, and those that landed elsewhere: they stay open, or the
/// first shard would hand new ones to its idler siblings.
async fn on_first_shard(ringside: &Ringside) -> Result<Vec<Placed>> {
    const ASKS: u32 = 3;
    let mut all: Vec<Placed> = Vec::new();
    let mut found = 0;
    while found < CONNECTIONS {
        check()?;
        if all.len() >= TRIES {
            return fault(format!(
                "{found} of {TRIES} connections are on the first shard"
            ));
        }
        let connection = Connection::open(ringside.server.port).await?;
        let before = count(ringside, "ringside_requests_total", FIRST)?;
        let mut request = load::request(connection.port, "/1k?place");
        for _ in 0..ASKS {
            (_, request) = connection.ask(request).await?;
        }
        let risen = count(ringside, "ringside_requests_total", FIRST)? - before;
        let first = risen >= f64::from(ASKS);
        found += usize::from(first);
        all.push(Placed { connection, first });
    }
    Ok(all)
}

const FIRST: &str = "shard=\"0\"";

/// A path whose object is stored on this shard: found by trying, and there when this returns.
async fn path_of(ringside: &Ringside, ours: &[Rc<Connection>], shard: usize) -> Result<String> {
    let Some(connection) = ours.first() else {
        return fault("no connection");
    };
    let label = format!("shard=\"{shard}\"");
    for number in 0..64 {
        let path = format!("/1k?{shard}-{number}");
        let before = count(ringside, "ringside_stored_total", "")?;
        let there_before = count(ringside, "ringside_stored_total", &label)?;
        connection
            .ask(load::request(connection.port, &path))
            .await?;
        wait_for("the object to be stored", Duration::from_secs(5), || {
            let stored = count(ringside, "ringside_stored_total", "")? > before;
            Ok(stored.then_some(()))
        })?;
        if count(ringside, "ringside_stored_total", &label)? > there_before {
            return Ok(path);
        }
    }
    fault(format!("no key of 64 has its home on shard {shard}"))
}

fn count(ringside: &Ringside, name: &str, label: &str) -> Result<f64> {
    Ok(sample(&ringside.metrics()?, name, label))
}
