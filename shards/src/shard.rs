//! One core's state. It lives on its own thread, in an `Rc`, and never leaves it; what siblings
//! need of it they get by letter, and the few numbers they read are in `Counters`.

use crate::counters::{Counters, DiskCounters, DiskState};
use crate::log::Lines;
use crate::origin::Pool;
use crate::rt::{self, oneshot, Buffer, Gather, Sender, Waiting};
use crate::siblings::{Asked, Letter, Post, Told};
use crate::store::disk::{DeviceState, DeviceStatus, DiskCache, DiskNews};
use crate::store::flight::Guest;
use crate::store::object::{ToDisk, Version};
use crate::store::replicas::{KeyBits, KeyMap, Replica};
use crate::store::{Budget, Flight, Memory, Object, Piece, Replicas};
use ringside_config::{DiskRule, Limits, Plan, Site};
use ringside_engine::cache::Policy;
use ringside_engine::http::{HeadLimits, RequestHead};
use ringside_engine::key::{Key, KeyWriter, Seed};
use ringside_engine::limits;
use ringside_engine::purge::{About, Force, Purges, Verdict};
use ringside_engine::route::search::SearchRule;
use ringside_engine::route::{KeyRule, RouteId, Table};
use ringside_engine::time::{Mono, Wall};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Size of a connection's read buffer while something is under way.
pub const BUFFER_BYTES: usize = 16 * 1024;
/// Idle buffers, heads and gathers that are kept for the next request.
const SPARE_MAX: usize = 16;
/// Marks of keys that can't be shared; further ones are not remembered.
const MARKS_MAX: usize = 64 * 1024;

/// A map by ticket. Tickets are our own numbers, one after the other: they need no hashing.
type TicketMap<V> = HashMap<u64, V, std::hash::BuildHasherDefault<KeyBits>>;

/// What keeps the memory of a write alive.
#[derive(Clone)]
pub enum Keep {
    /// An object of this home.
    Object(Arc<Object>),
    /// A sibling's object.
    Replica(Replica),
    /// Content.
    Piece(Piece),
    /// Text of the program.
    Fixed(&'static [u8]),
}

impl AsRef<[u8]> for Keep {
    fn as_ref(&self) -> &[u8] {
        match self {
            Keep::Object(object) => object.data(),
            Keep::Replica(object) => object.data(),
            Keep::Piece(piece) => piece,
            Keep::Fixed(text) => text,
        }
    }
}

/// Keys whose last purge is remembered by itself.
const PURGED_MAX: usize = 4096;

/// When keys were purged last, in microseconds: what was asked for before, and comes later by
/// another way than a flight of the key, must not be stored.
#[derive(Default)]
pub struct PurgedKeys {
    last_us: KeyMap<u64>,
    order: VecDeque<(Key, u64)>,
    /// When any other key may have been purged last.
    others_us: u64,
}

impl PurgedKeys {
    /// Notes a purge; returns when the one before it was, or may have been.
    pub fn note(&mut self, key: Key, now_us: u64) -> u64 {
        let before_us = self.last_us(key);
        self.last_us.insert(key, now_us);
        self.order.push_back((key, now_us));
        while self.order.len() > PURGED_MAX {
            if let Some((oldest, at_us)) = self.order.pop_front() {
                self.others_us = self.others_us.max(at_us);
                if self.last_us.get(&oldest) == Some(&at_us) {
                    self.last_us.remove(&oldest);
                }
            }
        }
        before_us
    }

