//! A reader's end of a flight, on this shard or on a sibling: the same face for both.

use crate::shard::Shard;
use crate::siblings::{Letter, Told};
use crate::store::flight::{News, ReaderId};
use crate::store::{End, Flight};
use ringside_engine::fault::Fault;
use std::cell::Cell;
use std::rc::Rc;

/// Where a response comes from. Dropping it leaves the flight.
pub struct Source {
    place: Place,
    settled: Cell<bool>,
}

enum Place {
    Here {
        flight: Rc<Flight>,
        id: ReaderId,
    },
    There {
        shard: Rc<Shard>,
        home: usize,
        ticket: u64,
    },
}

impl Source {
    /// A reader of a flight on this shard.
    pub fn here(flight: Rc<Flight>, id: ReaderId) -> Source {
        Source {
            place: Place::Here { flight, id },
            settled: Cell::new(false),
        }
    }

    /// A reader, by letter, of a flight on `home`.
    pub fn there(shard: Rc<Shard>, home: usize, ticket: u64) -> Source {
        Source {
            place: Place::There {
                shard,
                home,
                ticket,
            },
            settled: Cell::new(false),
        }
    }

    /// The home never made a reader for it: there is nothing to leave.
    pub fn settled(&self) {
        self.settled.set(true);
    }

    /// What is there already, without waiting.
    pub fn look(&mut self) -> Option<News> {
        match &self.place {
            Place::Here { flight, id } => flight.look(*id),
            Place::There { .. } => None,
        }
    }

    /// Waits for what comes next.
    pub async fn news(&mut self) -> News {
        match &self.place {
            Place::Here { flight, id } => flight.news(*id).await,
            Place::There {
                shard,
                home,
                ticket,
            } => {
                let ticket = *ticket;
                match shard.demand(*home, ticket, Letter::Pull { ticket }).await {
                    Some(Told::News(news)) => news,
                    _ => News::End(End::Broken(Fault::machine(
                        502,
                        "the sibling lost the fetch",
                    ))),
                }
            }
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        match &self.place {
            Place::Here { flight, id } => {
                flight.leave(*id);
            }
            Place::There {
                shard,
                home,
                ticket,
            } => {
                shard.forget(*ticket);
                if !self.settled.get() {
                    shard.send(*home, Letter::Leave { ticket: *ticket });
                }
            }
        }
    }
}
