//! The real server against a model of it, under random histories: responses that change, requests
//! with directives and conditions, purges, unsafe requests, an origin that fails.
//!
//! Each history has a host of its own, and runs step by step beside others on one server; while one
//! purges the others pause, since any purge may keep any fetch that is under way from storing. What
//! a client saw and whether the origin was asked must be among what the model allows. At the first
//! difference the seed and the whole story are told.
//!
//! With a disk, little memory and somebody who fills it all the time, what is stored moves to disk
//! and back, and may be forgotten when the disk is busy; now and then the server is killed. What was
//! purged or replaced must stay so.
//!
//! ```text
//! RINGSIDE_SEED=n    begin with this seed: that of a failure replays it
//! RINGSIDE_ROUNDS=n  so many histories
//! ```

mod arena;
mod cache;
mod dice;
mod seen;
mod world;

use arena::Arena;
use cache::{changed, crashed, forgotten, get, purged, Outcome, Reach, State, Wish};
use dice::Dice;
use ringside_tests::{check_restarting, wait_until, Ask, Client, Reply, Setup, Stage};
use seen::Seen;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use world::{group_of, Failure, Kind, Life, Say, World};

/// Histories, on each number of shards.
const ROUNDS: u64 = 150;
/// The same, where there is a disk.
const ROUNDS_WITH_DISK: u64 = 80;
/// Histories side by side.
const THREADS: usize = 6;
const STEPS: usize = 24;
/// URLs of one history.
const PATHS: [&str; 2] = ["/a", "/b"];
/// States of one URL; where the model knows less, the history ends.
const STATES_MAX: usize = 4000;

#[test]
fn the_server_does_only_what_a_cache_may_do() {
    check_restarting(&[1, 2], &Setup::new(), |stage| {
        play(&Arena::new(stage, false), ROUNDS);
    });
}

#[test]
fn nor_does_it_more_with_a_disk() {
    let setup = Setup::new().memory_each(8).disk_each(96);
    let setup = setup.route("cache.disk_uses = 0").more(arena::FLOOD);
    check_restarting(&[2], &setup, |stage| {
        let arena = Arena::new(stage, true);
        play(&arena, ROUNDS_WITH_DISK);
        let hits = arena.hits_from_disk();
        assert!(hits > 0.0, "nothing came from disk");
    });
}

/// Plays so many histories, side by side.
fn play(arena: &Arena<'_>, rounds: u64) {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(value) => value.parse().expect("a number"),
        Err(_) => default,
    };
    let (first, rounds) = (
        number("RINGSIDE_SEED", 1),
        number("RINGSIDE_ROUNDS", rounds),
    );
    let world = World::default();
    let origin = world.clone();
    arena
        .together()
        .origin
        .on_each("/*", move |received, _| origin.answer(received));
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        let work = || {
            let _last = Last(&next);
            let mut clients = clients(&arena.together());
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + rounds {
                    return;
                }
                History::new(arena, &world, seed, &mut clients).run();
            }
        };
        let filling = scope.spawn(|| arena.fill());
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        let ends: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        arena.end();
        for end in ends.into_iter().chain([filling.join()]) {
            if let Err(why) = end {
                std::panic::resume_unwind(why);
            }
        }
    });
}

/// Connections to every shard.
fn clients(stage: &Stage) -> Vec<Client> {
    let mut clients = stage.clients();
    clients.push(stage.client());
    clients.push(stage.client());
    clients
}

/// Once one history has failed, no other begins.
struct Last<'a>(&'a AtomicU64);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(u64::MAX / 2, Ordering::Relaxed);
        }
    }
}

/// One URL of a history.
struct Url {
    path: &'static str,
    /// Its place in the world.
    name: String,
    states: BTreeSet<State>,
    /// Requests at the origin that are accounted for.
    counted: u32,
}

