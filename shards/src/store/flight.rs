//! A flight: one fetch from an origin, and everybody who reads it.
//!
//! | phase | what a reader gets | how it ends |
//! |---|---|---|
//! | asking | interim responses (1xx); else waits | the head arrives, or the fetch fails |
//! | opened | [`Opening`]: a head, a finished object, "go by yourself", or a fault | once per reader |
//! | arriving | pieces in order, each once | the last piece, or a break |
//! | ended | [`End`] after the last piece | the flight is dropped with its last holder |
//!
//! The flight belongs to the shard that fetches and is driven by its own task, independent of
//! whoever asked first. Readers are tasks of this shard, or *guests*: readers on a sibling, which
//! pull by letter. While it may still be stored it keeps all pieces; otherwise it keeps what the
//! slowest reader has not taken, and the fetch pauses when that is more than its window.
//!
//! No origin and no letters here: the fetching task pushes in, the home room carries to guests.

use super::arena::Piece;
use super::object::{Notes, Object, ToDisk};
use ringside_engine::cache::{vary, Extent, Facts};
use ringside_engine::fault::Fault;
use ringside_engine::http::range::Wanted;
use ringside_engine::http::Fields;
use ringside_engine::key::{Key, Seed};
use ringside_engine::limits::FRAGMENT_BYTES;
use ringside_engine::outcome::{NotStored, Reason};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The head of a response that is arriving, as clients will get it.
pub struct FlightHead {
    /// Status line and end-to-end fields; no framing, no Age, no last empty line.
    pub head: Vec<u8>,
    /// The same for the client whose request was sent, where others may not have all its fields.
    pub own_head: Option<Vec<u8>>,
    /// The same as it is stored, where it answers other requests than the one that was sent.
    pub kept_head: Option<Vec<u8>>,
    /// The head of a 206 as the origin sent it, for the client whose range was sent as it was.
    pub verbatim: Option<Vec<u8>>,
    /// Status code that clients get.
    pub status: u16,
    /// Status code that the origin sent.
    pub forwarded: u16,
    /// It is being stored.
    pub stored: bool,
    /// Length of the content, when the origin said it.
    pub length: Option<u64>,
    /// The response carries content for this request.
    pub has_content: bool,
    /// Age and lifetime.
    pub facts: Facts,
    /// What brings it to disk once it is stored.
    pub to_disk: ToDisk,
    /// The origin sent Age: it was some cache's already.
    pub aged: bool,
    /// The names in Vary in normal form; empty without.
    pub vary: Vec<u8>,
    /// Hash of the selecting request fields.
    pub variant: u64,
    /// The groups it is in, 8 bytes each.
    pub groups: Vec<u8>,
    /// The content is a part of something larger.
    pub part: Option<Part>,
    /// The origin connection's 101: what follows is a tunnel.
    pub switches: bool,
    /// When the head arrived, in microseconds of this process's clock.
    pub at_us: u64,
}

impl FlightHead {
    /// What selects it, and what it belongs to.
    pub fn notes(&self) -> Notes<'_> {
        Notes {
            variant: self.variant,
            vary: &self.vary,
            groups: &self.groups,
        }
    }
}

/// Of what the content that arrives is a part.
pub struct Part {
    /// The whole, as far as it is known.
    pub outline: Arc<Object>,
    /// Where the part lies in it.
    pub extent: Extent,
}

/// How much of a response is asked for.
#[derive(Clone)]
pub enum Want {
    /// All of it.
    Whole,
    /// What may be served in place of the origin's error, without asking it.
    Stale,
    /// One range of it, of which only the fragment that it begins in needs to be fetched.
    Range(Wanted),
    /// A fragment of a stored outline; the key is the fragment's own.
    Fragment {
        /// The outline.
        outline: Arc<Object>,
        /// Where the fragment begins and ends within the whole.
        window: Range<u64>,
        /// What of it the asker needs.
        need: Range<u64>,
    },
}

/// How much of a response a flight brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it.
    Whole,
    /// All of it, although less was asked for: the origin knows no ranges here.
    Widened,
    /// What lies in this window of it.
    Window(Range<u64>),
    /// Its last bytes.
    Suffix(u64),
}

/// What a reader learns first.
#[derive(Clone)]
pub enum Opening {
    /// A response whose content arrives as pieces.
    Head(Arc<FlightHead>),
    /// A stored object, validated or completed meanwhile.
    Object(Arc<Object>),
    /// The origin failed, and this is what is stored. For those who may not have it stale: the
    /// fault, or else they may ask for themselves.
    Stale(Arc<Object>, Option<Fault>),
    /// It can't be shared: fetch by yourself.
    Go(Reason),
    /// The fetch failed before a head arrived.
    Failed(Fault),
}

