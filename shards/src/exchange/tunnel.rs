//! Bytes both ways, once both sides have agreed to speak something else than HTTP.

use crate::rt::{self, oneshot, Buffer, Stream, When};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Bytes moved at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// Runs until both directions ended, or nothing moved for `idle`. `early` are bytes of the client
/// and of the origin that have arrived already. Returns the bytes sent to the client.
pub async fn run(
    client: &Rc<Stream>,
    early: Buffer,
    origin: Rc<Stream>,
    arrived: Buffer,
    idle: Duration,
) -> u64 {
    let sent = Rc::new(Cell::new(0));
    let (done, up_done) = oneshot::<()>();
    let (from, to) = (client.clone(), origin.clone());
    rt::spawn(
        async move {
            relay(&from, &to, early, idle, &Cell::new(0)).await;
            drop(done);
        },
        || {},
    );
    relay(&origin, client, arrived, idle, &sent).await;
    up_done.await;
    sent.get()
}

async fn relay(from: &Stream, to: &Stream, early: Buffer, idle: Duration, moved: &Cell<u64>) {
    let mut bytes = early.unread().to_vec();
    drop(early);
    let mut buffer = Buffer::with_capacity(PIECE_BYTES);
    loop {
        if !bytes.is_empty() {
            let n = bytes.len() as u64;
            to.deadline(When::Write, idle, rt::now());
            let (result, spent) = to.write_all(bytes).await;
            if result.is_err() {
                break;
            }
            moved.set(moved.get() + n);
            bytes = spent;
            bytes.clear();
        }
        // Movement either way keeps both sockets alive: each read sets its own deadline, and the
        // other direction's write sets it again.
        from.deadline(When::Write, idle, rt::now());
        let (result, read) = from.read(buffer).await;
        buffer = read;
        match result {
            Ok(n) if n > 0 => {
                bytes.extend_from_slice(buffer.unread());
                buffer.clear();
            }
            Ok(_) if !from.expired() => {
                // One side has said all; the other may still speak.
                to.close_write();
                return;
            }
            _ => break,
        }
    }
    from.close();
    to.close();
}