struct History<'a, 's> {
    arena: &'a Arena<'s>,
    world: &'a World,
    /// Lives of the server that are accounted for.
    lives: u64,
    seed: u64,
    host: String,
    dice: Dice,
    clients: &'a mut Vec<Client>,
    urls: Vec<Url>,
    versions: u32,
    story: String,
}

impl<'a, 's> History<'a, 's> {
    fn new(
        arena: &'a Arena<'s>,
        world: &'a World,
        seed: u64,
        clients: &'a mut Vec<Client>,
    ) -> Self {
        let host = format!("h{seed}.test");
        let urls = PATHS.map(|path| Url {
            path,
            name: format!("{host}{path}"),
            states: BTreeSet::from([State::default()]),
            counted: 0,
        });
        History {
            arena,
            world,
            // Clients of an earlier one are replaced when the first step finds them.
            lives: 0,
            seed,
            host,
            dice: Dice(seed),
            clients,
            urls: urls.into(),
            versions: 0,
            story: String::new(),
        }
    }

    fn run(mut self) {
        for at in 0..self.urls.len() {
            self.publish(at);
        }
        for _ in 0..STEPS {
            let at = self.dice.below(self.urls.len());
            let step = self.dice.below(100);
            let arena = self.arena;
            if step >= 89 {
                let mut alone = arena.alone();
                self.account_for_crashes(&alone);
                match step {
                    89..=94 => self.purge(&alone, at),
                    95 if arena.has_disk => arena.crash(&mut alone),
                    _ => self.post(&alone, at),
                }
                next_millisecond();
            } else {
                let together = arena.together();
                self.account_for_crashes(&together);
                match step {
                    0..=56 => self.get(&together, at),
                    57..=64 => self.burst(&together, at),
                    65..=76 => self.publish(at),
                    77..=82 => self.describe(at),
                    _ => self.fail(at),
                }
            }
            if self.urls.iter().any(|url| url.states.len() > STATES_MAX) {
                return;
            }
        }
        // Nothing is left that the origin was to be asked, or should not have been.
        let together = self.arena.together();
        self.account_for_crashes(&together);
        for at in 0..self.urls.len() {
            self.catch_up(at);
        }
    }

    /// The server may have been killed since the last step.
    fn account_for_crashes(&mut self, stage: &Stage) {
        let lives = self.arena.lives();
        if self.lives == lives {
            return;
        }
        self.lives = lives;
        *self.clients = clients(stage);
        self.tell("the server was killed");
        for url in &mut self.urls {
            url.states = crashed(&url.states);
        }
    }

    fn tell(&mut self, line: &str) {
        let _ = writeln!(self.story, "  {line}");
    }

    /// Another version.
    fn publish(&mut self, at: usize) {
        self.versions += 1;
        let life = self.life();
        let say = Say {
            version: self.versions,
            status: if self.dice.percent(90) { 200 } else { 404 },
            life,
            tagged: self.dice.percent(75),
            varies: self.dice.percent(30),
            grouped: self.dice.percent(50),
        };
        self.change(at, say);
    }

    /// The same version, said otherwise.
    fn describe(&mut self, at: usize) {
        let say = self.world.place(&self.urls[at].name).say;
        let life = self.life();
        let grouped = self.dice.percent(50);
        self.change(
            at,
            Say {
                life,
                grouped,
                ..say
            },
        );
    }

    fn life(&mut self) -> Life {
        // What can't be stored makes the model know little: seldom.
        let life = self.dice.one(&Life::ALL);
        match life {
            Life::NoStore | Life::Private if self.dice.percent(60) => Life::Fresh,
            life => life,
        }
    }

    fn change(&mut self, at: usize, say: Say) {
        self.tell(&format!("{}: the origin says {say:?}", PATHS[at]));
        let name = self.urls[at].name.clone();
        let fails = self.world.find(&name).and_then(|place| place.fails);
        self.world.set(&name, say, fails);
        self.origin_changed(at);
    }

