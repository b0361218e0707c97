//! RFC 9111 as pure functions of (request head, response head or stored facts, policy, now).
//!
//! | question | file | section |
//! |---|---|---|
//! | what do the directives say? | [`control`] | 5.2, 5.4 |
//! | may the cache answer this request at all? | [`lookup`] | 2, 4 |
//! | may this response be stored? | [`storable`](mod@storable) | 3, 3.5 |
//! | how old is it, and for how long fresh? | [`facts`], [`age`], [`fresh`] | 4.2 |
//! | may what is stored be served to this request? | [`serve`](mod@serve) | 4, 5.2.1 |
//! | which stored response does a request select? | [`vary`] | 4.1 |
//! | does the client, or the origin, have it already? | [`validate`] | 4.3 |
//! | what does a 304 change? | [`update`] | 3.2, 4.3.4 |
//! | which part of it was asked for? | [`part`](mod@part) | 9110, 14 |
//! | what does an unsafe request outdate? | [`invalidate`] | 4.4 |
//!
//! Nothing here keeps state, knows a clock, a key or where a response is stored.

pub mod age;
pub mod control;
pub mod facts;
pub mod fresh;
pub mod invalidate;
pub mod lookup;
pub mod part;
pub mod policy;
pub mod serve;
pub mod storable;
pub mod update;
pub mod validate;
pub mod vary;

#[cfg(test)]
mod tests;

pub use control::{Control, Delta};
pub use facts::{Facts, Times};
pub use invalidate::{invalidates, same_origin_target};
pub use lookup::{request, Lookup};
pub use part::{part, Part};
pub use policy::{Policy, Refresh};
pub use serve::{only_if_cached, serve, Serve};
pub use storable::storable;
pub use update::{freshen, selects};
pub use validate::{conditionals, has_conditions, not_modified_head, preconditions, Verdict};
pub use vary::Vary;
