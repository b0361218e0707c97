//! The flight's promises to its readers, step by step.

use super::super::arena::{Budget, Filling};
use super::*;
use ringside_engine::fault::Fault;

fn piece(budget: &'static Budget, text: &[u8]) -> Piece {
    let mut filling = Filling::new(budget, text.len()).unwrap();
    filling.copy(text);
    filling.cut().unwrap()
}

fn facts() -> Facts {
    Facts::default()
}

fn head() -> Opening {
    Opening::Head(Arc::new(FlightHead {
        head: b"HTTP/1.1 200 OK\r\n".to_vec(),
        own_head: None,
        kept_head: None,
        verbatim: None,
        status: 200,
        forwarded: 200,
        stored: true,
        length: None,
        has_content: true,
        facts: facts(),
        to_disk: crate::store::object::ToDisk::NEVER,
        aged: false,
        vary: Vec::new(),
        variant: 0,
        groups: Vec::new(),
        part: None,
        switches: false,
        at_us: 0,
    }))
}

/// Takes what is there now, as text: `+` opening, `!` end, `x` broken, `go`.
fn taken(flight: &Flight, id: ReaderId) -> String {
    let mut out = String::new();
    while let Some(news) = flight.look(id) {
        match news {
            News::Interim(_) => out.push('i'),
            News::Opening(Opening::Go(_)) => out.push_str("go"),
            News::Opening(_) => out.push('+'),
            News::Pieces(pieces) => {
                pieces
                    .iter()
                    .for_each(|p| out.push_str(&String::from_utf8_lossy(p)));
            }
            News::End(End::Complete(_)) => return out + "!",
            News::End(End::Broken(_)) => return out + "x",
        }
    }
    out
}

#[test]
fn a_late_reader_gets_everything_from_the_start() {
    let budget = Budget::new(1 << 20);
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let first = flight.join(None);
    flight.interim(Arc::from(&b"HTTP/1.1 103 Early Hints\r\n\r\n"[..]));
    flight.open(head(), false);
    flight.push(piece(budget, b"ab"));
    assert_eq!(taken(&flight, first), "i+ab");
    let late = flight.join(None);
    flight.push(piece(budget, b"cd"));
    flight.end(End::Complete(Arc::from(&b""[..])));
    assert_eq!(taken(&flight, first), "cd!");
    // What came before the head was for the first alone.
    assert_eq!(taken(&flight, late), "+abcd!");
}

#[test]
fn a_private_response_goes_to_the_first_reader_only() {
    let budget = Budget::new(1 << 20);
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let owner = flight.join(None);
    let other = flight.join(None);
    flight.interim(Arc::from(&b"HTTP/1.1 103 Early Hints\r\n\r\n"[..]));
    flight.open(head(), true);
    flight.push(piece(budget, b"secret"));
    assert!(!flight.is_joinable());
    assert_eq!(taken(&flight, owner), "i+secret");
    flight.end(End::Complete(Arc::from(&b""[..])));
    let news = flight.look(other);
    assert!(matches!(
        news,
        Some(News::Opening(Opening::Go(Reason::HitForMiss)))
    ));
}

#[test]
fn nobody_inherits_a_private_response() {
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let owner = flight.join(None);
    let other = flight.join(None);
    flight.leave(owner);
    flight.open(head(), true);
    let news = flight.look(other);
    assert!(matches!(
        news,
        Some(News::Opening(Opening::Go(Reason::HitForMiss)))
    ));
}

#[test]
fn what_all_have_taken_is_freed_unless_kept() {
    let budget = Budget::new(1 << 20);
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let quick = flight.join(None);
    let slow = flight.join(None);
    flight.open(head(), false);
    flight.push(piece(budget, b"12345"));
    let _ = taken(&flight, quick);
    assert_eq!(flight.parked_bytes(), 5, "kept for storing");
    flight.give_up_storing(NotStored::TooLarge);
    assert_eq!(flight.parked_bytes(), 5, "kept for the slow reader");
    let _ = taken(&flight, slow);
    assert_eq!(flight.parked_bytes(), 0);
    assert_eq!(budget.used(), 0);
    flight.push(piece(budget, b"678"));
    flight.leave(slow);
    assert_eq!(taken(&flight, quick), "678");
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_break_comes_after_the_pieces_before_it() {
    let budget = Budget::new(1 << 20);
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let reader = flight.join(None);
    flight.open(head(), false);
    flight.push(piece(budget, b"half"));
    flight.end(End::Broken(Fault::origin(502, "closed early")));
    assert_eq!(taken(&flight, reader), "+halfx");
}

#[test]
fn hungry_guests_become_due_once() {
    let flight = Flight::new(Key(1), true, Scope::Whole);
    let guest = Guest {
        shard: 1,
        ticket: 7,
    };
    let id = flight.join(Some(guest));
    assert!(flight.feed(id).is_none());
    flight.open(head(), false);
    assert_eq!(flight.take_due(), vec![(id, guest)]);
    assert!(flight.take_due().is_empty());
    assert!(matches!(flight.feed(id), Some(News::Opening(_))));
}
