//! All shards of a process: made, started, watched, stopped.
//!
//! | step | on | why in this order |
//! |---|---|---|
//! | raise descriptors, open the log | main | before anything needs them |
//! | bind all listeners | main | a port in use is told before any disk is written to |
//! | prepare the disks | main | keys' secret and clock come from them; it may take minutes |
//! | listen | main | until here clients are refused: in a backlog they would wait, and a probe would take the server for up |
//! | ring, listeners, postman | each shard | a ring belongs to the thread that made it |
//! | ready | main, when all shards are | nobody is served by half a crew |
//! | stop | main tells all | each stops accepting, finishes what is under way, ends |
//! | log | main, when all have ended | their last lines are written |

use crate::behind;
use crate::counters::Counters;
use crate::exchange::purging::Purge;
use crate::exchange::{home, keeping, promote, purging, search};
use crate::keeper::{self, Keeper, LogToKeep};
use crate::listen::{self, Listeners};
use crate::log;
use crate::origin::resolve;
use crate::rt::{self, Buffer, Listener};
use crate::shard::{Setting, Shard};
use crate::siblings::{mesh, Letter, Outside, Post, Told};
use crate::store::disk::prepare::{self, Chance, Consent, Prepared, PreparedLog};
use crate::store::disk::progress::Watcher;
use crate::store::disk::{DiskCache, Opening, Order};
use crate::store::Budget;
use crate::{admin, log::Lines};
use ringside_config::Plan;
use ringside_engine::key::Seed;
use ringside_engine::purge::Force;
use ringside_engine::time::Mono;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::mpsc::{channel, Sender, SyncSender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often deadlines are swept and levels are read.
const TICK: Duration = Duration::from_millis(100);
/// Memory a shard needs at least, to hold buffers and one object.
const SHARD_BYTES_MIN: u64 = 1024 * 1024;
/// Letters handled before other tasks get their turn.
const LETTERS_PER_TURN: usize = 256;
/// After so long, news of a disk wait for the next turn.
const DISK_TURN_US: u64 = 300;
/// Bodies in files, for one shard.
const FILES_MAX: usize = 4096;
/// Reads under way on one device, by all shards together: what keeps a solid-state disk busy without
/// making those that come next wait long.
const DEVICE_READS_MAX: usize = 64;
/// A wall clock that was set back by less is no reason to distrust what is on disk.
const CLOCK_BACK_MS: u64 = 5000;
/// Descriptors besides those of client connections: rings, bells, files, origins.
const DESCRIPTORS_SPARE: u64 = 256;

/// Why a crew could not start. The text tells the operator what to do.
#[derive(Debug)]
pub struct StartFault(pub String);

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartFault {}

/// A running crew.
pub struct Crew {
    /// Where clients connect.
    pub listening: Vec<SocketAddr>,
    /// Where the admin listener is, if there is one.
    pub admin: Option<SocketAddr>,
    /// The core of each shard that is pinned.
    pub cores: Vec<Option<usize>>,
    counters: Arc<[Arc<Counters>]>,
    outside: Outside,
    threads: Vec<JoinHandle<()>>,
    resolver: Option<resolve::Resolver>,
    keeper: Option<Keeper>,
    writer: Option<log::Writer>,
}

/// What all shards did together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Requests answered.
    pub requests: u64,
    /// Of those, from the cache without asking the origin.
    pub hits: u64,
    /// Bytes sent to clients.
    pub sent_bytes: u64,
    /// Bytes of content from origins.
    pub fetched_bytes: u64,
}

/// What one shard's thread is given.
struct Berth {
    id: usize,
    core: Option<core_affinity::CoreId>,
    setting: Arc<Setting>,
    post: Post,
    siblings: Arc<[Arc<Counters>]>,
    lines: Lines,
    budget: &'static Budget,
    sockets: Vec<socket2::Socket>,
    admin: Option<socket2::Socket>,
    ready: Sender<Result<(), String>>,
    /// Its logs on disk.
    logs: Vec<PreparedLog>,
    /// How many shards read each device.
    readers: usize,
    orders: Option<SyncSender<Order>>,
    /// The wall clock was behind what is on disk.
    distrust: bool,
}

