//! One request's steps, in the order they are visited:
//!
//! 1. **receive** ([`intent`]): framing, target, host, route, key. A refusal ends here.
//! 2. **look** ([`look`]): own index, replica, or a letter to the home shard; a hit ends here.
//! 3. **fetch** ([`fetch`]): a flight at the home shard, or a private one here.
//! 4. **deliver** ([`deliver`]): head and content to the client.
//! 5. **record** ([`record`]): counters and the log.
//!
//! The hit path, from a parsed head to a gather ready to be written, is one plain function
//! without waiting or allocating ([`look::quick`]). Everything else is [`run`].

pub mod aftermath;
pub mod assemble;
pub mod content;
pub mod deliver;
pub mod fetch;
pub mod from_disk;
pub mod home;
pub mod inspect;
pub mod intent;
pub mod keeping;
pub mod look;
pub mod part;
pub mod promote;
pub mod purging;
pub mod query;
pub mod record;
pub mod search;
pub mod source;
pub mod tunnel;
pub mod upload;

use crate::rt::{Buffer, Stream};
use crate::shard::{Keep, Shard};
use crate::siblings::Asked;
use assemble::Changed;
use deliver::Delivered;
use fetch::Tunnel;
use intent::Intent;
use look::{Found, Question};
use ringside_engine::cache::{self, only_if_cached, Lookup};
use ringside_engine::fault::Fault;
use ringside_engine::http::{Length, Method, Name, Request, RequestHead, ResponseHead};
use ringside_engine::outcome::{Outcome, Reason};
use source::Source;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use upload::Upload;

/// How often a request begins anew because the origin's version changed under it.
const CHANGES_MAX: u32 = 3;

/// One request on its way: where it came from and what is known about it.
pub struct Visit {
    /// The shard that has the client.
    pub shard: Rc<Shard>,
    /// The client's connection.
    pub stream: Rc<Stream>,
    /// The client.
    pub client: SocketAddr,
    /// Holds the head's bytes, and perhaps what follows them.
    pub buffer: Buffer,
    /// The parsed head.
    pub head: Box<RequestHead>,
    /// What the head asks for.
    pub intent: Intent,
    /// Content that belongs to the key, once it was read.
    pub content: Option<Arc<[u8]>>,
    /// Bytes behind the head that it took.
    pub taken: usize,
    /// When the head was complete, in microseconds.
    pub began_us: u64,
}

/// What is left after an exchange.
pub struct Left {
    /// Bytes that follow the request.
    pub buffer: Buffer,
    /// To be parsed into again.
    pub head: Box<RequestHead>,
    /// What becomes of the connection.
    pub after: After,
}

/// What becomes of a client's connection after an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It can take another request.
    Next,
    /// The answer is complete: close it so that the client gets all of it.
    Linger,
    /// The client is gone, or the answer broke off: close it at once.
    Close,
}

impl Visit {
    /// The request.
    pub fn request(&self) -> Request<'_> {
        self.head.view(self.buffer.unread())
    }

    /// The client takes an answer from the cache or none.
    pub fn only_if_cached(&self) -> bool {
        let route = self.shard.setting.route(self.intent.route);
        route.is_some_and(|route| only_if_cached(&self.request(), &route.policy))
    }

    /// A copy for whoever fetches.
    pub fn asked(&self, question: &Question) -> Box<Asked> {
        let bytes = self.buffer.unread();
        Box::new(Asked {
            bytes: bytes.get(..self.head.len()).unwrap_or(bytes).to_vec(),
            head: (*self.head).clone(),
            key: question.key,
            want: question.want.clone(),
            url: self.intent.url,
            content: self.content.clone(),
            route: self.intent.route,
            path_and_query: self.intent.path_and_query.clone(),
            rewritten: self.intent.rewritten.clone(),
            host: self.intent.host.clone(),
            client: self.client.ip(),
            as_get: false,
        })
    }

    fn finish(mut self, after: After) -> Left {
        let spent = self.head.len() + self.taken;
        self.buffer.consume(spent);
        Left {
            buffer: self.buffer,
            head: self.head,
            after,
        }
    }
}

/// Carries out a request that the hit path could not answer at once.
pub async fn run(visit: Visit) -> Left {
    let request = visit.request();
    if request.method == Method::Options && request.fields.get(Name::MaxForwards) == Some(b"0") {
        return Box::pin(options(visit)).await;
    }
    let reads = matches!(request.method, Method::Get | Method::Head);
    match visit.intent.lookup {
        Lookup::Pass(_) if reads && visit.only_if_cached() => {
            Box::pin(from_cache_only(visit)).await
        }
        Lookup::Pass(reason) => Box::pin(pass(visit, reason)).await,
        Lookup::Cache if request.method == Method::Query && visit.content.is_none() => {
            Box::pin(query::run(visit)).await
        }
        Lookup::Cache if visit.only_if_cached() => Box::pin(from_cache_only(visit)).await,
        Lookup::Cache => {
            let elsewhere = visit.shard.home(visit.intent.key) != visit.shard.id;
            if !elsewhere {
                return Box::pin(cached(visit, None)).await;
            }
            match look::by_letter(&visit).await {
                Ok(quick) => {
                    let delivered = deliver::quick(&visit, quick).await;
                    record::write(&visit, &delivered);
                    visit.finish(after(delivered.keep, delivered.gone))
                }
                Err(asking) => Box::pin(cached(visit, Some(asking))).await,
            }
        }
    }
}

