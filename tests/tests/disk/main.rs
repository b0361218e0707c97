//! The disk below memory: what goes there and comes back, over stops, crashes and damage.
//!
//! Nothing here looks into the product: what is in which place shows in Cache-Status (`detail=disk`),
//! in `GET /disk`, and in what the origin is asked for.

mod away;
mod commands;
mod crashes;
mod damage;
mod durable;
mod failing;
mod policy;
mod restarts;
mod told;

use ringside_tests::{
    check_restarting, pattern, wait_until, Answer, Ask, Client, Entity, Reply, Setup, Stage,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

pub(crate) const KIB: usize = 1 << 10;
pub(crate) const MIB: usize = 1 << 20;

/// Memory of each shard: enough that some of the largest records can wait for their disk.
pub(crate) const MEMORY_EACH_MIB: usize = 24;
/// Disk of each shard: five segments of 16 MiB, and what stands before and behind them.
pub(crate) const DISK_EACH_MIB: usize = 98;

/// Routes of what the helpers below ask for.
const ROUTES: &str =
    "\n[[sites.routes]]\npath = \"/flood/\"\norigin = \"app\"\ncache.disk = \"never\"\n\
    \n[[sites.routes]]\npath = \"/fence/\"\norigin = \"app\"\ncache.disk = \"always\"\n";

/// A disk, and little memory before it.
pub(crate) fn auto() -> Setup {
    let setup = Setup::new().memory_each(MEMORY_EACH_MIB);
    setup.disk_each(DISK_EACH_MIB).more(ROUTES)
}

/// The same, where all that is stored goes to disk at once.
pub(crate) fn always() -> Setup {
    auto().route("cache.disk = \"always\"")
}

/// An entity with a tag, a group, a minute of freshness and this content.
pub(crate) fn entity(content: impl Into<Vec<u8>>, tag: &str) -> Entity {
    Entity::new(content)
        .field("ETag", format!("\"{tag}\""))
        .field("Cache-Groups", "\"one\"")
        .fresh()
}

/// How what was in memory comes to be on disk and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Way {
    /// Memory needs the room for something else.
    Evicted,
    /// The server was stopped and started.
    Restarted,
}

impl Way {
    pub(crate) const ALL: [Way; 2] = [Way::Evicted, Way::Restarted];

    /// Has it happen.
    #[track_caller]
    pub(crate) fn go(self, stage: &mut Stage) {
        match self {
            Way::Evicted => flood(stage),
            Way::Restarted => restart(stage),
        }
    }
}

/// Runs `script` on a fresh stage for each number of shards, once its disk takes something. They
/// run side by side: mostly a script waits for a disk.
#[track_caller]
pub(crate) fn check_disk(shards: &[usize], setup: &Setup, script: impl Fn(&mut Stage) + Sync) {
    side_by_side(shards, |count| {
        check_restarting(&[count], setup, |stage| {
            stage.ringside.wait_until_recovered();
            wait_until("each shard to have a segment", || {
                stage.ringside.disk("segments_used") >= stage.shards as u64
            });
            script(stage);
        });
    });
}

/// The same for each way to disk.
#[track_caller]
pub(crate) fn check_ways(shards: &[usize], setup: &Setup, script: impl Fn(&mut Stage, Way) + Sync) {
    side_by_side(&Way::ALL, |way| {
        check_disk(shards, setup, |stage| script(stage, way));
    });
}

/// Does the same for each of `all`, all at once.
fn side_by_side<T: Copy + Send>(all: &[T], act: impl Fn(T) + Sync) {
    let act = &act;
    std::thread::scope(|scope| {
        let begun = all.iter().copied();
        let begun: Vec<_> = begun.map(|one| scope.spawn(move || act(one))).collect();
        let ended: Vec<_> = begun.into_iter().map(|one| one.join()).collect();
        if let Some(why) = ended.into_iter().find_map(Result::err) {
            std::panic::resume_unwind(why);
        }
    });
}

/// Stops the server in order and starts it again.
#[track_caller]
pub(crate) fn restart(stage: &mut Stage) {
    let status = stage.ringside.stop();
    let told = stage.ringside.stderr_text();
    assert!(status.success(), "{status}: {told}");
    stage.ringside.start_again(None);
    stage.ringside.wait_until_recovered();
}