/// How many shards there will be.
pub fn shards_of(plan: &Plan) -> usize {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    plan.shards.count.unwrap_or(cores.len()).max(1)
}

/// Prepares the Plan's disks, with the operator's consent.
///
/// # Errors
/// What was found there, with advice.
pub fn prepare_disks(
    plan: &Plan,
    consent: Consent,
    watcher: &mut dyn Watcher,
) -> Result<Option<Prepared>, StartFault> {
    if plan.disks.is_empty() {
        return Ok(None);
    }
    let set = randomness()?;
    let chance = Chance {
        set: u128::from(set[0]) << 64 | u128::from(set[1]),
        seed: Seed(randomness()?),
        now_ms: wall_ms(),
    };
    let prepared = prepare::prepare(&plan.disks, shards_of(plan), chance, consent, watcher);
    prepared.map(Some).map_err(|refused| StartFault(refused.0))
}

fn randomness() -> Result<[u64; 2], StartFault> {
    rt::random().map_err(|error| StartFault(format!("the kernel gave no randomness: {error}")))
}

fn wall_ms() -> u64 {
    u64::try_from(rt::wall().0).unwrap_or(0) * 1000
}

/// Starts all shards of `plan`; returns when every one serves. `watcher` sees the disks being made.
///
/// # Errors
/// A port in use, no rings, too few descriptors, a log that can't be opened, a disk that is not
/// ours: with advice.
pub fn start(plan: Plan, watcher: &mut dyn Watcher) -> Result<Crew, StartFault> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let count = shards_of(&plan);
    let budget_bytes = plan.memory.size_bytes / count as u64;
    if budget_bytes < SHARD_BYTES_MIN {
        return Err(StartFault(format!(
            "[memory] size leaves {budget_bytes} bytes for each of {count} shards; each needs at \
             least {SHARD_BYTES_MIN}: raise it, or lower [shards] count"
        )));
    }
    let spare = descriptors(plan.limits.connections as u64)?;
    let files_max = usize::try_from(spare / 2).unwrap_or(usize::MAX) / count;
    let writer = log::start(&plan.log).map_err(|error| {
        StartFault(format!(
            "the access log {:?} can't be opened: {error}",
            plan.log.target
        ))
    })?;
    let mut bound = bind_all(&plan, count)?;
    let (posts, outside) = mesh(count).map_err(|error| StartFault(rt::ring_advice(&error)))?;
    let counters: Arc<[Arc<Counters>]> = (0..count).map(|_| Arc::default()).collect();
    let prepared = match prepare_disks(&plan, Consent::OtherShards, watcher)? {
        Some(prepared) => Some(
            prepared
                .take_part(watcher)
                .map_err(|why| StartFault(why.0))?,
        ),
        None => None,
    };
    let seed = match &prepared {
        Some(prepared) => prepared.seed,
        None => Seed(randomness()?),
    };
    let [process, _] = randomness()?;
    let latest = prepared
        .as_ref()
        .map_or(Mono(0), |prepared| prepared.latest);
    rt::begin(Mono(latest.0 + 1));
    let distrust = wall_ms() + CLOCK_BACK_MS < latest.0;
    if distrust {
        watcher
            .say("the wall clock is behind what is on disk: all of that is validated before use");
    }
    let logs = prepared.map_or_else(Vec::new, |prepared| prepared.logs);
    listen_all(&plan, &bound)?;
    let keeper = start_keeper(&outside, &logs)?;
    let mut by_shard: Vec<Vec<PreparedLog>> = (0..count).map(|_| Vec::new()).collect();
    for log in logs {
        if let Some(own) = by_shard.get_mut(usize::from(log.id.shard)) {
            own.push(log);
        }
    }
    let format = plan.log.format;
    let pin = plan.shards.pin;
    let setting = Arc::new(Setting::new(plan, seed, process, files_max.min(FILES_MAX)));
    let (ready, started) = channel();
    let mut crew = Crew {
        listening: bound.listening,
        admin: bound.admin.as_ref().map(|(_, address)| *address),
        cores: Vec::new(),
        counters: counters.clone(),
        outside: outside.clone(),
        threads: Vec::new(),
        resolver: None,
        keeper,
        writer,
    };
    let mut admin = bound.admin.map(|(socket, _)| socket);
    for (id, post) in posts.into_iter().enumerate() {
        let core = (pin && !cores.is_empty()).then(|| cores[id % cores.len()]);
        crew.cores.push(core.map(|core| core.id));
        let berth = Berth {
            id,
            core,
            setting: setting.clone(),
            post,
            siblings: counters.clone(),
            lines: crew
                .writer
                .as_ref()
                .map_or_else(Lines::off, |writer| writer.lines(format)),
            budget: Budget::new(budget_bytes as usize),
            sockets: std::mem::take(&mut bound.by_shard[id]),
            admin: admin.take(),
            ready: ready.clone(),
            logs: std::mem::take(&mut by_shard[id]),
            readers: count,
            orders: crew.keeper.as_ref().map(Keeper::orders),
            distrust,
        };
        let thread = std::thread::Builder::new()
            .name(format!("shard-{id}"))
            .spawn(move || {
                let ready = berth.ready.clone();
                if let Err(error) = run(berth) {
                    let _ = ready.send(Err(error));
                }
            });
        let thread =
            thread.map_err(|error| StartFault(format!("no thread for a shard: {error}")))?;
        crew.threads.push(thread);
    }
    drop(ready);
    for _ in 0..count {
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return Err(crew.abandon(why)),
            Err(_) => return Err(crew.abandon("a shard ended while it started".to_owned())),
        }
    }
    crew.resolver = resolve::start(&setting.plan, outside, |warning| {
        eprintln!("ringside: {warning}")
    });
    Ok(crew)
}

