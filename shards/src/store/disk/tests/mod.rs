//! The disk cache on a disk that does harm.

mod charged;
mod finding;
mod history;
mod kit;
mod plain;
mod starts;