async fn options(visit: Visit) -> Left {
    let delivered = deliver::options(&visit).await;
    settle(visit, delivered, None).await
}

/// A request that only the cache may answer.
async fn from_cache_only(visit: Visit) -> Left {
    let delivered = match look::stored_anywhere(&visit).await {
        // Of what lies in fragments one may be gone, and nobody would be asked for it.
        Some((keep, _)) if !inspect::is_whole(&visit, &keep).await => not_cached(&visit).await,
        Some((keep, outcome)) => match deliver::object(&visit, keep, outcome).await {
            Ok(delivered) => delivered,
            Err(_) => not_cached(&visit).await,
        },
        None => not_cached(&visit).await,
    };
    settle(visit, delivered, None).await
}

async fn not_cached(visit: &Visit) -> Delivered {
    let what = "not in the cache, and the request forbids to ask further";
    deliver::fault(visit, &Fault::client(504, what), Reason::OnlyIfCached).await
}

/// A request that the cache may answer; `asked` is what a first question found.
async fn cached(visit: Visit, mut asked: Option<look::Asking>) -> Left {
    for _ in 0..CHANGES_MAX {
        let delivered = match look::find(&visit, asked.take()).await {
            Found::Object(keep, _) if !guarded(&visit, &keep) => {
                return Box::pin(pass(visit, Reason::Precondition)).await;
            }
            Found::Object(keep, outcome) => deliver::object(&visit, keep, outcome).await,
            Found::Flight(source, head, outcome) => {
                deliver::flight(&visit, source, head, outcome).await
            }
            // It was perhaps another variant's fetch, which knew nothing of what is stored for us.
            found @ Found::Failed(..) => match look::or_stale(&visit, found).await {
                Found::Object(keep, outcome) => deliver::object(&visit, keep, outcome).await,
                Found::Failed(fault, reason) => Ok(deliver::fault(&visit, &fault, reason).await),
                _ => Ok(Delivered::gone()),
            },
            Found::Gone => Ok(Delivered::gone()),
            Found::Go(reason) => return Box::pin(pass(visit, reason)).await,
        };
        let delivered = match delivered {
            Err(Changed::Whole(source, head, outcome)) if look::suits(&visit, &head) => {
                deliver::flight(&visit, source, head, outcome).await
            }
            delivered => delivered,
        };
        // Else the version whose parts were asked for is gone: what is there now?
        if let Ok(delivered) = delivered {
            return settle(visit, delivered, None).await;
        }
    }
    Box::pin(pass(visit, Reason::PartMissing)).await
}

/// The stored object satisfies what the request demands of the present state, if it demands
/// anything. If not, only the origin knows whether that has changed (RFC 9110, 13.1.1).
fn guarded(visit: &Visit, keep: &Keep) -> bool {
    let request = visit.request();
    if !cache::guards(&request) {
        return true;
    }
    let mut head = ResponseHead::default();
    let response = look::handle(keep).and_then(|object| object.response(&mut head));
    response.is_some_and(|response| cache::guards_hold(&request, &response))
}