/// The thread that finds what is on disk; none without disks.
fn start_keeper(outside: &Outside, logs: &[PreparedLog]) -> Result<Option<Keeper>, StartFault> {
    if logs.is_empty() {
        return Ok(None);
    }
    let kept = logs.iter().map(|log| LogToKeep {
        log: log.id,
        path: log.path.clone(),
        base: log.base,
        superblock: log.superblock.clone(),
        is_new: log.is_new,
    });
    let say = |line: String| eprintln!("ringside: {line}");
    keeper::start(outside.clone(), kept.collect(), say)
        .map(Some)
        .map_err(|error| StartFault(format!("no thread for the keeper of the disks: {error}")))
}

/// Opens a shard's logs on its own ring. One that can't be opened is left out, and said.
fn open_disk(berth: &mut Berth) -> Option<Rc<DiskCache>> {
    let mut openings = Vec::new();
    let mut locks = Vec::new();
    for log in std::mem::take(&mut berth.logs) {
        let bytes = log.superblock.layout().total_bytes();
        match rt::Disk::open(&log.path, log.base, bytes, true) {
            Ok(disk) => {
                openings.push(Opening {
                    id: log.id,
                    path: log.path.display().to_string(),
                    position: log.position,
                    sign: log.sign.clone(),
                    disk,
                    superblock: log.superblock.clone(),
                    is_new: log.is_new,
                    reads_max: (DEVICE_READS_MAX / berth.readers.max(1)).max(4),
                });
            }
            Err(error) => {
                eprintln!("ringside: {} is left out: {error}", log.path.display());
                // It would not hear of what is purged now.
                if let Err(error) = log.empty() {
                    eprintln!("ringside: {} is not emptied: {error}", log.path.display());
                }
            }
        }
        locks.push((log.lock, log.claim));
    }
    // Held until the process ends; of a device, also for the logs that other shards have there.
    std::mem::forget(locks);
    let orders = berth.orders.take();
    (!openings.is_empty()).then(|| DiskCache::new(openings, berth.budget, orders, rt::now()))
}

/// Sees to it that this many clients can be open; returns how many descriptors are left for
/// connections to origins and for bodies in files.
fn descriptors(connections: u64) -> Result<u64, StartFault> {
    let available = rt::descriptors(connections * 2 + DESCRIPTORS_SPARE);
    let needed = connections + DESCRIPTORS_SPARE;
    if available >= needed {
        return Ok(available - needed);
    }
    Err(StartFault(format!(
        "this process may open {available} descriptors, and [limits] connections = {connections} \
         needs {needed} at least: raise `ulimit -n` (LimitNOFILE= in a unit file), or lower the limit"
    )))
}

