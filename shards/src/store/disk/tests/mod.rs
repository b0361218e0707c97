//! The disk cache on a disk that does harm.

mod history;
mod kit;
mod plain;