/// A request that goes to the origin by itself and whose answer is for this client only.
async fn pass(mut visit: Visit, reason: Reason) -> Left {
    let upload = match visit.intent.length {
        Length::None | Length::UntilClose => None,
        // It was read already.
        _ if visit.content.is_some() => None,
        length => match take_upload(&mut visit, length) {
            Ok(upload) => Some(upload),
            Err(fault) => {
                let delivered = deliver::fault(&visit, &fault, Reason::TooLarge).await;
                return settle(visit, delivered, None).await;
            }
        },
    };
    let tunnel = Rc::new(Tunnel::default());
    let source = fetch::alone(&visit, reason, upload.clone(), tunnel.clone());
    let mut found = look::wait_for_opening(&visit, source, Outcome::Pass(reason)).await;
    // What is stored can't stand in where it must be a certain version (RFC 9110, 13.1.1).
    let may_be_stale = upload.is_none() && !cache::guards(&visit.request());
    if may_be_stale && matches!(visit.intent.lookup, Lookup::Cache) {
        found = look::or_stale(&visit, found).await;
    }
    let delivered = match found {
        Found::Object(keep, outcome @ Outcome::Stale(_)) => {
            match deliver::object(&visit, keep, outcome).await {
                Ok(delivered) => delivered,
                // Not all of it is there, and nothing was sent yet.
                Err(_) => {
                    let fault = Fault::origin(502, "the origin failed, and a part is missing");
                    deliver::fault(&visit, &fault, Reason::OriginBroken).await
                }
            }
        }
        Found::Flight(source, head, outcome) if head.switches => {
            return switch(visit, source, &head, outcome, &tunnel).await;
        }
        Found::Flight(source, head, outcome) => {
            let delivered = deliver::flight(&visit, source, head, outcome).await;
            delivered.unwrap_or_else(|_| Delivered::gone())
        }
        Found::Failed(fault, reason) => deliver::fault(&visit, &fault, reason).await,
        Found::Go(reason) | Found::Object(_, Outcome::Pass(reason)) => {
            let fault = Fault::machine(503, "the response was for somebody else");
            deliver::fault(&visit, &fault, reason).await
        }
        Found::Gone | Found::Object(..) => Delivered::gone(),
    };
    if let Some((_, arrived)) = tunnel.take() {
        visit.shard.give_buffer(arrived);
    }
    settle(visit, delivered, upload).await
}

/// The origin agreed to another protocol: bytes both ways until one side ends.
async fn switch(
    visit: Visit,
    source: Source,
    head: &crate::store::FlightHead,
    outcome: Outcome,
    tunnel: &Tunnel,
) -> Left {
    let Some((connection, arrived)) = tunnel.take() else {
        return visit.finish(After::Close);
    };
    let delivered = deliver::switching(&visit, head).await;
    drop(source);
    let mut moved = 0;
    if !delivered.gone {
        let mut early = Buffer::default();
        early.extend(
            visit
                .buffer
                .unread()
                .get(visit.head.len()..)
                .unwrap_or_default(),
        );
        let idle = visit.shard.setting.limits().idle;
        let mut late = Buffer::default();
        late.extend(arrived.unread());
        moved = tunnel::run(&visit.stream, early, connection.stream.clone(), late, idle).await;
    }
    visit.shard.give_buffer(arrived);
    let outcome = if delivered.gone {
        outcome
    } else {
        Outcome::Tunnel
    };
    record::write(
        &visit,
        &Delivered {
            bytes: moved,
            outcome,
            ..delivered
        },
    );
    visit.finish(After::Close)
}

/// Records what was delivered and leaves the connection in order for what follows.
async fn settle(mut visit: Visit, delivered: Delivered, upload: Option<Rc<Upload>>) -> Left {
    record::write(&visit, &delivered);
    let mut keep = delivered.keep && !delivered.gone;
    if let Some(upload) = upload {
        if !upload.is_done() {
            // The answer came before the content was taken: the rest can't be told from a request.
            keep = false;
            if !delivered.gone {
                visit.stream.close_write();
            }
            upload.give_up();
        }
        upload.finished().await;
        if let Some(rest) = upload.take_rest() {
            let spent = std::mem::replace(&mut visit.buffer, rest);
            visit.shard.give_buffer(spent);
            let after = after(keep, delivered.gone);
            return Left {
                buffer: visit.buffer,
                head: visit.head,
                after,
            };
        }
    } else if !matches!(visit.intent.length, Length::None) && visit.content.is_none() {
        // Refused before its content was read.
        keep = false;
    }
    visit.finish(after(keep, delivered.gone))
}

fn after(keep: bool, gone: bool) -> After {
    match (gone, keep) {
        (true, _) => After::Close,
        (false, true) => After::Next,
        (false, false) => After::Linger,
    }
}

/// Moves what follows the head into an upload.
fn take_upload(visit: &mut Visit, length: Length) -> Result<Rc<Upload>, Fault> {
    let limit = visit.shard.setting.limits().body_bytes;
    if matches!(length, Length::Exact(bytes) if bytes > limit) {
        return Err(Fault::client(
            413,
            "the content is larger than this server takes",
        ));
    }
    let Some(mut carry) = visit.shard.take_buffer() else {
        return Err(Fault::machine(503, "no memory for the request's content"));
    };
    let rest = visit
        .buffer
        .unread()
        .get(visit.head.len()..)
        .unwrap_or_default();
    if rest.len() > carry.room() && !visit.shard.grow_buffer(&mut carry, rest.len()) {
        visit.shard.give_buffer(carry);
        return Err(Fault::machine(503, "no memory for the request's content"));
    }
    carry.extend(rest);
    Ok(Upload::new(visit.stream.clone(), carry, length, limit))
}

/// The cache's handle for a write.
pub(crate) fn own(object: &std::sync::Arc<crate::store::Object>) -> Keep {
    Keep::Object(object.clone())
}