    fn fail(&mut self, at: usize) {
        let name = self.urls[at].name.clone();
        let place = self.world.place(&name);
        let fails = match place.fails {
            Some(_) => None,
            None => {
                Some(
                    self.dice
                        .one(&[Failure::Status(500), Failure::Status(503), Failure::Close]),
                )
            }
        };
        self.tell(&format!("{}: the origin fails: {fails:?}", PATHS[at]));
        self.world.set(&name, place.say, fails);
        self.origin_changed(at);
    }

    fn origin_changed(&mut self, at: usize) {
        let url = &mut self.urls[at];
        url.states = changed(&url.states, &self.world.place(&url.name));
    }

    fn request(&mut self, at: usize, kind: Kind) -> Ask {
        let ask = Ask::get(self.urls[at].path).host(&self.host);
        match kind {
            0 => ask,
            kind => ask.field("X-Kind", kind.to_string()),
        }
    }

    /// Sends a request on some connection, and reads the answer.
    fn exchange(&mut self, stage: &Stage, ask: &Ask) -> Reply {
        let client = self.dice.below(self.clients.len());
        let reply = self.clients[client].ask(ask);
        self.look_after(stage, client, &reply);
        reply
    }

    fn look_after(&mut self, stage: &Stage, client: usize, reply: &Reply) {
        assert!(reply.complete, "the content broke off: {reply:#?}");
        if !reply.keeps_alive() {
            self.clients[client] = stage.client();
        }
    }

    fn get(&mut self, stage: &Stage, at: usize) {
        self.forget(at);
        let kind = self.dice.one(&[0, 0, 1, 2]);
        let wish = match self.dice.percent(65) {
            true => Wish::Nothing,
            false => self.dice.one(&Wish::ALL),
        };
        let mut ask = self.request(at, kind);
        if let Some(directive) = wish.directive() {
            ask = ask.field("Cache-Control", directive);
        }
        // Often a tag that was or is good.
        let condition = self.dice.percent(20).then(|| {
            let version = self.versions - (self.dice.below(3) as u32).min(self.versions);
            match self.dice.percent(50) {
                true => format!("{version}"),
                false => format!("{version} for {kind}"),
            }
        });
        if let Some(content) = &condition {
            ask = ask.field("If-None-Match", format!("\"{content}\""));
        }
        let origin = self.world.place(&self.urls[at].name);
        let reply = self.exchange(stage, &ask);
        let asked = self.take_asked(at);
        let seen = Seen {
            reply: &reply,
            condition: condition.as_deref(),
        };
        self.tell(&format!(
            "{}: GET, kind {kind}, {wish:?}, If-None-Match {condition:?}: {seen}, asked {asked}",
            PATHS[at]
        ));
        let states = self.urls[at].states.iter();
        let allowed: Vec<Outcome> = states
            .flat_map(|state| get(state, kind, wish, &origin))
            .collect();
        let mut left = BTreeSet::new();
        for outcome in allowed.iter().filter(|outcome| seen.is(outcome)) {
            for arrived in 0..=outcome.next.due.min(asked) {
                let (least, most) = outcome.asked;
                if (least..=most).contains(&(asked - arrived)) {
                    let mut next = outcome.next.clone();
                    next.due -= arrived;
                    left.insert(next);
                }
            }
        }
        if left.is_empty() {
            self.differs(at, &allowed);
        }
        self.urls[at].states = left;
        self.catch_up(at);
    }

    /// What is on its way to disk may be dropped.
    fn forget(&mut self, at: usize) {
        if self.arena.has_disk {
            let url = &mut self.urls[at];
            url.states = forgotten(&url.states);
        }
    }