/// Sockets that are bound, before they listen.
struct Bound {
    /// Those of each shard, in the order of `listening`.
    by_shard: Vec<Vec<socket2::Socket>>,
    listening: Vec<SocketAddr>,
    admin: Option<(socket2::Socket, SocketAddr)>,
}

const ADMIN_BACKLOG: u32 = 128;

fn bind_all(plan: &Plan, count: usize) -> Result<Bound, StartFault> {
    let mut by_shard: Vec<Vec<socket2::Socket>> = (0..count).map(|_| Vec::new()).collect();
    let mut listening = Vec::new();
    for listen in &plan.listen {
        let mut address = listen.address;
        if address.port() != 0 {
            nobody_listens(address)?;
        }
        for sockets in &mut by_shard {
            let socket =
                Listener::reserve(address, true).map_err(|error| bind_fault(address, &error))?;
            // Port 0: the first shard's choice holds for all.
            if let Some(chosen) = socket.local_addr().ok().and_then(|local| local.as_socket()) {
                address = chosen;
            }
            sockets.push(socket);
        }
        listening.push(address);
    }
    let mut admin = None;
    if let Some(listen) = &plan.admin {
        let address = listen.address;
        let socket =
            Listener::reserve(address, false).map_err(|error| bind_fault(address, &error))?;
        let chosen = socket.local_addr().ok().and_then(|local| local.as_socket());
        admin = Some((socket, chosen.unwrap_or(address)));
    }
    Ok(Bound {
        by_shard,
        listening,
        admin,
    })
}

/// Tells a port in use. Asked without sharing: SO_REUSEPORT would let us join another process's
/// port unseen.
fn nobody_listens(address: SocketAddr) -> Result<(), StartFault> {
    let probe = Listener::reserve(address, false);
    probe.map(drop).map_err(|error| bind_fault(address, &error))
}

/// Begins to take connections, right before there is who serves them.
fn listen_all(plan: &Plan, bound: &Bound) -> Result<(), StartFault> {
    // Another process may have begun to listen while the disks were prepared.
    bound
        .listening
        .iter()
        .copied()
        .try_for_each(nobody_listens)?;
    for sockets in &bound.by_shard {
        let each = sockets.iter().zip(&plan.listen).zip(&bound.listening);
        for ((socket, listen), address) in each {
            Listener::listen(socket, listen.backlog)
                .map_err(|error| bind_fault(*address, &error))?;
        }
    }
    if let Some((socket, address)) = &bound.admin {
        Listener::listen(socket, ADMIN_BACKLOG).map_err(|error| bind_fault(*address, &error))?;
    }
    Ok(())
}

fn bind_fault(address: SocketAddr, error: &std::io::Error) -> StartFault {
    let port = address.port();
    StartFault(match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "{address} is in use by another process; find it with `ss -ltnp 'sport = :{port}'`, \
             or choose another address"
        ),
        std::io::ErrorKind::AddrNotAvailable => {
            format!("{address} is not an address of this host; `ip address` lists those that are")
        }
        std::io::ErrorKind::PermissionDenied => format!(
            "no right to listen on {address}: ports below 1024 need root or CAP_NET_BIND_SERVICE"
        ),
        _ => format!("can't listen on {address}: {error}"),
    })
}

fn run(berth: Berth) -> Result<(), String> {
    if let Some(core) = berth.core {
        core_affinity::set_for_current(core);
    }
    rt::run(main(berth)).map_err(|error| rt::ring_advice(&error))?
}

