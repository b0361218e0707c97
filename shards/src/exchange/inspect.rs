//! What there is for a request, for `ringside explain`: looked at, and left as it is. Objects are
//! not touched, nothing is fetched, and no flight is joined.

use super::home;
use super::intent::Intent;
use super::{look, Visit};
use crate::shard::{Keep, Shard};
use crate::siblings::letter::{Inspection, Letter};
use crate::siblings::{Asked, Told};
use crate::store::Object;
use ringside_engine::cache::{self, Part};
use ringside_engine::explain::{Kept, Stored, DISK};
use ringside_engine::http::{Method, RequestHead, ResponseHead};
use ringside_engine::purge::Verdict;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Fragments that are looked for: each may be a letter there and back.
const FRAGMENTS_MAX: usize = 1024;

/// What was found.
pub struct Found {
    /// The stored responses of its URL, at most `cache.variants` of them.
    pub variants: Vec<Stored>,
    /// For how long each client fetches by itself.
    pub marked_for_ms: Option<u64>,
    /// Fetches that it would join.
    pub flights: usize,
}

/// Looks at the home of the request's key. The head lies at the front of `bytes`.
pub async fn found(shard: &Rc<Shard>, bytes: &[u8], head: &RequestHead, intent: &Intent) -> Found {
    let asked = asked(bytes, head, intent);
    let found = at_home(shard, asked.clone()).await;
    let mut variants = Vec::new();
    for (at, (object, selected, verdict)) in found.variants.iter().enumerate() {
        let on_disk = found.last_is_on_disk && at + 1 == found.variants.len();
        let kept = match selected {
            true => kept(shard, &asked, object).await,
            false => Kept::All,
        };
        variants.push(stored(object, *selected, *verdict, kept, on_disk));
    }
    Found {
        variants,
        marked_for_ms: found.marked_for_ms,
        flights: found.flights,
    }
}

/// All of an object that a request takes is stored.
pub async fn is_whole(visit: &Visit, keep: &Keep) -> bool {
    let Some(object) = look::shared_handle(keep).filter(|object| object.version().is_some()) else {
        return true;
    };
    let asked = visit.asked(&visit.question());
    kept(&visit.shard, &asked, object).await == Kept::All
}

fn asked(bytes: &[u8], head: &RequestHead, intent: &Intent) -> Box<Asked> {
    Box::new(Asked {
        bytes: bytes.to_vec(),
        head: head.clone(),
        key: intent.key,
        route: intent.route,
        path_and_query: intent.path_and_query.clone(),
        rewritten: intent.rewritten.clone(),
        host: intent.host.clone(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        url: intent.url,
        content: None,
        as_get: false,
        want: look::want(&head.view(bytes)),
    })
}

/// What the home of a key has for a request.
async fn at_home(shard: &Rc<Shard>, asked: Box<Asked>) -> Box<Inspection> {
    let at = shard.home(asked.key);
    if at == shard.id {
        return Box::new(home::inspect(shard, &asked).await);
    }
    let ticket = shard.ticket();
    let letter = Letter::Inspect { ticket, asked };
    match shard.demand(at, ticket, letter).await {
        Some(Told::Inspected(found)) => found,
        _ => Box::default(),
    }
}

/// How much is stored of what the answer to a request takes of an object.
async fn kept(shard: &Rc<Shard>, asked: &Asked, object: &Arc<Object>) -> Kept {
    let Some(version) = object.version() else {
        return Kept::All;
    };
    let mut looked_at = 0;
    for span in wanted(asked, object) {
        let mut at = span.start;
        while at < span.end {
            let window = cache::window(at, Some(object.body_bytes()));
            let need = at..span.end.min(window.end);
            let mut asked = Box::new(asked.clone());
            asked.key = version.fragment(shard.setting.seed, object.key(), window.start);
            let found = at_home(shard, asked).await;
            let mut extents = found.variants.iter().filter_map(|(held, ..)| held.extent());
            match (extents.any(|extent| extent.covers(&need)), looked_at) {
                (false, 0) => return Kept::Less,
                (false, _) => return Kept::First,
                // Nothing is known to be missing.
                (true, FRAGMENTS_MAX) => return Kept::All,
                (true, _) => looked_at += 1,
            }
            at = need.end;
        }
    }
    Kept::All
}

/// The spans of an object that the answer to a request takes.
fn wanted(asked: &Asked, object: &Object) -> Vec<Range<u64>> {
    let (request, bytes) = (asked.request(), object.body_bytes());
    let all = 0..bytes;
    let mut head = ResponseHead::default();
    let Some(response) = object.response(&mut head) else {
        return vec![all];
    };
    let takes_none = request.method == Method::Head
        || cache::preconditions(&request, &response) != cache::Verdict::Proceed;
    if takes_none {
        return Vec::new();
    }
    match cache::part(&request, &response, bytes) {
        Part::Span(span) => vec![span],
        Part::Spans(spans) => spans.to_vec(),
        Part::Unsatisfiable => Vec::new(),
        Part::Whole => vec![all],
    }
}

fn stored(object: &Object, selected: bool, verdict: Verdict, kept: Kept, on_disk: bool) -> Stored {
    let notes = object.notes();
    Stored {
        head: object.head().to_vec(),
        vary: notes.vary.to_vec(),
        variant: notes.variant,
        selected,
        facts: object.facts,
        body_bytes: object.body_bytes(),
        kept,
        tier: match (object.version(), object.file()) {
            _ if on_disk => DISK,
            (Some(_), _) => "fragments",
            (None, Some(_)) => "file",
            (None, None) => "memory",
        },
        uses: u32::from(object.uses()),
        touched: object.is_touched(),
        verdict,
        groups: notes.groups.len() / size_of::<u64>(),
    }
}