    /// Several ask the same at once.
    fn burst(&mut self, stage: &Stage, at: usize) {
        const CLIENTS: usize = 3;
        self.forget(at);
        let kind = self.dice.one(&[0, 0, 1]);
        let ask = self.request(at, kind);
        let origin = self.world.place(&self.urls[at].name);
        let first = self.dice.below(self.clients.len());
        let all = |number: usize, count: usize| (first + number) % count;
        for number in 0..CLIENTS {
            let client = all(number, self.clients.len());
            self.clients[client].send(ask.bytes());
        }
        let replies: Vec<Reply> = (0..CLIENTS)
            .map(|number| {
                let client = all(number, self.clients.len());
                let reply = self.clients[client].reply();
                self.look_after(stage, client, &reply);
                reply
            })
            .collect();
        let asked = self.take_asked(at);
        let seen: Vec<Seen<'_>> = replies
            .iter()
            .map(|reply| Seen {
                reply,
                condition: None,
            })
            .collect();
        let words: Vec<String> = seen.iter().map(ToString::to_string).collect();
        self.tell(&format!(
            "{}: {CLIENTS} GET at once, kind {kind}: {}, asked {asked}",
            PATHS[at],
            words.join(" and ")
        ));
        // In whatever order they come, each finds one of these states.
        let ask = |states: &BTreeSet<State>| -> Vec<Outcome> {
            let each = states.iter();
            each.flat_map(|state| get(state, kind, Wish::Nothing, &origin))
                .collect()
        };
        let mut states = self.urls[at].states.clone();
        let mut allowed = ask(&states);
        let (least, most) = asked_at_once(&allowed, &ask, CLIENTS as u32);
        for _ in 0..CLIENTS {
            allowed = ask(&states);
            states.extend(allowed.iter().map(|outcome| outcome.next.clone()));
        }
        let due = states.iter().map(|state| state.due).max().unwrap_or(0);
        let fits = |seen: &Seen<'_>| allowed.iter().any(|outcome| seen.is(outcome));
        if !(least..=most + due).contains(&asked) || !seen.iter().all(fits) {
            self.tell(&format!("the origin asked {least} to {}", most + due));
            self.differs(at, &allowed);
        }
        // How many of those in the background were among them is not known.
        let mut left = BTreeSet::new();
        for state in states {
            left.extend((0..=state.due).map(|due| state.with_due(due)));
        }
        self.urls[at].states = left;
        self.catch_up(at);
    }

    fn purge(&mut self, stage: &Stage, at: usize) {
        let soft = self.dice.percent(50);
        let (url, prefix, group) = (
            format!("http://{}", self.urls[at].name),
            format!("http://{}/", self.host),
            group_of(&self.host),
        );
        let (parameters, reach, whose) = match self.dice.below(3) {
            0 => (vec![("url", url.as_str())], Reach::All, at..at + 1),
            1 => (
                vec![("prefix", prefix.as_str())],
                Reach::All,
                0..self.urls.len(),
            ),
            _ => (
                vec![("group", group.as_str()), ("host", self.host.as_str())],
                Reach::Group,
                0..self.urls.len(),
            ),
        };
        let soft_too: &[(&str, &str)] = if soft { &[("soft", "")] } else { &[] };
        let parameters = [&parameters, soft_too].concat();
        let line = format!("purge of {parameters:?}");
        stage.ringside.purge_by(&parameters);
        self.tell(&line);
        for url in &mut self.urls[whose] {
            url.states = purged(&url.states, reach, soft);
        }
    }

    fn post(&mut self, stage: &Stage, at: usize) {
        let groups = self.dice.percent(40);
        let mut ask = Ask::post(self.urls[at].path, "x").host(&self.host);
        if groups {
            ask = ask.field("X-Invalidate", format!("\"{}\"", group_of(&self.host)));
        }
        let fails = self.world.place(&self.urls[at].name).fails;
        let reply = self.exchange(stage, &ask);
        self.tell(&format!(
            "{}: POST, invalidates the group: {groups}: {}",
            PATHS[at], reply.status
        ));
        if reply.status != fails.map_or(200, Failure::status) {
            self.differs(at, &[]);
        }
        if fails.is_some() {
            return;
        }
        for (number, url) in self.urls.iter_mut().enumerate() {
            if number == at {
                url.states = purged(&url.states, Reach::All, false);
            } else if groups {
                url.states = purged(&url.states, Reach::Group, false);
            }
        }
    }