/// Kills the server and starts it again; what was on disk may not be found yet.
#[track_caller]
pub(crate) fn crash(stage: &mut Stage) {
    stage.ringside.kill();
    stage.ringside.start_again(None);
}

/// Gives every shard's memory something else to hold, some times over, and asked for so often that
/// it displaces what was used: that may stay for as many rounds of memory as uses are counted. None
/// of it goes to disk.
#[track_caller]
pub(crate) fn flood(stage: &Stage) {
    const BYTES: usize = 256 * KIB;
    const LAPS: usize = 5;
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let time = TIMES.fetch_add(1, Ordering::Relaxed);
    let body = Arc::new(pattern(BYTES, 99));
    stage.origin.on("/flood/*", Answer::shared(body).fresh());
    let count = stage.shards * MEMORY_EACH_MIB * MIB * LAPS / BYTES;
    let mut client = stage.client();
    for number in 0..count {
        let path = format!("/flood/{time}/{number}");
        client.send(Ask::get(&path).bytes());
        client.begin("GET").finish_into(&mut |_| {}).expect(200);
        for _ in 0..3 {
            client.ask(&Ask::head(&path)).expect(200);
        }
    }
}

/// Returns when `records` records are on disk so that a crash can't take them.
#[track_caller]
pub(crate) fn settle_on_disk(stage: &Stage, records: usize) {
    wait_until("the records to go to disk", || {
        stage.ringside.disk("records") >= records as u64
    });
    fence(stage);
}

/// Records that a content of so many bytes makes: itself, or an outline and fragments.
pub(crate) fn records_of(bytes: usize) -> usize {
    match bytes > MIB {
        true => 1 + bytes.div_ceil(MIB),
        false => 1,
    }
}

/// Returns when each shard's disk has all that was written before. A purge is answered when it is on
/// disk, and so is then what was written before it.
#[track_caller]
pub(crate) fn fence(stage: &Stage) {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let time = TIMES.fetch_add(1, Ordering::Relaxed);
    stage.origin.on("/fence/*", Answer::ok("fence").fresh());
    let mut client = stage.client();
    // Enough that each shard is home to one of them nearly always.
    for number in 0..12 * stage.shards {
        let path = format!("/fence/{time}/{number}");
        client.get(&path).expect(200);
        let url = format!("http://ringside.test{path}");
        stage.ringside.purge(&url).expect(200);
    }
}

/// Returns when each shard's disk takes what is stored: after a start a segment must be ready first.
#[track_caller]
pub(crate) fn wait_until_taking(stage: &Stage) {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let admitted = |shard: usize| {
        let labels = [("shard", &*shard.to_string())];
        stage
            .ringside
            .metric("ringside_disk_admitted_total", &labels)
    };
    let before: Vec<f64> = (0..stage.shards).map(admitted).collect();
    stage.origin.on("/fence/*", Answer::ok("fence").fresh());
    let mut client = stage.client();
    wait_until("each shard's disk to take something", || {
        let time = TIMES.fetch_add(1, Ordering::Relaxed);
        client.get(&format!("/fence/taking/{time}")).expect(200);
        (0..stage.shards).all(|shard| admitted(shard) > before[shard])
    });
}

/// Did this come from disk?
#[track_caller]
pub(crate) fn is_from_disk(reply: &Reply) -> bool {
    let told = reply.status_told();
    told.hit && told.detail.as_deref() == Some("disk")
}

/// Fails unless this came from disk.
#[track_caller]
pub(crate) fn expect_from_disk(reply: &Reply) -> &Reply {
    let told = reply.status_told();
    assert!(is_from_disk(reply), "should come from disk: {told:?}");
    reply
}

/// Asks for it and again, so that it was used `uses` times from memory; gives the content.
#[track_caller]
pub(crate) fn used(client: &mut Client, ask: &Ask, uses: usize) -> Vec<u8> {
    let first = client.ask(ask);
    assert!(first.complete, "the content broke off");
    for _ in 0..uses {
        client.ask(ask).expect_hit();
    }
    first.body
}