    /// When a key was purged last, or may have been; 0 for never.
    pub fn last_us(&self, key: Key) -> u64 {
        self.last_us.get(&key).copied().unwrap_or(self.others_us)
    }
}

/// Questions of one URL that are remembered, and URLs that have any.
const QUESTIONS_MAX: usize = 256;
const QUESTIONED_MAX: usize = 4096;

/// Keys of questions by their URL, so that a purge of that finds them.
#[derive(Default)]
pub struct Questions(KeyMap<Vec<Key>>);

impl Questions {
    /// Remembers that `question` is asked of `url`. Returns keys that can't be remembered any more:
    /// nothing may be stored for them from now on.
    pub fn note(&mut self, url: Key, question: Key) -> Vec<Key> {
        let mut forgotten = Vec::new();
        if self.0.len() >= QUESTIONED_MAX && !self.0.contains_key(&url) {
            if let Some(other) = self.0.keys().next().copied() {
                forgotten.append(&mut self.of(other));
            }
        }
        let known = self.0.entry(url).or_default();
        if !known.contains(&question) {
            if known.len() >= QUESTIONS_MAX {
                forgotten.push(known.remove(0));
            }
            known.push(question);
        }
        forgotten
    }

    /// Takes the questions of a URL.
    pub fn of(&mut self, url: Key) -> Vec<Key> {
        self.0.remove(&url).unwrap_or_default()
    }
}

/// Rules for the queries of paths; at most so many paths.
const SEARCHES_MAX: usize = 4096;

/// A rule of No-Vary-Search.
#[derive(PartialEq)]
pub struct Search {
    /// What it says.
    pub rule: SearchRule,
    /// Tells it from others: what was stored by another rule, or by none, is not found by this one.
    pub id: u64,
}

/// The rules of No-Vary-Search that were seen, by path.
#[derive(Default)]
pub struct Searches(KeyMap<Arc<Search>>);

impl Searches {
    /// The rule for a path, whose key `path` makes.
    pub fn rule(&self, path: impl FnOnce() -> Key) -> Option<&Arc<Search>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&path())
    }

    /// No path has a rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what a path's newest response says. At the bound, a further path gets no rule: its
    /// queries make keys as they are.
    pub fn note(&mut self, path: Key, rule: Option<Arc<Search>>) {
        match rule {
            None => {
                self.0.remove(&path);
            }
            Some(rule) if self.0.len() < SEARCHES_MAX || self.0.contains_key(&path) => {
                self.0.insert(path, rule);
            }
            Some(_) => {}
        }
    }
}

/// What one route needs at run time.
pub struct RouteFacts {
    /// How it caches.
    pub policy: Policy,
    /// What makes its keys.
    pub key_rule: KeyRule,
    /// Index of its origin.
    pub origin: usize,
    /// Stands for its site in the key.
    pub site: u16,
    to_disk: ToDisk,
    disk_bytes_max: u64,
}

impl RouteFacts {
    /// What brings the answer to a request to disk. By a `ruled` key, or by one of its content, it
    /// could not be purged after a restart.
    pub fn to_disk(&self, asked: &Asked, ruled: bool) -> ToDisk {
        match ruled || asked.content.is_some() {
            true => ToDisk::NEVER,
            false => self.to_disk,
        }
    }

    /// The same, for content of so many bytes.
    pub fn for_length(&self, to_disk: ToDisk, bytes: u64) -> ToDisk {
        match bytes > self.disk_bytes_max {
            true => ToDisk::NEVER,
            false => to_disk,
        }
    }
}

/// The Plan as the shards use it; shared by all, never changed.
pub struct Setting {
    /// What was asked.
    pub plan: Plan,
    /// Host and path to route.
    pub table: Table,
    /// By `RouteId`.
    pub routes: Vec<RouteFacts>,
    /// Response fields that hold tags.
    pub tags: Box<[Box<str>]>,
    /// For keyed hashes: as old as what is on disk.
    pub seed: Seed,
    /// Tells this process from those before it, which had the same seed.
    pub process: u64,
    /// Bounds of heads.
    pub head_limits: HeadLimits,
    /// Bodies that one shard may put into files, each with a descriptor of its own.
    pub files_max: usize,
}