    /// Requests at the origin since the last time.
    fn take_asked(&mut self, at: usize) -> u32 {
        let url = &mut self.urls[at];
        let count = self.world.place(&url.name).asked;
        count - std::mem::replace(&mut url.counted, count)
    }

    /// Waits for the validations in the background that must be on their way, and gives the others
    /// the time to arrive.
    fn catch_up(&mut self, at: usize) {
        while self.urls[at].states.iter().any(|state| state.due > 0) {
            let url = &self.urls[at];
            let (world, counted) = (self.world, url.counted);
            let must = url.states.iter().all(|state| state.due > 0);
            if must {
                let story = format!("seed {}, {}:\n{}", self.seed, url.path, self.story);
                let what = format!("a validation in the background; {story}");
                wait_until(&what, || world.place(&url.name).asked > counted);
            } else {
                self.settle();
            }
            let arrived = self.take_asked(at);
            if arrived == 0 {
                return;
            }
            self.tell(&format!("{}: asked {arrived} more", PATHS[at]));
            let states = std::mem::take(&mut self.urls[at].states);
            let left = states.iter().filter(|state| state.due >= arrived);
            self.urls[at].states = left
                .map(|state| state.with_due(state.due - arrived))
                .collect();
            if self.urls[at].states.is_empty() {
                self.urls[at].states = states;
                self.differs(at, &[]);
            }
        }
    }

    /// Every shard reads what has come, twice.
    fn settle(&mut self) {
        let ping = Ask::new("OPTIONS", "/").field("Max-Forwards", "0");
        for _ in 0..2 {
            for client in self.clients.iter_mut() {
                client.ask(&ping);
            }
        }
    }

    fn differs(&self, at: usize, allowed: &[Outcome]) -> ! {
        let mut expected: Vec<String> = allowed
            .iter()
            .map(|outcome| {
                let (least, most) = outcome.asked;
                let due = outcome.next.due;
                format!(
                    "{} {:?}, asked {least} to {most}, {due} more to come",
                    outcome.status, outcome.content
                )
            })
            .collect();
        expected.sort();
        expected.dedup();
        panic!(
            "\nthe last step is none that a cache may do, with {} shard(s).\n\
             RINGSIDE_SEED={} RINGSIDE_ROUNDS=1 replays this:\n{}\nallowed was:\n  {}\nin {}:\n{:#?}\n",
            self.arena.shards,
            self.seed,
            self.story,
            expected.join("\n  "),
            PATHS[at],
            self.urls[at].states
        );
    }
}

/// How often the origin may be asked, at least and at most, when so many ask at once.
fn asked_at_once(
    first: &[Outcome],
    ask: &dyn Fn(&BTreeSet<State>) -> Vec<Outcome>,
    clients: u32,
) -> (u32, u32) {
    let next: BTreeSet<State> = first.iter().map(|outcome| outcome.next.clone()).collect();
    let least = first
        .iter()
        .map(|outcome| outcome.asked.0)
        .min()
        .unwrap_or(0);
    let most = first
        .iter()
        .map(|outcome| outcome.asked.1)
        .max()
        .unwrap_or(0);
    // What one of them fetches for all: those who come while it is under way join it, those who
    // come later find it.
    let shared = ask(&next).iter().all(|outcome| outcome.asked == (0, 0));
    match shared {
        true => (least, most),
        false => (least, most.max(1) * clients),
    }
}

/// A response that was asked for in the millisecond of a purge counts as one from before. This
/// orders nothing: it only lets the clock go on.
fn next_millisecond() {
    std::thread::sleep(Duration::from_millis(2));
}
