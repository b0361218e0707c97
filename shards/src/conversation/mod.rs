//! The client side of a connection: from its first byte to its close.

pub mod http1;