impl Setting {
    /// Compiles a Plan. One shard may put `files_max` bodies into files.
    pub fn new(plan: Plan, seed: Seed, process: u64, files_max: usize) -> Setting {
        let table = Table::compile(&plan);
        let routes = (0..table.len())
            .filter_map(|id| {
                let (site, route) = table.indexes(RouteId(u32::try_from(id).ok()?));
                let asked = plan.sites.get(site)?.routes.get(route)?;
                let site_asked = plan.sites.get(site)?;
                Some(RouteFacts {
                    policy: Policy::of(&asked.cache, site_asked, &plan.control),
                    key_rule: KeyRule::new(&asked.cache.key),
                    origin: asked.origin,
                    site: site_number(site_asked),
                    to_disk: match asked.cache.disk {
                        DiskRule::Auto => ToDisk::after(asked.cache.disk_uses),
                        DiskRule::Always => ToDisk::AT_ONCE,
                        DiskRule::Never => ToDisk::NEVER,
                    },
                    disk_bytes_max: asked.cache.disk_object_bytes_max,
                })
            })
            .collect();
        let head_limits = HeadLimits {
            head_bytes: plan.limits.head_bytes,
            fields: plan.limits.fields,
            target_bytes: plan.limits.uri_bytes,
        };
        let tags = plan.control.tags.iter().map(|tag| tag.as_str().into());
        Setting {
            tags: tags.collect(),
            plan,
            table,
            routes,
            seed,
            process,
            head_limits,
            files_max,
        }
    }

    /// A route's facts.
    pub fn route(&self, id: RouteId) -> Option<&RouteFacts> {
        self.routes.get(id.0 as usize)
    }

    /// `[limits]`
    pub fn limits(&self) -> &Limits {
        &self.plan.limits
    }
}

/// A number for a site that does not change when others are added before it: what is on disk is to
/// be found again. Hosts are in the key themselves, so no two sites need to differ.
fn site_number(site: &Site) -> u16 {
    let mut writer = KeyWriter::new(Seed([0, 0]));
    for host in &site.hosts {
        writer.bytes(format!("{host:?}").as_bytes());
    }
    writer.finish().fold() as u16
}

/// One shard.
pub struct Shard {
    /// Its number, from 0.
    pub id: usize,
    /// How many shards there are.
    pub count: usize,
    /// The compiled Plan.
    pub setting: Arc<Setting>,
    /// Objects whose home it is.
    pub memory: RefCell<Memory>,
    /// What of it is on disk, if there is one.
    pub disk: Option<Rc<DiskCache>>,
    /// Handles to siblings' objects.
    pub replicas: RefCell<Replicas>,
    /// Flights that others may join, by key. Home only.
    pub flights: RefCell<KeyMap<Vec<Rc<Flight>>>>,
    /// Siblings' readers of flights here. Home only.
    pub guests: RefCell<HashMap<Guest, (Rc<Flight>, usize)>>,
    /// Keys whose responses can't be shared, until when (hit-for-miss).
    marks: RefCell<KeyMap<Mono>>,
    /// What was declared outdated, other than by its URL.
    pub purges: RefCell<Purges>,
    /// When the keys of this home were purged.
    pub purged: RefCell<PurgedKeys>,
    /// Keys of questions that were asked by QUERY, by the key of their URL. They have its home.
    pub questions: RefCell<Questions>,
    /// What makes the keys of a path's queries, where its responses say so (No-Vary-Search).
    pub searches: RefCell<Searches>,
    /// Connections to origins, by origin.
    pub pools: Vec<Pool>,
    /// What it counts.
    pub counters: Arc<Counters>,
    /// What all shards count, to compare loads.
    pub siblings: Arc<[Arc<Counters>]>,
    /// Log lines on their way.
    pub lines: RefCell<Lines>,
    /// Its post office.
    pub post: Post,
    /// No new work; what is under way ends.
    pub stopping: Cell<bool>,
    /// For the operator, until somebody who may wait prints them.
    pub messages: RefCell<Vec<String>>,
    budget: &'static Budget,
    wall: Cell<Wall>,
    open: Cell<usize>,
    flusher: Cell<Option<Waker>>,
    waiting: RefCell<TicketMap<Sender<Told>>>,
    tickets: Cell<u64>,
    buffers: RefCell<Vec<Buffer>>,
    // In boxes, so that a connection holds a pointer and the pools move one.
    #[allow(clippy::vec_box)]
    heads: RefCell<Vec<Box<RequestHead>>>,
    #[allow(clippy::vec_box)]
    gathers: RefCell<Vec<Box<Gather<Keep>>>>,
}

