//! The model: a shared cache for one URL, too simple to be wrong, as a set of states that it may
//! be in.
//!
//! What a shared cache does is not all laid down (RFC 9111 says "may" a lot), and some of it
//! happens beside the requests. So each step gives every outcome that is allowed in any state,
//! and what was seen of it leaves the states that it fits. When none is left, the cache has done
//! what it must not do.

use super::world::{Failure, Kind, Life, Place, Say};
use std::collections::BTreeSet;

/// A stored response.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Held {
    say: Say,
    /// The kind of request that selects it; any, when it does not vary.
    kind: Option<Kind>,
    /// The kind of request that it was the answer to: its content tells.
    of: Kind,
    fresh: bool,
}

impl Held {
    fn new(say: Say, kind: Kind) -> Held {
        Held {
            say,
            kind: say.varies.then_some(kind),
            of: kind,
            fresh: matches!(
                say.life,
                Life::Fresh | Life::Shared | Life::Older | Life::FreshWhile | Life::NoCache
            ),
        }
    }

    fn answers(&self, kind: Kind) -> bool {
        self.kind.is_none_or(|own| own == kind)
    }

    /// Both can be selected by one request.
    fn overlaps(&self, other: &Held) -> bool {
        self.kind.is_none() || other.kind.is_none()
    }

    /// It may be served as it is.
    fn is_good(&self) -> bool {
        self.fresh && self.say.life != Life::NoCache
    }

    /// It may be served stale at all (RFC 9111, 4.2.4).
    fn may_be_stale(&self) -> bool {
        !matches!(self.say.life, Life::Must | Life::Shared | Life::NoCache)
    }

    fn stands_in(&self) -> bool {
        self.may_be_stale() && self.say.life != Life::NoStandIn
    }
}

/// May a response be stored, or must it be?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storable {
    Yes,
    /// It would be of little use.
    Perhaps,
    No,
}

fn storable(say: Say) -> Storable {
    match say.life {
        Life::NoStore | Life::Private => Storable::No,
        Life::Fresh | Life::Shared | Life::Older | Life::FreshWhile => Storable::Yes,
        // What can be validated is worth keeping.
        _ if say.tagged && say.status == 200 => Storable::Yes,
        _ => Storable::Perhaps,
    }
}

/// A validation in the background.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pending {
    kind: Kind,
    /// What the origin says, or the status that its failure comes to.
    answer: Result<Say, u16>,
    /// A soft purge came meanwhile: what it brings is stale.
    outdated: bool,
}

/// One state that the cache may be in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State {
    /// The latest last.
    held: Vec<Held>,
    /// Some response could not be shared: for a while requests may go past the cache.
    marked: bool,
    pending: Option<Pending>,
    /// Requests of background validations that the origin has not seen yet.
    pub(crate) due: u32,
}

/// What a client asks for besides the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Nothing,
    NoCache,
    MaxAge0,
    MinFresh,
    MaxStale,
    NoStore,
    OnlyIfCached,
}

impl Wish {
    pub(crate) const ALL: [Wish; 7] = [
        Wish::Nothing,
        Wish::NoCache,
        Wish::MaxAge0,
        Wish::MinFresh,
        Wish::MaxStale,
        Wish::NoStore,
        Wish::OnlyIfCached,
    ];

    /// Its directive.
    pub(crate) fn directive(self) -> Option<&'static str> {
        match self {
            Wish::Nothing => None,
            Wish::NoCache => Some("no-cache"),
            Wish::MaxAge0 => Some("max-age=0"),
            Wish::MinFresh => Some("min-fresh=100000"),
            Wish::MaxStale => Some("max-stale=100000"),
            Wish::NoStore => Some("no-store"),
            Wish::OnlyIfCached => Some("only-if-cached"),
        }
    }

    /// Nothing that is stored will do, stale or not.
    fn insists(self) -> bool {
        matches!(self, Wish::NoCache | Wish::MaxAge0 | Wish::MinFresh)
    }
}

/// What a client may see, what the origin sees, and what the cache is like afterwards.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) status: u16,
    /// The content, when it is not an error page.
    pub(crate) content: Option<String>,
    /// The response has an entity tag that a condition is compared with.
    pub(crate) tagged: bool,
    /// Requests at the origin before the client has its answer: at least, at most.
    pub(crate) asked: (u32, u32),
    pub(crate) next: State,
}

/// A connection that closed is tried again.
const TRIES_MAX: u32 = 3;
/// A validation may be so quick that the stale response is gone when it is to be taken. What took
/// its place may be stale again, and be validated again; after some of that the request goes alone.
const HURRIES_MAX: u32 = 4;

impl State {
    /// The same, with so many requests still to come.
    pub(crate) fn with_due(&self, due: u32) -> State {
        State {
            due,
            ..self.clone()
        }
    }

    fn selected(&self, kind: Kind) -> Option<&Held> {
        self.held.iter().rev().find(|held| held.answers(kind))
    }

