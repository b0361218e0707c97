//! The fuzz targets in small: their bodies, driven by mutations of valid inputs from a seed. It
//! stands in for cargo-fuzz where there is only a stable compiler, and every failure can be
//! repeated: `RINGSIDE_SEED=... cargo test -p ringside-engine --test mutations`.

#[path = "../../fuzz/bodies.rs"]
mod bodies;

/// Cases per target; all of them together take a second or two.
const CASES: u32 = 40_000;

/// Cases per target where each writes and reads a segment.
const STORE_CASES: u32 = 3_000;

/// SplitMix64: a few lines, and the same numbers for ever.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }
}

/// What parsers have stumbled over.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b":",
    b",",
    b"\"",
    b"\\",
    b";",
    b"%",
    b"%2e",
    b"..",
    b"/",
    b"?",
    b"#",
    b"\x7f",
    b"\x0b",
    b"\xff",
    b"\r\n ",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"chunked",
    b"close",
    b"5",
    b"0",
    b"-1",
    b"+",
    b"f",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 5\r\n",
    b"Host: b\r\n",
    b"Connection: host\r\n",
    b"X-Forwarded-For: \"\r\n",
    b"HTTP/1.0",
    b"HTTP/1.9",
    b" HTTP/1.1",
    b"ffffffffffffffff",
    b"18446744073709551616",
    b"=",
    b"&",
    b";",
    b"(",
    b")",
    b"?1",
    b"%C3%A9",
];

/// A few changes to `bytes`: a byte turned, a piece put in, a part taken out or doubled.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + chance.below(12)).min(bytes.len());
        match chance.below(6) {
            0 if at < bytes.len() => bytes[at] = chance.next() as u8,
            1 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part));
            }
            4 => {
                let from = chance.below(other.len() + 1);
                drop(bytes.splice(at..end, other[from..].iter().copied()));
            }
            _ => drop(bytes.splice(at..at, chance.pick(PIECES).iter().copied())),
        }
    }
}

/// Tells the case if its body panics.
struct Case<'a>(&'a str, u64, u32, &'a [u8]);

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Case(name, seed, case, bytes) = self;
            eprintln!(
                "{name}: RINGSIDE_SEED={seed}, case {case}: b\"{}\"",
                bytes.escape_ascii()
            );
        }
    }
}

#[test]
fn whatever_comes_from_peers_and_disks_the_promises_hold() {
    let seed = std::env::var("RINGSIDE_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or(20_261_123);
    for (name, body, starts) in bodies::ALL {
        // The starts as they are: a target that cannot read them tests nothing.
        starts.iter().for_each(|bytes| body(bytes));
        let mut chance = Chance(seed);
        let is_store = name.starts_with("store_");
        let cases = if is_store { STORE_CASES } else { CASES };
        for case in 0..cases {
            let mut bytes = chance.pick(starts).to_vec();
            let other = chance.pick(starts);
            mutate(&mut bytes, other, &mut chance);
            let _told = Case(name, seed, case, &bytes);
            body(&bytes);
        }
    }
}
