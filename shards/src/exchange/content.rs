//! A response's content on its way from the origin into a flight: read into chunks at the
//! origin's speed, as far as memory and the readers allow.

use super::part::Slices;
use crate::rt::{self, Buffer, Stream, When};
use crate::shard::Shard;
use crate::store::{Filling, Flight, Piece};
use ringside_engine::fault::Fault;
use ringside_engine::http::{ChunkedDecoder, Length};
use ringside_engine::limits::FRAGMENT_BYTES;
use ringside_engine::outcome::NotStored;
use std::sync::Arc;
use std::time::Duration;

/// Largest chunk: few pieces for large bodies, without tying much memory to one reader.
const CHUNK_BYTES_MAX: usize = 256 * 1024;
/// First chunk of a content of unknown length.
const CHUNK_BYTES_FIRST: usize = 16 * 1024;
/// How often memory is asked for again before the fetch gives up.
const MEMORY_TRIES: u32 = 200;
/// Time between those.
const MEMORY_PAUSE: Duration = Duration::from_millis(10);

/// What is known about a content before it arrives.
pub struct Content {
    /// How it is delimited.
    pub length: Length,
    /// Bytes that may be parked for slow readers when it is not being stored.
    pub window: usize,
    /// Largest content that is stored.
    pub bytes_max: u64,
    /// Longest silence.
    pub patience: Duration,
}

/// How it went.
pub struct Received {
    /// What follows the content.
    pub buffer: Buffer,
    /// Trailer fields, or what broke it off.
    pub result: Result<Arc<[u8]>, Fault>,
}

/// What becomes of content beside the flight's readers.
pub enum Aside<'a> {
    /// Nothing.
    None,
    /// It is held back until it is stored, so that whoever has it can rely on that; `None` once it
    /// is more than a fragment.
    Held(Option<Vec<Piece>>),
    /// The piece is held back that ends a content of which so many bytes are to come: what is stored
    /// must make way for it on disk first.
    End(u64, Option<Piece>),
    /// It is stored in fragments, each as soon as it is complete. The last piece is held back, so
    /// that whoever has all can rely on its being stored.
    Slices(Slices<'a>, Option<Piece>),
}

impl Aside<'_> {
    /// Holds back what comes.
    pub fn held() -> Self {
        Aside::Held(Some(Vec::new()))
    }

    /// Takes what comes, and gives the readers what they may have.
    fn give(&mut self, piece: Piece, flight: &Flight) {
        match self {
            Aside::None => flight.push(piece),
            Aside::End(left, last) => {
                *left = left.saturating_sub(piece.len() as u64);
                let passed = match *left {
                    // More than was announced is passed on, too.
                    0 => last.replace(piece),
                    _ => Some(piece),
                };
                passed.into_iter().for_each(|piece| flight.push(piece));
            }
            Aside::Slices(slices, last) => {
                slices.put(&piece);
                match slices.is_whole() {
                    true => *last = Some(piece),
                    false => flight.push(piece),
                }
            }
            Aside::Held(None) => flight.push(piece),
            Aside::Held(Some(held)) => {
                held.push(piece);
                let bytes: usize = held.iter().map(|piece| piece.len()).sum();
                if bytes as u64 > FRAGMENT_BYTES {
                    self.let_go(flight);
                }
            }
        }
    }

    /// What the flight has of a content and what is held back of it.
    pub fn body(&self, flight: &Flight) -> Vec<Piece> {
        let mut body = flight.body();
        match self {
            Aside::None | Aside::Held(None) => {}
            Aside::Held(Some(held)) => body.extend(held.iter().cloned()),
            Aside::End(_, last) | Aside::Slices(_, last) => body.extend(last.clone()),
        }
        body
    }

    /// Gives the readers what was held back, and holds nothing back any more.
    pub fn let_go(&mut self, flight: &Flight) {
        let held = match self {
            Aside::None => Vec::new(),
            Aside::Held(held) => held.take().unwrap_or_default(),
            Aside::End(_, last) | Aside::Slices(_, last) => last.take().into_iter().collect(),
        };
        for piece in held {
            flight.push(piece);
        }
    }
}

/// Moves the whole content into the flight. `buffer` holds what has arrived with the head.
pub async fn receive(
    shard: &Shard,
    flight: &Flight,
    stream: &Stream,
    mut buffer: Buffer,
    content: &Content,
    aside: &mut Aside<'_>,
) -> Received {
    let mut intake = Intake {
        shard,
        flight,
        stream,
        content,
        aside,
        filling: None,
        taken: 0,
        next: CHUNK_BYTES_FIRST,
    };
    let result = match content.length {
        Length::None => Ok(Arc::from(&b""[..])),
        Length::Exact(bytes) => intake.exact(&mut buffer, bytes).await,
        Length::UntilClose => intake.until_close(&mut buffer).await,
        Length::Chunked => intake.chunked(&mut buffer).await,
    };
    Received { buffer, result }
}

struct Intake<'a, 'b> {
    shard: &'a Shard,
    flight: &'a Flight,
    stream: &'a Stream,
    content: &'a Content,
    aside: &'a mut Aside<'b>,
    filling: Option<Filling>,
    taken: u64,
    next: usize,
}

type Trailers = Result<Arc<[u8]>, Fault>;

impl Intake<'_, '_> {
    async fn exact(&mut self, buffer: &mut Buffer, bytes: u64) -> Trailers {
        let mut left = bytes;
        let here = buffer
            .unread()
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        self.copy(buffer.unread().get(..here).unwrap_or_default(), Some(left))
            .await?;
        buffer.consume(here);
        left -= here as u64;
        while left > 0 {
            let n = self.read(Some(left)).await?;
            if n == 0 {
                return Err(Fault::origin(502, "the origin closed within the content"));
            }
            left -= n as u64;
        }
        Ok(Arc::from(&b""[..]))
    }

