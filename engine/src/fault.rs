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
    /// The same request may be sent again elsewhere without harm, whatever its method: the origin
    /// has seen nothing of it (RFC 9110, 9.2.2).
    pub retry_safe: bool,
}

impl Fault {
    /// The client's fault.
    #[must_use]
    pub const fn client(status: u16, what: &'static str) -> Fault {
        Fault { side: Side::Client, status, what, retry_safe: false }
    }

    /// The origin's fault.
    #[must_use]
    pub const fn origin(status: u16, what: &'static str) -> Fault {
        Fault { side: Side::Origin, status, what, retry_safe: false }
    }

    /// This machine's fault.
    #[must_use]
    pub const fn machine(status: u16, what: &'static str) -> Fault {
        Fault { side: Side::Machine, status, what, retry_safe: false }
    }

    /// The same fault, found before anything of the request was sent.
    #[must_use]
    pub const fn before_sending(self) -> Fault {
        Fault { retry_safe: true, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_sent_is_safe_to_retry() {
        let refused = Fault::origin(502, "the origin refused the connection");
        assert!(!refused.retry_safe);
        assert_eq!(refused.before_sending(), Fault { retry_safe: true, ..refused });
        assert_eq!(Fault::client(400, "").side, Side::Client);
        assert_eq!(Fault::machine(503, "").side, Side::Machine);
    }
}