    /// The states after a response was received and stored, if it was. An outdated one was asked
    /// for before a soft purge.
    fn received(&self, say: Say, kind: Kind, outdated: bool) -> Vec<State> {
        let mut all = Vec::new();
        let allowed = storable(say);
        if allowed != Storable::No {
            let mut new = Held::new(say, kind);
            new.fresh &= !outdated;
            let mut next = self.clone();
            next.held.retain(|held| held.kind != new.kind);
            let mut alone = next.clone();
            alone.held.retain(|held| !held.overlaps(&new));
            for mut next in [next, alone] {
                next.held.push(new.clone());
                all.push(next);
            }
        }
        if allowed != Storable::Yes || self.marked || outdated {
            let mut next = self.clone();
            next.marked |= allowed != Storable::Yes;
            let mut less = next.clone();
            all.push(next);
            // What it should have replaced is kept or not.
            let replaced = less.selected(kind).cloned();
            less.held.retain(|held| Some(held) != replaced.as_ref());
            all.push(less);
        }
        all
    }

    /// The states in which the pending validation has come to its end: with what it brought, or, as
    /// any purge may keep it from storing, without.
    fn settled(&self) -> Vec<State> {
        let mut next = self.clone();
        let Some(pending) = next.pending.take() else {
            return Vec::new();
        };
        let mut all = match pending.answer {
            Ok(say) => next.received(say, pending.kind, pending.outdated),
            Err(_) => Vec::new(),
        };
        all.push(next);
        all
    }

    /// A validation in the background begins, if none is under way.
    fn validating(&self, kind: Kind, origin: &Place) -> Vec<State> {
        let tries = match origin.fails {
            Some(Failure::Close) => TRIES_MAX,
            _ => 1,
        };
        let begun = (1..=tries).map(|due| {
            let mut begun = self.clone();
            begun.pending = Some(Pending {
                kind,
                answer: answer_of(origin),
                outdated: false,
            });
            begun.due += due;
            begun
        });
        match &self.pending {
            None => begun.collect(),
            // One from before a purge need not count.
            Some(Pending { outdated: true, .. }) => begun.chain([self.clone()]).collect(),
            Some(_) => vec![self.clone()],
        }
    }
}

fn answer_of(origin: &Place) -> Result<Say, u16> {
    match origin.fails {
        Some(failure) => Err(failure.status()),
        None => Ok(origin.say),
    }
}

/// All that is allowed when a client asks, from one state.
pub(crate) fn get(state: &State, kind: Kind, wish: Wish, origin: &Place) -> Vec<Outcome> {
    let mut outcomes = Outcomes {
        kind,
        wish,
        origin: *origin,
        all: Vec::new(),
        begun: BTreeSet::new(),
    };
    let mut found = BTreeSet::from([state.clone()]);
    found.extend(state.settled());
    for hurry in 0..=HURRIES_MAX {
        for state in &found {
            outcomes.from(state);
            if hurry > 0 {
                outcomes.pass(state, state.selected(kind));
            }
        }
        let begun = std::mem::take(&mut outcomes.begun);
        found = begun.iter().flat_map(State::settled).collect();
    }
    outcomes.all
}

struct Outcomes {
    kind: Kind,
    wish: Wish,
    origin: Place,
    all: Vec<Outcome>,
    /// States in which a validation in the background has just begun.
    begun: BTreeSet<State>,
}

impl Outcomes {
    fn from(&mut self, state: &State) {
        let selected = state.selected(self.kind).cloned();
        if self.wish == Wish::NoStore {
            return self.pass(state, None);
        }
        if state.marked && self.wish != Wish::OnlyIfCached {
            self.pass(state, selected.as_ref());
        }
        let usable = selected.filter(|_| !self.wish.insists());
        if let Some(held) = &usable {
            if held.is_good() {
                return self.serve(held, (0, 0), vec![state.clone()]);
            }
            let only = self.wish == Wish::OnlyIfCached;
            let takes_stale = self.wish == Wish::MaxStale;
            let validates = matches!(held.say.life, Life::While | Life::FreshWhile);
            if held.may_be_stale() && (takes_stale || (only && validates)) {
                self.serve(held, (0, 0), vec![state.clone()]);
            }
            if validates {
                let mut begun = state.validating(self.kind, &self.origin);
                if state.marked {
                    begun.push(state.clone());
                }
                self.serve(held, (0, 0), begun.clone());
                self.begun.extend(begun);
                if !only {
                    return;
                }
            }
        }
        if self.wish == Wish::OnlyIfCached {
            return self.error(504, (0, 0), state.clone());
        }
        self.join(state, usable.as_ref());
        self.ask(state, usable.as_ref());
    }

    /// The answer of a validation that is under way is taken for this request as well.
    fn join(&mut self, state: &State, usable: Option<&Held>) {
        let Some(pending) = state.pending.clone() else {
            return;
        };
        if self.wish == Wish::NoCache || pending.outdated {
            return;
        }
        let mut next = state.clone();
        next.pending = None;
        match pending.answer {
            Ok(say) if !say.varies || pending.kind == self.kind => {
                let next = next.received(say, pending.kind, false);
                self.said(say, (0, 0), next);
            }
            Ok(_) => {}
            Err(status) => self.failed(status, usable, (0, 0), next),
        }
    }