/// How the content ended.
#[derive(Clone, Debug)]
pub enum End {
    /// Complete, with these trailer fields (each line ended by CRLF).
    Complete(Arc<[u8]>),
    /// Broken off: what was sent must not look complete.
    Broken(Fault),
}

/// What a reader may find when it looks.
pub enum News {
    /// An interim response, complete with its empty line.
    Interim(Arc<[u8]>),
    /// The opening.
    Opening(Opening),
    /// Content; not empty.
    Pieces(Vec<Piece>),
    /// All content was taken and this is how it ended.
    End(End),
}

/// A reader on a sibling: which, and its ticket there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guest {
    /// The sibling.
    pub shard: usize,
    /// The ticket its letters carry.
    pub ticket: u64,
}

struct Reader {
    interim: usize,
    opened: bool,
    /// Index of the next piece, counted from the first ever.
    next: usize,
    waker: Option<Waker>,
    guest: Option<Guest>,
    /// A guest that has asked for news and not got any.
    hungry: bool,
}

struct State {
    interim: Vec<Arc<[u8]>>,
    opening: Option<Opening>,
    /// Set when only this reader may have the response.
    private_to: Option<usize>,
    pieces: VecDeque<Piece>,
    /// How many pieces were dropped from the front.
    dropped: usize,
    parked_bytes: usize,
    keep_all: bool,
    end: Option<End>,
    readers: Vec<Option<Reader>>,
    fetcher: Option<Waker>,
}

/// One fetch and its readers.
pub struct Flight {
    /// The cache key; without meaning for a flight that was private from the start.
    pub key: Key,
    scope: RefCell<Scope>,
    joinable: Cell<bool>,
    may_store: Cell<bool>,
    why_not: Cell<NotStored>,
    stir: RefCell<Option<OnDue>>,
    state: RefCell<State>,
    /// Guests that became due for an answer; drained by the home room.
    due: RefCell<Vec<(usize, Guest)>>,
}

/// Called with a flight that has news for guests.
pub type OnDue = Box<dyn Fn(&Flight)>;

/// A reader's number within its flight.
pub type ReaderId = usize;

/// Pieces handed out at once at most: what fits one vectored write with its framing.
pub const PIECES_AT_ONCE: usize = crate::rt::GATHER_PARTS - 4;

impl Flight {
    /// A new flight. One that others may join keeps its pieces until it knows better.
    pub fn new(key: Key, joinable: bool, scope: Scope) -> Rc<Flight> {
        Rc::new(Flight {
            key,
            scope: RefCell::new(scope),
            joinable: Cell::new(joinable),
            may_store: Cell::new(joinable),
            why_not: Cell::new(NotStored::Purged),
            stir: RefCell::default(),
            due: RefCell::default(),
            state: RefCell::new(State {
                interim: Vec::new(),
                opening: None,
                private_to: None,
                pieces: VecDeque::new(),
                dropped: 0,
                parked_bytes: 0,
                keep_all: joinable,
                end: None,
                readers: Vec::new(),
                fetcher: None,
            }),
        })
    }

    /// Others may still join.
    pub fn is_joinable(&self) -> bool {
        self.joinable.get()
    }

    /// Nobody joins any more, and the result may not be stored (a purge came, or it can't be).
    pub fn close_to_others(&self) {
        self.joinable.set(false);
        self.may_store.set(false);
    }

    /// The response may become an object.
    pub fn may_store(&self) -> bool {
        self.may_store.get()
    }

    /// Why it may not, once it may not.
    pub fn why_not_stored(&self) -> NotStored {
        self.why_not.get()
    }

    /// How much of the response it brings.
    pub fn scope(&self) -> Scope {
        self.scope.borrow().clone()
    }

    /// The origin sends all of it, whatever it was asked for.
    pub fn widen(&self) {
        self.scope.replace(Scope::Widened);
    }

    /// Would this request get the response that is arriving? Unknown yet counts as yes; the
    /// reader looks again when the head is there.
    pub fn suits(&self, seed: Seed, request: Fields<'_>, want: &Want) -> bool {
        let state = self.state.borrow();
        let head = match &state.opening {
            None => None,
            Some(Opening::Head(head)) => Some(head),
            Some(_) => return false,
        };
        let selected = head.is_none_or(|head| {
            head.vary.is_empty()
                || vary::secondary_of_names(seed, &head.vary, request) == head.variant
        });
        selected && self.brings(want, head)
    }

