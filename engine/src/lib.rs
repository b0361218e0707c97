//! Ringside's decisions, as pure functions: no clock, no chance, no threads, no I/O.
//!
//! Three floors; a room imports only from floors below, rooms of one floor do not import each
//! other:
//! - *words*: [`time`], [`key`], [`limits`], [`fault`], [`outcome`], [`http`]
//! - *rooms*: [`cache`], [`store`], [`route`], [`origin`], [`purge`], [`report`]
//! - *corridor*: what spans rooms: [`explain`]
//!
//! Time and seeds come in as arguments, so every decision can be tested by a table and replayed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod fault;
pub mod http;
pub mod key;
pub mod limits;
pub mod outcome;
pub mod time;

pub mod cache;
pub mod origin;
pub mod purge;
pub mod report;
pub mod route;
pub mod store;

pub mod explain;