/// One shard's life.
async fn main(mut berth: Berth) -> Result<(), String> {
    let disk = open_disk(&mut berth);
    let bell = berth.post.bell().map_err(|error| rt::ring_advice(&error))?;
    let shard = Shard::new(
        berth.id,
        berth.setting,
        berth.post,
        berth.siblings,
        berth.lines,
        berth.budget,
        disk,
    );
    if berth.distrust {
        shard.purges.borrow_mut().all(Force::Soft, rt::now());
    }
    let listeners = Rc::new(Listeners::default());
    for socket in berth.sockets {
        let listener = Listener::start(socket).map_err(|error| error.to_string())?;
        listeners.start(&shard, listener);
    }
    if let Some(socket) = berth.admin {
        let listener = Listener::start(socket).map_err(|error| error.to_string())?;
        admin::start(&shard, listener);
    }
    let panics = shard.counters.clone();
    rt::spawn(shard.clone().flush_forever(), move || panics.panics.add(1));
    if shard.disk.is_some() {
        let panics = shard.counters.clone();
        rt::spawn(behind::copy_forever(shard.clone()), move || {
            panics.panics.add(1)
        });
    }
    let (ours, panics) = (shard.clone(), shard.counters.clone());
    let at_stop = listeners.clone();
    rt::spawn(
        async move {
            let mut buffer = Buffer::with_capacity(8);
            loop {
                let mut handled = 0;
                let began_us = rt::now_us();
                while let Some((from, letter)) = ours.post.take() {
                    let is_long = matches!(letter, Letter::Disk(_));
                    // A fault of ours in one letter must not leave the shard deaf to the others.
                    let carry = AssertUnwindSafe(|| read(&ours, &at_stop, from, letter));
                    if catch_unwind(carry).is_err() {
                        ours.counters.panics.add(1);
                    }
                    handled += 1;
                    // An index that is found again comes in letters of thousands of records.
                    if is_long && rt::now_us() - began_us >= DISK_TURN_US {
                        handled = LETTERS_PER_TURN;
                    }
                    if handled >= LETTERS_PER_TURN {
                        break;
                    }
                }
                if handled >= LETTERS_PER_TURN {
                    // Others first; a timer, since a task that wakes itself would starve them.
                    rt::sleep(Duration::from_millis(1)).await;
                } else {
                    if ours.post.has_unsent() {
                        ours.post.flush();
                    }
                    buffer = ours.post.sleep(&bell, buffer).await;
                }
            }
        },
        move || panics.panics.add(1),
    );
    let _ = berth.ready.send(Ok(()));
    watch(&shard).await;
    Ok(())
}

/// Carries a letter out, to its end.
fn read(shard: &Rc<Shard>, listeners: &Listeners, from: usize, letter: Letter) {
    match letter {
        Letter::Ask { ticket, asked } => home::answer(shard, from, ticket, asked),
        Letter::Pull { ticket } => home::pull(shard, from, ticket),
        Letter::Leave { ticket } => home::leave(shard, from, ticket),
        Letter::Told { ticket, told } => {
            let joined = matches!(told, Told::Joined(_));
            if !shard.told(ticket, told) && joined {
                shard.send(from, Letter::Leave { ticket });
            }
        }
        Letter::Purge { ticket, key, force } => {
            let purge = purging::purge(shard, key, force);
            settle(shard, from, ticket, purge);
        }
        Letter::Decree { ticket, decree } => {
            let purge = purging::obey(shard, &decree);
            settle(shard, from, ticket, purge);
        }
        Letter::Ping { ticket } => tell(shard, from, ticket, Told::Settled),
        Letter::Keep(sent) => keeping::keep(shard, *sent),
        Letter::Outdated { object } => home::outdate(shard, &object),
        Letter::HeadSeen { ticket, seen } => shard.carry_out(async move |shard| {
            home::head_seen(shard, &seen).await;
            tell(shard, from, ticket, Told::Settled);
        }),
        Letter::Search { path, rule } => search::note(shard, path, rule),
        Letter::Inspect { ticket, asked } => shard.carry_out(async move |shard| {
            let found = Box::new(home::inspect(shard, &asked).await);
            tell(shard, from, ticket, Told::Inspected(found));
        }),
        Letter::Unmark { key } => shard.unmark(key),
        Letter::Promote { object } => promote::start(shard, object),
        Letter::LetGo { key } => shard.replicas.borrow_mut().let_go(key),
        Letter::Socket { arrived } => listen::serve(shard, arrived),
        Letter::Addresses {
            origin,
            server,
            addresses,
        } => {
            if let Some(pool) = shard.pools.get(usize::from(origin)) {
                pool.resolved(usize::from(server), addresses);
            }
        }
        Letter::Disk(news) => shard.hear_of_disk(*news),
        Letter::Stop => {
            shard.stopping.set(true);
            listeners.stop();
            shard.pools.iter().for_each(|pool| pool.close_all_idle());
        }
    }
}

