//! The hit path allocates nothing: counted, on a real shard with real sockets.

#![allow(clippy::unwrap_used)]

use ringside_shards::store::disk::progress::Console;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what every thread but the test's own ones takes.
struct Counting;

static TAKEN: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static OURS: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !OURS.try_with(Cell::get).unwrap_or(true) {
        TAKEN.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: everything is the system allocator's; counting takes no memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REQUEST: &[u8] =
    b"GET /thing?a=1 HTTP/1.1\r\nHost: ringside.test\r\nUser-Agent: test\r\n\r\n";

fn origin() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        OURS.set(true);
        let (mut socket, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        while socket.read(&mut asked).unwrap_or(0) > 0 {
            let body = "x".repeat(1024);
            let head =
                "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\nContent-Length: 1024\r\n\r\n";
            socket
                .write_all(format!("{head}{body}").as_bytes())
                .unwrap();
        }
    });
    address
}

/// Asks once and reads the whole answer; returns whether it was a hit.
fn ask(client: &mut TcpStream, answer: &mut [u8; 8192]) -> bool {
    client.write_all(REQUEST).unwrap();
    let mut got = 0;
    loop {
        got += client.read(&mut answer[got..]).unwrap();
        let head = answer[..got]
            .windows(4)
            .position(|four| four == b"\r\n\r\n");
        if head.is_some_and(|head| got >= head + 4 + 1024) {
            return answer[..got].windows(5).any(|five| five == b"; hit");
        }
    }
}

#[test]
fn a_hit_allocates_nothing() {
    OURS.set(true);
    let text = format!(
        "[shards]\ncount = 1\npin = false\n[memory]\nsize = \"16MiB\"\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n[origins.one]\nservers = [\"{}\"]\n",
        origin()
    );
    let plan = ringside_config::read(&text, "test").unwrap();
    let crew = ringside_shards::crew::start(plan, &mut Console::new(|| false)).unwrap();
    let mut client = TcpStream::connect(crew.listening[0]).unwrap();
    client.set_nodelay(true).unwrap();
    let mut answer = [0; 8192];
    for _ in 0..200 {
        ask(&mut client, &mut answer);
    }
    // The tick may take something now and then, so the best of several rounds counts.
    let rounds = (0..8).map(|_| {
        let before = TAKEN.load(Ordering::Relaxed);
        for _ in 0..500 {
            assert!(ask(&mut client, &mut answer), "not a hit");
        }
        TAKEN.load(Ordering::Relaxed) - before
    });
    let least = rounds.min().unwrap();
    drop(client);
    crew.stop();
    assert_eq!(least, 0, "allocations in 500 hits");
}
