//! Round robin over an origin's servers, past those that failed.
//!
//! | a server is | from | it gets |
//! |---|---|---|
//! | up | the start, or a success | its turn |
//! | down | a failure | nothing for a few seconds |
//! | on trial | the end of that time | one request; the next after as long again, or at once when it succeeds |

use crate::time::Mono;
use alloc::vec;
use alloc::vec::Vec;

/// How long a server that failed gets no requests, in milliseconds. Short: other shards and the
/// health of the server know nothing of our mark, and a restart takes seconds.
const DOWN_MS: u64 = 3000;

/// The servers of one origin, as one shard sees them.
#[derive(Clone, Debug)]
pub struct Balance {
    servers: Vec<Server>,
    turn: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    /// Set while it is down: when that was noticed last, or its trial began.
    down_since: Option<Mono>,
}

impl Balance {
    /// All of `servers` up.
    #[must_use]
    pub fn new(servers: usize) -> Balance {
        Balance {
            servers: vec![Server::default(); servers],
            turn: 0,
        }
    }

    /// The server to ask now: the next that is up or due for a trial. When all are down, the one
    /// that has been for longest: to ask costs little, and to refuse would be certain failure.
    /// 0 when there are none.
    pub fn next(&mut self, now: Mono) -> usize {
        let count = self.servers.len();
        let first = self.turn;
        for at in (first..count).chain(0..first.min(count)) {
            let Some(server) = self.servers.get_mut(at) else {
                break;
            };
            let due = server
                .down_since
                .is_none_or(|since| now.since(since) >= DOWN_MS);
            if due {
                self.turn = (at + 1) % count;
                // Of all that come while a trial is under way, only the first is part of it.
                server.down_since = server.down_since.map(|_| now);
                return at;
            }
        }
        let longest = (0..count).min_by_key(|at| self.servers.get(*at).map(|one| one.down_since));
        let at = longest.unwrap_or(0);
        if let Some(server) = self.servers.get_mut(at) {
            // So that the next one asked is another.
            server.down_since = Some(now);
        }
        at
    }

    /// This server could not be reached, or did not answer.
    pub fn failed(&mut self, server: usize, now: Mono) {
        if let Some(server) = self.servers.get_mut(server) {
            server.down_since = Some(now);
        }
    }

    /// This server answered.
    pub fn ok(&mut self, server: usize) {
        if let Some(server) = self.servers.get_mut(server) {
            server.down_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Mono {
        Mono(ms)
    }

    fn turns(balance: &mut Balance, count: usize, now: Mono) -> Vec<usize> {
        (0..count).map(|_| balance.next(now)).collect()
    }

    #[test]
    fn servers_take_turns() {
        let mut balance = Balance::new(3);
        assert_eq!(turns(&mut balance, 7, at(0)), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(turns(&mut Balance::new(1), 3, at(0)), [0, 0, 0]);
        assert_eq!(
            turns(&mut Balance::new(0), 2, at(0)),
            [0, 0],
            "and nothing panics"
        );
    }

    #[test]
    fn a_failed_server_is_left_out_for_a_while_then_tried_once() {
        let mut balance = Balance::new(3);
        balance.failed(1, at(10));
        assert_eq!(turns(&mut balance, 4, at(10)), [0, 2, 0, 2]);
        assert_eq!(turns(&mut balance, 3, at(3009)), [0, 2, 0]);
        assert_eq!(turns(&mut balance, 4, at(3010)), [1, 2, 0, 2], "one trial");
        balance.failed(1, at(3020));
        assert_eq!(turns(&mut balance, 2, at(6019)), [0, 2]);
        assert_eq!(turns(&mut balance, 2, at(6020)), [0, 1]);
        balance.ok(1);
        assert_eq!(turns(&mut balance, 3, at(6020)), [2, 0, 1], "back at once");
    }

    #[test]
    fn with_all_down_the_one_down_longest_is_asked() {
        let mut balance = Balance::new(3);
        balance.failed(2, at(1));
        balance.failed(0, at(2));
        balance.failed(1, at(3));
        assert_eq!(turns(&mut balance, 4, at(4)), [2, 0, 1, 0].map(|n| n));
    }

    #[test]
    fn a_number_that_is_no_server_changes_nothing() {
        let mut balance = Balance::new(1);
        balance.failed(7, at(0));
        balance.ok(7);
        assert_eq!(balance.next(at(0)), 0);
    }
}