/// Tells of a purge when it can't be undone any more by a crash.
fn settle(shard: &Rc<Shard>, to: usize, ticket: u64, purge: Purge) {
    if ticket == 0 {
        return;
    }
    match purge.at_once() {
        Ok(purged) => tell(shard, to, ticket, Told::Purged(purged)),
        Err(purge) => shard.carry_out(async move |shard| {
            let purged = purge.settled().await;
            tell(shard, to, ticket, Told::Purged(purged));
        }),
    }
}

fn tell(shard: &Shard, to: usize, ticket: u64, told: Told) {
    shard.send(to, Letter::Told { ticket, told });
}

/// Ticks until the shard has stopped and nothing is under way, or drain time is over.
async fn watch(shard: &Rc<Shard>) {
    let drain_ms = u64::try_from(shard.setting.limits().drain.as_millis()).unwrap_or(u64::MAX);
    let mut stopped_at = None;
    let mut last_us = rt::now_us();
    loop {
        rt::sleep(TICK).await;
        let now_us = rt::now_us();
        let late = (now_us - last_us).saturating_sub(TICK.as_micros() as u64);
        shard.counters.turn_us_max.raise(late);
        let now = rt::now();
        shard.tick(now);
        print(shard.messages.take());
        {
            let mut lines = shard.lines.borrow_mut();
            lines.hand_over();
            shard.counters.log_dropped.set(lines.dropped(shard.id == 0));
        }
        rt::sweep(now, shard.stopping.get());
        if shard.stopping.get() {
            let since = *stopped_at.get_or_insert(now);
            let quiet = shard.open() == 0 && shard.counters.flights_open.read() == 0;
            // A sibling may still read one of our flights: wait for all to be quiet.
            let all_quiet = shard.siblings.iter().all(|one| one.open.read() == 0);
            if (quiet && all_quiet) || now.since(since) >= drain_ms {
                shard.lines.borrow_mut().hand_over();
                if shard.disk.is_some() {
                    // What memory holds that was used, first.
                    behind::copy_all(shard).await;
                    shard.close_disk().await;
                }
                return;
            }
        }
        last_us = rt::now_us();
    }
}

/// Tells the operator, on a thread that may wait for the terminal. There are few messages.
fn print(messages: Vec<String>) {
    if messages.is_empty() {
        return;
    }
    let told = std::thread::Builder::new().spawn(move || {
        for message in messages {
            eprintln!("ringside: {message}");
        }
    });
    // Without threads the machine has other troubles.
    drop(told);
}

impl Crew {
    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.counters.len()
    }

    /// What all did so far.
    pub fn summary(&self) -> Summary {
        use ringside_engine::outcome::{Outcome, Reason};
        let hit = Outcome::Hit.index();
        let disk_hit = Outcome::DiskHit.index();
        let stale = Outcome::Stale(Reason::None).index();
        self.counters
            .iter()
            .fold(Summary::default(), |sum, one| Summary {
                requests: sum.requests + one.total(),
                hits: sum.hits
                    + one.requests[hit].read()
                    + one.requests[disk_hit].read()
                    + one.requests[stale].read(),
                sent_bytes: sum.sent_bytes + one.sent_bytes.read(),
                fetched_bytes: sum.fetched_bytes + one.fetched_bytes.read(),
            })
    }

    /// Stops accepting, lets what is under way end within the drain time, and returns.
    pub fn stop(mut self) -> Summary {
        while !self.outside.tell_all(|| Letter::Stop) {
            std::thread::sleep(Duration::from_millis(10));
        }
        self.join();
        self.summary()
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.stop();
        }
        if let Some(resolver) = self.resolver.take() {
            resolver.stop();
        }
        if let Some(writer) = self.writer.take() {
            writer.stop();
        }
    }

    /// Ends the shards that did start when another did not.
    fn abandon(mut self, why: String) -> StartFault {
        self.outside.tell_all(|| Letter::Stop);
        self.join();
        StartFault(why)
    }
}