impl Shard {
    /// A shard that owns nothing yet.
    pub fn new(
        id: usize,
        setting: Arc<Setting>,
        post: Post,
        siblings: Arc<[Arc<Counters>]>,
        lines: Lines,
        budget: &'static Budget,
        disk: Option<Rc<DiskCache>>,
    ) -> Rc<Shard> {
        let counters = siblings[id].clone();
        let pools = setting.plan.origins.iter().map(Pool::new).collect();
        Rc::new(Shard {
            id,
            count: siblings.len(),
            memory: RefCell::new(Memory::new(budget, disk.clone())),
            disk,
            replicas: RefCell::new(Replicas::new(setting.plan.shards.replicas)),
            flights: RefCell::default(),
            guests: RefCell::default(),
            marks: RefCell::default(),
            purges: RefCell::new(Purges::new()),
            purged: RefCell::default(),
            questions: RefCell::default(),
            searches: RefCell::default(),
            pools,
            counters,
            siblings,
            lines: RefCell::new(lines),
            post,
            stopping: Cell::new(false),
            messages: RefCell::default(),
            budget,
            wall: Cell::new(rt::wall()),
            open: Cell::new(0),
            flusher: Cell::new(None),
            waiting: RefCell::default(),
            tickets: Cell::new(0),
            buffers: RefCell::default(),
            heads: RefCell::default(),
            gathers: RefCell::default(),
            setting,
        })
    }

    /// The wall clock, as of the last tick.
    pub fn wall(&self) -> Wall {
        self.wall.get()
    }

    /// The shard that owns `key`.
    pub fn home(&self, key: Key) -> usize {
        if self.count == 1 {
            0
        } else {
            key.home(self.count)
        }
    }