    /// The origin is asked for this request, and its answer stored.
    fn ask(&mut self, state: &State, usable: Option<&Held>) {
        let mut state = state.clone();
        if self.wish == Wish::NoCache {
            // It is newer than what is under way.
            state.pending = None;
        }
        if let Some(failure) = self.origin.fails {
            return self.failed(failure.status(), usable, (1, TRIES_MAX), state);
        }
        let most = if state.pending.is_some() { 2 } else { 1 };
        let next = state.received(self.origin.say, self.kind, false);
        self.said(self.origin.say, (1, most), next);
    }

    /// The origin is asked for this request alone.
    fn pass(&mut self, state: &State, usable: Option<&Held>) {
        if let Some(failure) = self.origin.fails {
            for usable in [None, usable.filter(|_| !self.wish.insists())] {
                self.failed(failure.status(), usable, (1, TRIES_MAX), state.clone());
            }
            return;
        }
        let mut next = vec![state.clone()];
        if self.wish != Wish::NoStore {
            next.extend(state.received(self.origin.say, self.kind, false));
        }
        self.said(self.origin.say, (1, TRIES_MAX), next);
    }

    fn failed(&mut self, status: u16, usable: Option<&Held>, asked: (u32, u32), next: State) {
        match usable.filter(|held| held.is_good() || held.stands_in()) {
            Some(held) => self.serve(held, asked, vec![next]),
            None => self.error(status, asked, next),
        }
    }

    fn serve(&mut self, held: &Held, asked: (u32, u32), next: Vec<State>) {
        self.push(held.say, held.of, asked, next);
    }

    fn said(&mut self, say: Say, asked: (u32, u32), next: Vec<State>) {
        self.push(say, self.kind, asked, next);
    }

    fn push(&mut self, say: Say, kind: Kind, asked: (u32, u32), next: Vec<State>) {
        for next in next {
            self.all.push(Outcome {
                status: say.status,
                content: Some(say.content(kind)),
                tagged: say.tagged && say.status == 200,
                asked,
                next,
            });
        }
    }

    fn error(&mut self, status: u16, asked: (u32, u32), next: State) {
        self.all.push(Outcome {
            status,
            content: None,
            tagged: false,
            asked,
            next,
        });
    }
}

/// What a purge reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All that is stored for the URL.
    All,
    /// What is in the group.
    Group,
}

impl Reach {
    fn covers(self, say: &Say) -> bool {
        self == Reach::All || say.grouped
    }
}

/// What is reached is gone, or stale when the purge is soft; what a fetch brings that began before
/// is the same. An unsafe request that succeeds is a hard one (RFC 9111, 4.4).
pub(crate) fn purge(state: &State, reach: Reach, soft: bool) -> State {
    let mut next = state.clone();
    if soft {
        for held in &mut next.held {
            held.fresh &= !reach.covers(&held.say);
        }
    } else {
        next.held.retain(|held| !reach.covers(&held.say));
    }
    if let Some(pending) = &mut next.pending {
        let covered = pending.answer.is_ok_and(|say| reach.covers(&say));
        if covered && soft {
            pending.outdated = true;
        } else if covered {
            next.pending = None;
        }
    }
    next
}

/// The states a purge leads to: a validation may have come to its end just before.
pub(crate) fn purged(states: &BTreeSet<State>, reach: Reach, soft: bool) -> BTreeSet<State> {
    let mut all = BTreeSet::new();
    for state in states {
        all.insert(purge(state, reach, soft));
        for settled in state.settled() {
            all.insert(purge(&settled, reach, soft));
        }
    }
    all
}

/// Any of what is stored may be gone.
pub(crate) fn forgotten(states: &BTreeSet<State>) -> BTreeSet<State> {
    let mut all = states.clone();
    for state in states {
        for kept in 0..1_u32 << state.held.len() {
            let mut next = state.clone();
            let mut at = 0;
            next.held.retain(|_| {
                at += 1;
                kept >> (at - 1) & 1 == 1
            });
            all.insert(next);
        }
    }
    all
}

/// The server was killed and started again: what is still stored may be as stale as it was before
/// it was last validated. What was on its way to the origin may have got there or not.
pub(crate) fn crashed(states: &BTreeSet<State>) -> BTreeSet<State> {
    let mut all = BTreeSet::new();
    for state in states {
        for due in 0..=state.due {
            let mut next = state.with_due(due);
            next.marked = false;
            next.pending = None;
            for stale in 0..1_u32 << next.held.len() {
                let mut next = next.clone();
                for (at, held) in next.held.iter_mut().enumerate() {
                    held.fresh &= stale >> at & 1 == 0;
                }
                all.insert(next);
            }
        }
    }
    all
}

/// The origin has changed: what is not asked yet is answered so.
pub(crate) fn changed(states: &BTreeSet<State>, origin: &Place) -> BTreeSet<State> {
    let mut all = states.clone();
    for state in states.iter().filter(|state| state.due > 0) {
        let mut other = state.clone();
        if let Some(pending) = &mut other.pending {
            pending.answer = answer_of(origin);
            all.insert(other);
        }
    }
    all
}