    /// Is what is wanted in what it brings, and not much later than by a fetch of its own?
    fn brings(&self, want: &Want, head: Option<&Arc<FlightHead>>) -> bool {
        let small = |length: Option<u64>| length.is_some_and(|bytes| bytes <= FRAGMENT_BYTES);
        match (&*self.scope.borrow(), want) {
            // To ask for less would bring no less.
            (Scope::Widened, Want::Whole | Want::Range(_)) => true,
            (Scope::Whole, Want::Whole) => true,
            (Scope::Whole, Want::Range(wanted)) => match (head, wanted) {
                (None, _) => true,
                (Some(head), Wanted::From(first, _)) => {
                    *first < FRAGMENT_BYTES || small(head.length)
                }
                (Some(head), _) => small(head.length),
            },
            (Scope::Window(window), Want::Range(Wanted::From(first, _))) => window.contains(first),
            (Scope::Window(window), Want::Fragment { need, .. }) => {
                window.start <= need.start && need.end <= window.end
            }
            _ => false,
        }
    }

    /// Adds a reader that starts at the beginning. Only while all pieces are kept or none came.
    pub fn join(&self, guest: Option<Guest>) -> ReaderId {
        let mut state = self.state.borrow_mut();
        debug_assert!(state.dropped == 0);
        let reader = Reader {
            interim: 0,
            opened: false,
            next: 0,
            waker: None,
            guest,
            hungry: false,
        };
        state.readers.push(Some(reader));
        state.readers.len() - 1
    }

    /// A reader is gone. Returns whether anybody is left.
    pub fn leave(&self, id: ReaderId) -> bool {
        let mut state = self.state.borrow_mut();
        if let Some(reader) = state.readers.get_mut(id) {
            *reader = None;
        }
        state.drop_taken();
        let waker = state.fetcher.take();
        let any = state.readers.iter().any(Option::is_some);
        drop(state);
        wake(waker);
        any
    }

    /// Somebody reads it.
    pub fn has_readers(&self) -> bool {
        self.state.borrow().readers.iter().any(Option::is_some)
    }

    // The fetching side.

    /// Passes an interim response on to the first reader.
    pub fn interim(&self, head: Arc<[u8]>) {
        self.state.borrow_mut().interim.push(head);
        self.tell_all();
    }

    /// The head is there (or what stands for it). With `private`, only the first reader, whose
    /// request it answers, gets it; the others are told to go by themselves.
    pub fn open(&self, opening: Opening, private: bool) {
        {
            let mut state = self.state.borrow_mut();
            if private {
                // The request that was sent is the first reader's. Whoever else waits must not
                // get what may be that one's alone, even when it has left.
                state.private_to = Some(0);
                state.keep_all = false;
            }
            state.opening = Some(opening);
        }
        if private {
            self.close_to_others();
        }
        self.tell_all();
    }

    /// The response was opened to readers already.
    pub fn is_open(&self) -> bool {
        self.state.borrow().opening.is_some()
    }

    /// Nobody joins any more: what it brings was asked for before a purge. It may be stored, and is
    /// then held against that.
    pub fn refuse_joins(&self) {
        self.joinable.set(false);
    }

    /// Stops keeping what was read: it is not going to be stored.
    pub fn give_up_storing(&self, why: NotStored) {
        if self.may_store.get() {
            self.why_not.set(why);
        }
        self.close_to_others();
        let mut state = self.state.borrow_mut();
        state.keep_all = false;
        state.drop_taken();
    }

    /// Nobody joins any more and what all have taken goes, but it is still being stored: in
    /// parts, each as it is complete.
    pub fn stop_keeping(&self) {
        self.joinable.set(false);
        let mut state = self.state.borrow_mut();
        state.keep_all = false;
        state.drop_taken();
    }

    /// Adds content.
    pub fn push(&self, piece: Piece) {
        {
            let mut state = self.state.borrow_mut();
            state.parked_bytes += piece.len();
            state.append(piece);
            state.drop_taken();
        }
        self.tell_all();
    }

    /// The content ended.
    pub fn end(&self, end: End) {
        self.joinable.set(false);
        self.state.borrow_mut().end = Some(end);
        self.tell_all();
    }

    /// All pieces, joined to be stored; empty when some were dropped.
    pub fn body(&self) -> Vec<Piece> {
        let state = self.state.borrow();
        if state.dropped > 0 {
            return Vec::new();
        }
        state.pieces.iter().cloned().collect()
    }

    /// The outline that it brings a part of.
    pub fn outline(&self) -> Option<Arc<Object>> {
        match &self.state.borrow().opening {
            Some(Opening::Head(head)) => Some(head.part.as_ref()?.outline.clone()),
            _ => None,
        }
    }

    /// Bytes that some reader has not taken yet.
    pub fn parked_bytes(&self) -> usize {
        self.state.borrow().parked_bytes
    }