    /// The memory budget of this shard.
    pub fn budget(&self) -> &'static Budget {
        self.budget
    }

    /// Largest object this shard stores.
    pub fn object_bytes_max(&self) -> u64 {
        (self.budget.limit() / limits::OBJECT_SHARE) as u64
    }

    /// Largest response that is stored in fragments, which all shards hold together.
    pub fn whole_bytes_max(&self) -> u64 {
        self.object_bytes_max() * self.count as u64
    }

    // Reused memory.

    /// A read buffer, charged to the budget. `None`: no memory, close something.
    pub fn take_buffer(&self) -> Option<Buffer> {
        if let Some(buffer) = self.buffers.borrow_mut().pop() {
            return Some(buffer);
        }
        let charged = self.memory.borrow_mut().charge(BUFFER_BYTES);
        self.bury_dead();
        charged.then(|| Buffer::with_capacity(BUFFER_BYTES))
    }

    /// Gives a buffer back. One that had to grow for a large head is not kept.
    pub fn give_buffer(&self, mut buffer: Buffer) {
        if buffer.capacity() == 0 {
            // Never taken.
            return;
        }
        let mut spare = self.buffers.borrow_mut();
        if buffer.capacity() == BUFFER_BYTES && spare.len() < SPARE_MAX {
            buffer.clear();
            spare.push(buffer);
        } else {
            // Growth beyond BUFFER_BYTES was charged by `grow_buffer`.
            self.budget.release(buffer.capacity().max(BUFFER_BYTES));
        }
    }

    /// Lets a buffer hold a head of up to `bytes`, charged to the budget.
    pub fn grow_buffer(&self, buffer: &mut Buffer, bytes: usize) -> bool {
        let before = buffer.capacity();
        if before >= bytes {
            buffer.make_room(before);
            return true;
        }
        let charged = self.memory.borrow_mut().charge(bytes - before);
        self.bury_dead();
        if charged {
            buffer.make_room(bytes);
            // The allocator may have given more than was asked; charge what is there.
            let more = buffer.capacity().saturating_sub(bytes);
            if more > 0 && !self.budget.charge(more) {
                debug_assert!(false, "reserve_exact gave more than asked");
            }
        }
        charged
    }

    /// A head to parse into.
    pub fn take_head(&self) -> Box<RequestHead> {
        self.heads.borrow_mut().pop().unwrap_or_default()
    }

    /// Gives a head back.
    pub fn give_head(&self, head: Box<RequestHead>) {
        let mut spare = self.heads.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(head);
        }
    }

    /// An empty gather.
    pub fn take_gather(&self) -> Box<Gather<Keep>> {
        self.gathers.borrow_mut().pop().unwrap_or_else(Gather::new)
    }

    /// Gives a gather back; what it kept alive is let go.
    pub fn give_gather(&self, mut gather: Box<Gather<Keep>>) {
        gather.clear();
        let mut spare = self.gathers.borrow_mut();
        if spare.len() < SPARE_MAX {
            spare.push(gather);
        }
    }

    // Connections.

    /// Client connections open here.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Counts a connection until what it returns is dropped.
    pub fn enter(self: &Rc<Self>) -> OpenConnection {
        self.open.set(self.open.get() + 1);
        self.counters.open.set(self.open.get() as u64);
        OpenConnection(self.clone())
    }

    // Marks.

    /// This key's responses can't be shared for a while.
    pub fn mark(&self, key: Key, now: Mono) {
        let mut marks = self.marks.borrow_mut();
        if marks.len() < MARKS_MAX {
            marks.insert(
                key,
                Mono(now.0 + limits::HIT_FOR_MISS_SECONDS as u64 * 1000),
            );
        }
    }

    /// Responses of this key are worth sharing again.
    pub fn unmark(&self, key: Key) {
        self.marks.borrow_mut().remove(&key);
    }

    /// Is it useless to share fetches of this key?
    pub fn is_marked(&self, key: Key, now: Mono) -> bool {
        self.marks
            .borrow()
            .get(&key)
            .is_some_and(|until| now < *until)
    }

    /// How much longer fetches of this key are not shared, in milliseconds.
    pub fn marked_for_ms(&self, key: Key, now: Mono) -> Option<u64> {
        let until = *self.marks.borrow().get(&key)?;
        (now < until).then(|| until.since(now))
    }

    // Purges.

    /// May this object still be used? `about` is asked only where something was purged since.
    pub fn verdict<H: AsRef<[u8]>, T: AsRef<[u8]>>(
        &self,
        object: &Object,
        about: impl FnOnce() -> (H, T),
    ) -> Verdict {
        let purges = self.purges.borrow();
        let born = object.facts.born();
        if born > purges.latest() {
            return Verdict::Valid;
        }
        let (host, target) = about();
        let about = About {
            host: host.as_ref(),
            target: target.as_ref(),
            groups: object.notes().groups,
        };
        purges.verdict(born, &about)
    }

    /// Names a version of a stored response that no other has or had.
    pub fn version(&self, key: Key) -> Version {
        let mut writer = KeyWriter::new(self.setting.seed);
        writer.bytes(&key.0.to_le_bytes());
        writer.bytes(&self.id.to_le_bytes());
        writer.bytes(&self.ticket().to_le_bytes());
        // Tickets begin anew with each process, and what the last one stored is still there.
        writer.bytes(&self.setting.process.to_le_bytes());
        Version(writer.finish().fold())
    }

    // Letters.

    /// Does what a letter asks for where that takes its time, in a task of its own.
    pub fn carry_out<F>(self: &Rc<Self>, work: F)
    where
        F: AsyncFnOnce(&Rc<Shard>) + 'static,
    {
        let (ours, panics) = (self.clone(), self.counters.clone());
        rt::spawn(async move { work(&ours).await }, move || {
            panics.panics.add(1);
        });
    }

    /// Sends a letter with the others of this turn.
    pub fn send(&self, to: usize, letter: Letter) {
        if self.post.put(to, letter) {
            if let Some(waker) = self.flusher.take() {
                waker.wake();
            }
        }
    }

    /// Names a new conversation of letters.
    pub fn ticket(&self) -> u64 {
        self.tickets.set(self.tickets.get() + 1);
        self.tickets.get()
    }

    /// Sends a letter and gives what waits for the news it brings.
    pub fn demand(&self, to: usize, ticket: u64, letter: Letter) -> Waiting<Told> {
        let (sender, waiting) = oneshot();
        self.waiting.borrow_mut().insert(ticket, sender);
        self.send(to, letter);
        waiting
    }

    /// News arrived for a ticket. `false`: nobody waits for it any more.
    pub fn told(&self, ticket: u64, told: Told) -> bool {
        let sender = self.waiting.borrow_mut().remove(&ticket);
        match sender {
            Some(sender) if !sender.is_forgotten() => {
                sender.send(told);
                true
            }
            _ => false,
        }
    }

    /// Nobody waits for this ticket any more.
    pub fn forget(&self, ticket: u64) {
        self.waiting.borrow_mut().remove(&ticket);
    }

    /// Tells siblings to let go of what died here. Call after anything that may evict.
    pub fn bury_dead(&self) {
        if !self.memory.borrow().has_dead() {
            return;
        }
        let dead = self.memory.borrow_mut().take_dead();
        for (key, holders) in dead {
            for sibling in (0..self.count).filter(|sibling| holders >> (sibling % 32) & 1 == 1) {
                if sibling != self.id {
                    self.send(sibling, Letter::LetGo { key });
                }
            }
        }
    }

    /// The task that flushes the outboxes once per turn, after the tasks that filled them.
    pub async fn flush_forever(self: Rc<Self>) {
        loop {
            self.post.flush();
            let mut woken = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut woken, true) {
                    return Poll::Ready(());
                }
                self.flusher.set(Some(cx.waker().clone()));
                Poll::Pending
            })
            .await;
        }
    }

    /// What is done several times a second: clocks, levels, old marks.
    pub fn tick(&self, now: Mono) {
        let wall = rt::wall();
        // What has many entries is looked through once a second.
        let is_next_second = self.wall.replace(wall) != wall;
        if is_next_second {
            self.marks.borrow_mut().retain(|_, until| now < *until);
            self.pools.iter().for_each(|pool| pool.close_idle(now));
        }
        self.tick_disk(now);
        let memory = self.memory.borrow();
        let counters = &self.counters;
        counters.objects.set(memory.len() as u64);
        counters.stored_bytes.set(memory.stored_bytes() as u64);
        counters.evicted.set(memory.evicted());
        counters.memory_used.set(self.budget.used() as u64);
        counters.replicas.set(self.replicas.borrow().len() as u64);
        counters.letters.set(self.post.sent());
        if self.post.has_unsent() {
            self.post.flush();
        }
    }
}