    async fn until_close(&mut self, buffer: &mut Buffer) -> Trailers {
        self.copy(buffer.unread(), None).await?;
        buffer.clear();
        while self.read(None).await? > 0 {}
        Ok(Arc::from(&b""[..]))
    }

    async fn chunked(&mut self, buffer: &mut Buffer) -> Trailers {
        let mut decoder = ChunkedDecoder::new();
        loop {
            while !buffer.is_empty() {
                let input = buffer.unread();
                let step = decoder
                    .step(input)
                    .map_err(|fault| Fault::origin(502, fault.what()))?;
                let part = input.get(step.content.clone()).unwrap_or_default();
                self.copy(part, None).await?;
                let (consumed, done) = (step.consumed, step.done);
                buffer.consume(consumed);
                if done {
                    self.cut();
                    return Ok(Arc::from(decoder.trailers()));
                }
                if consumed == 0 {
                    break;
                }
            }
            // What was decoded so far goes to the readers before we wait for more.
            self.cut();
            self.pace().await?;
            if buffer.room() == 0 {
                let capacity = buffer.capacity();
                buffer.make_room(capacity);
            }
            self.stream
                .deadline(When::Write, self.content.patience, rt::now());
            let (result, back) = self.stream.read(std::mem::take(buffer)).await;
            *buffer = back;
            self.stream.no_deadline(When::Write);
            match result {
                Ok(n) if n > 0 => {}
                other => return Err(self.read_fault(other.is_ok())),
            }
        }
    }

    /// Reads straight into a chunk; 0 is the end.
    async fn read(&mut self, left: Option<u64>) -> Result<usize, Fault> {
        self.pace().await?;
        let filling = self.room(left).await?;
        self.stream
            .deadline(When::Write, self.content.patience, rt::now());
        let (result, filling) = self.stream.read(filling).await;
        self.filling = Some(filling);
        // We may wait for readers and memory now, which is no silence of the origin.
        self.stream.no_deadline(When::Write);
        match result {
            Ok(0) if self.stream.expired() => Err(self.read_fault(true)),
            Ok(n) => {
                self.took(n);
                self.cut();
                Ok(n)
            }
            Err(_) => Err(self.read_fault(false)),
        }
    }

    fn read_fault(&self, at_end: bool) -> Fault {
        match (self.stream.expired(), at_end) {
            (true, _) => Fault::origin(504, "the origin fell silent within the content"),
            (false, true) => Fault::origin(502, "the origin closed within the content"),
            (false, false) => {
                Fault::origin(502, "the origin's connection broke within the content")
            }
        }
    }

    async fn copy(&mut self, mut bytes: &[u8], left: Option<u64>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let mut filling = self.room(left).await?;
            let n = filling.copy(bytes);
            let full = filling.room() == 0;
            self.filling = Some(filling);
            self.took(n);
            if full {
                self.cut();
            }
            bytes = bytes.get(n..).unwrap_or_default();
        }
        if left.is_some() {
            self.cut();
        }
        Ok(())
    }

    fn took(&mut self, n: usize) {
        self.taken += n as u64;
        self.shard.counters.fetched_bytes.add(n as u64);
        if self.taken > self.content.bytes_max && self.flight.may_store() {
            match self.aside {
                Aside::Slices(..) => self.flight.stop_keeping(),
                _ => self.flight.give_up_storing(NotStored::TooLarge),
            }
        }
    }

    /// Gives the readers what has been filled.
    fn cut(&mut self) {
        if let Some(piece) = self.filling.as_mut().and_then(Filling::cut) {
            self.give(piece);
        }
    }

    fn give(&mut self, piece: Piece) {
        self.aside.give(piece, self.flight);
    }

    /// Waits for slow readers, and stops when nobody is left to read or store for.
    async fn pace(&mut self) -> Result<(), Fault> {
        self.flight.drained(self.content.window).await;
        if !self.flight.may_store() && !self.flight.has_readers() {
            return Err(Fault::client(499, "nobody reads the response any more"));
        }
        Ok(())
    }

    /// A chunk with room; a new one when the last is full.
    async fn room(&mut self, left: Option<u64>) -> Result<Filling, Fault> {
        match self.filling.take() {
            Some(filling) if filling.room() > 0 => return Ok(filling),
            Some(mut full) => {
                if let Some(piece) = full.cut() {
                    self.give(piece);
                }
            }
            None => {}
        }
        let capacity = match left {
            Some(left) => usize::try_from(left)
                .unwrap_or(usize::MAX)
                .min(CHUNK_BYTES_MAX),
            None => self.next,
        };
        // No piece lies in two fragments.
        let to_boundary = FRAGMENT_BYTES - self.taken % FRAGMENT_BYTES;
        let capacity = capacity.min(usize::try_from(to_boundary).unwrap_or(usize::MAX));
        self.next = (self.next * 2).min(CHUNK_BYTES_MAX);
        for _ in 0..MEMORY_TRIES {
            let filling = self.shard.memory.borrow_mut().filling(capacity);
            self.shard.bury_dead();
            if let Some(filling) = filling {
                return Ok(filling);
            }
            // The budget is spent on what is being read: go on without storing, and wait for our
            // own readers to take what we parked.
            self.flight.give_up_storing(NotStored::NoMemory);
            if !self.flight.is_open() {
                // Its readers wait for all of it: they can't take what would make room.
                break;
            }
            self.flight.drained(0).await;
            rt::sleep(MEMORY_PAUSE).await;
            if !self.flight.has_readers() {
                return Err(Fault::client(499, "nobody reads the response any more"));
            }
        }
        Err(Fault::machine(503, "no memory for the response"))
    }
}
