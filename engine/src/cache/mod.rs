//! RFC 9111 as pure functions of (request head, response head or stored facts, policy, now).
//!
//! | question | file | section |
//! |---|---|---|
//! | what do the directives say? | [`control`] | 5.2, 5.4; RFC 9213 |
//! | may the cache answer this request at all? | [`lookup`] | 2, 4 |
//! | may this response be stored? | [`storable`](mod@storable) | 3, 3.5 |
//! | and which of its fields may not? | [`withheld`](mod@withheld) | 3.1, 5.2.2.4, 5.2.2.7 |
//! | how old is it, and for how long fresh? | [`facts`], [`age`], [`fresh`] | 4.2 |
//! | and of use once it is stale? | `stale` | 4.2.4; RFC 5861 |
//! | may what is stored be served to this request? | [`serve`](mod@serve) | 4, 5.2.1; RFC 5861 |
//! | which stored response does a request select? | [`vary`] | 4.1 |
//! | does the client, or the origin, have it already? | [`validate`] | 4.3 |
//! | what does a 304, or the answer to a HEAD, change? | [`update`] | 3.2, 4.3.4, 4.3.5 |
//! | which part of it was asked for? | [`part`](mod@part) | 9110, 14 |
//! | which part came, and what is missing? | [`extent`] | 3.3, 3.4 |
//! | what does an unsafe request outdate? | [`invalidate`] | 4.4 |
//!
//! Nothing here keeps state, knows a clock, a key or where a response is stored.

pub mod age;
pub mod control;
pub mod extent;
pub mod facts;
pub mod fresh;
pub mod invalidate;
pub mod lookup;
pub mod part;
pub mod policy;
pub mod serve;
mod stale;
pub mod storable;
pub mod update;
pub mod validate;
pub mod vary;
pub mod withheld;

#[cfg(test)]
mod tests;

pub use control::{Control, Delta};
pub use extent::{missing, push_range, same_entity, still_same, whole_head, window, Extent};
pub use facts::{Facts, Times};
pub use invalidate::{invalidates, resolve, same_origin_target};
pub use lookup::{request, Lookup};
pub use part::{part, Part};
pub use policy::{AcceptLanguage, Policy, Refresh, SetCookie};
pub use serve::{in_place_of_error, is_error, only_if_cached, serve, Serve};
pub use storable::{post_answers_get, storable, storable_part};
pub use update::{freshen, head_answers, selects, HeadEffect};
pub use validate::{
    conditionals, conditionals_of, guards, guards_hold, has_conditions, not_modified_head,
    preconditions, selected, Verdict,
};
pub use vary::Vary;
pub use withheld::{withheld, Withheld};