/// What a shard does with its disk beside requests.
impl Shard {
    /// All purges by decree that are in force, as a disk keeps them.
    fn edicts(&self) -> Vec<u8> {
        let mut all = Vec::new();
        self.purges.borrow().write(&mut all);
        all
    }

    /// Takes in what the keeper has found. What was purged is known before anything is found.
    pub fn hear_of_disk(&self, news: DiskNews) {
        let Some(disk) = &self.disk else { return };
        if let DiskNews::Head { edicts, .. } = &news {
            let mut purges = self.purges.borrow_mut();
            let mut all_read = true;
            for statements in &edicts.payloads {
                all_read &= purges.read(statements);
            }
            // Nobody knows any more what was purged: all must be asked for again.
            // In a log that never had any, there is nothing of which some could be lost.
            if edicts.lost && edicts.next_generation > 1 || !all_read {
                purges.all(Force::Soft, rt::now());
            }
        }
        let written_ms = match &news {
            DiskNews::Sheet { sheet, .. } => sheet.sealed_ms,
            DiskNews::Recovered { walked, .. } => walked.latest_ms,
            _ => 0,
        };
        rt::not_before(Mono(written_ms.saturating_add(1)));
        disk.adopt(news, &|| self.edicts());
        self.charge_disk_index(disk);
    }