    /// Waits until at most `window` bytes are parked, or nobody reads. At once while all is kept.
    pub async fn drained(&self, window: usize) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            let over = !state.keep_all
                && state.parked_bytes > window
                && state.readers.iter().any(Option::is_some);
            if over {
                state.fetcher = Some(cx.waker().clone());
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    // The reading side.

    /// What is new for this reader, if anything. `limit` bounds the pieces.
    pub fn look(&self, id: ReaderId) -> Option<News> {
        let mut state = self.state.borrow_mut();
        let news = state.look(id);
        let waker = match news {
            Some(News::Pieces(_)) => {
                state.drop_taken();
                state.fetcher.take()
            }
            _ => None,
        };
        drop(state);
        wake(waker);
        news
    }

    /// Waits for news.
    pub async fn news(&self, id: ReaderId) -> News {
        poll_fn(|cx| self.poll_news(id, cx)).await
    }

    fn poll_news(&self, id: ReaderId, cx: &mut Context<'_>) -> Poll<News> {
        if let Some(news) = self.look(id) {
            return Poll::Ready(news);
        }
        if let Some(Some(reader)) = self.state.borrow_mut().readers.get_mut(id) {
            reader.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// A guest asks for news: given at once, or it is remembered as hungry.
    pub fn feed(&self, id: ReaderId) -> Option<News> {
        let news = self.look(id);
        if let Some(Some(reader)) = self.state.borrow_mut().readers.get_mut(id) {
            reader.hungry = news.is_none();
        }
        news
    }

    /// Guests that were hungry and have news now. The caller feeds each.
    pub fn take_due(&self) -> Vec<(ReaderId, Guest)> {
        std::mem::take(&mut *self.due.borrow_mut())
    }

    /// Who is called when guests became due.
    pub fn on_due(&self, call: OnDue) {
        *self.stir.borrow_mut() = Some(call);
    }

    fn tell_all(&self) {
        let mut due = false;
        let mut wakers = Vec::new();
        for (id, reader) in self.state.borrow_mut().readers.iter_mut().enumerate() {
            let Some(reader) = reader else { continue };
            wakers.extend(reader.waker.take());
            if let (true, Some(guest)) = (reader.hungry, reader.guest) {
                reader.hungry = false;
                self.due.borrow_mut().push((id, guest));
                due = true;
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        if let (true, Some(call)) = (due, self.stir.borrow().as_ref()) {
            call(self);
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl State {
    fn look(&mut self, id: ReaderId) -> Option<News> {
        let private_to = self.private_to;
        let reader = self.readers.get_mut(id)?.as_mut()?;
        // Interim responses answer the first reader's request; nobody knows yet who may share them.
        if let (0, Some(interim)) = (id, self.interim.get(reader.interim)) {
            reader.interim += 1;
            return Some(News::Interim(interim.clone()));
        }
        let opening = self.opening.as_ref()?;
        if !reader.opened {
            reader.opened = true;
            let opening = match private_to {
                Some(owner) if owner != id => Opening::Go(Reason::HitForMiss),
                _ => opening.clone(),
            };
            return Some(News::Opening(opening));
        }
        let from = reader.next.saturating_sub(self.dropped);
        let count = self.pieces.len().saturating_sub(from).min(PIECES_AT_ONCE);
        if count > 0 {
            reader.next += count;
            let pieces = self.pieces.range(from..from + count).cloned().collect();
            return Some(News::Pieces(pieces));
        }
        self.end.clone().map(News::End)
    }

    /// Adds a piece, onto the last one when nobody has taken that yet: an origin that trickles
    /// bytes must not make us keep a piece for each.
    fn append(&mut self, piece: Piece) {
        let last = self.dropped + self.pieces.len();
        let untaken = self
            .readers
            .iter()
            .flatten()
            .all(|reader| reader.next < last);
        let joined = untaken && self.pieces.back_mut().is_some_and(|back| back.join(&piece));
        if !joined {
            self.pieces.push_back(piece);
        }
    }

    /// Drops pieces that every reader has taken, unless all are kept.
    fn drop_taken(&mut self) {
        if self.keep_all {
            return;
        }
        // With nobody left, everything goes. A private flight counts only its owner.
        let owner = self.private_to;
        let slowest = self
            .readers
            .iter()
            .enumerate()
            .filter(|(id, _)| owner.is_none_or(|owner| owner == *id))
            .filter_map(|(_, reader)| reader.as_ref().map(|reader| reader.next))
            .min()
            .unwrap_or(usize::MAX);
        while self.dropped < slowest {
            let Some(piece) = self.pieces.pop_front() else {
                break;
            };
            self.dropped += 1;
            self.parked_bytes -= piece.len();
        }
    }
}

#[cfg(test)]
mod tests;
