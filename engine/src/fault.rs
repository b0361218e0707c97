//! What ended an exchange, whose fault that was, and what to answer.

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client sent something wrong, too much, or too slowly.
    Client,
    /// The origin did not answer, or answered nonsense.
    Origin,
    /// This machine or this program could not: no memory, no descriptors.
    Machine,
}

/// A fault as a value: answered and counted, never a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose fault.
    pub side: Side,
    /// The status to answer with.
    pub status: u16,
    /// What went wrong, for the error page and the log.
    pub what: &'static str,
}

impl Fault {
    /// The client's fault.
    #[must_use]
    pub const fn client(status: u16, what: &'static str) -> Fault {
        Fault {
            side: Side::Client,
            status,
            what,
        }
    }

    /// The origin's fault.
    #[must_use]
    pub const fn origin(status: u16, what: &'static str) -> Fault {
        Fault {
            side: Side::Origin,
            status,
            what,
        }
    }

    /// This machine's fault.
    #[must_use]
    pub const fn machine(status: u16, what: &'static str) -> Fault {
        Fault {
            side: Side::Machine,
            status,
            what,
        }
    }
}