    /// What the disk's index takes is part of the memory budget; objects make room for it.
    fn charge_disk_index(&self, disk: &DiskCache) {
        disk.charge_index(&|bytes| self.memory.borrow_mut().make_room(bytes));
        self.bury_dead();
    }

    fn tick_disk(&self, now: Mono) {
        let Some(disk) = &self.disk else { return };
        disk.tick(now, &|| self.edicts());
        self.charge_disk_index(disk);
        self.messages.borrow_mut().extend(disk.take_messages());
        for status in disk.status() {
            if let Some(counters) = self.counters.disks.get(status.position) {
                fill(counters, &status);
            }
        }
    }

    /// Makes safe what is on disk.
    pub async fn close_disk(self: &Rc<Self>) {
        let Some(disk) = &self.disk else { return };
        disk.close().await;
    }
}

/// What is told of a disk.
fn fill(counters: &DiskCounters, status: &DeviceStatus) {
    let state = match &status.state {
        DeviceState::Recovering { done, of } => {
            counters.recovered.set(*done);
            counters.to_recover.set(*of);
            DiskState::Recovering
        }
        DeviceState::Up => DiskState::Up,
        DeviceState::Down { why } => {
            counters.note_why(why);
            DiskState::Down
        }
    };
    counters.state.set(state as u64);
    let pairs = [
        (&counters.size_bytes, status.bytes),
        (&counters.segments, u64::from(status.segments)),
        (&counters.segments_used, u64::from(status.filled_segments)),
        (&counters.records, status.records),
        (&counters.records_bytes, status.used_bytes),
        (&counters.index_bytes, status.index_bytes),
        (&counters.overwritten_age_ms, status.overwritten_age_ms),
        (&counters.write_rate_bytes, status.write_rate),
        (&counters.hits, status.hits),
        (&counters.misses, status.misses),
        (&counters.read_bytes, status.read_bytes),
        (&counters.reads_refused, status.refused_reads),
        (&counters.admitted, status.admitted),
        (&counters.admitted_bytes, status.admitted_bytes),
        (&counters.reinserted, status.reinserted),
        (&counters.reinserted_bytes, status.reinserted_bytes),
        (
            &counters.written_bytes,
            status.written_bytes + status.checkpoint_bytes,
        ),
        (&counters.dropped_unused, status.unused),
        (&counters.kills, status.kills),
        (&counters.checkpoints, status.checkpoints),
        (&counters.checksum_faults, status.checksum_errors),
        (&counters.read_faults, status.read_errors),
        (&counters.write_faults, status.write_errors),
        (&counters.downs, status.failures),
    ];
    let dropped = counters.dropped.iter().zip(status.dropped);
    for (counter, value) in pairs.into_iter().chain(dropped) {
        counter.set(value);
    }
}

/// Counts a client connection while it lives.
pub struct OpenConnection(Rc<Shard>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
        self.0.counters.open.set(self.0.open.get() as u64);
    }
}
