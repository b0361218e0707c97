//! Whatever a text is: a Plan or faults, and never a panic.

use crate::{read, EXAMPLE};

/// A second seed text that reaches what the example does not.
const WIDE: &str = r#"
listen = [{ address = ":80" }, { address = "[::1]:81", backlog = 3 }]
[shards]
count = "auto"
[[disk]]
path = "/a"
size = "64MiB"
[[disk]]
path = "/b"
[origins.app]
servers = ["a", "[::1]:80", "127.0.0.1"]
idle = "1m30s"
[origins."b"]
servers = ["b"]
[[sites]]
hosts = ["a.org", "*.b.org", "*"]
[[sites.routes]]
path = "/%C3%BC/"
origin = "b"
cache.key = { ignore = ["utm_*"], sort = false }
cache.negative = { 404 = "10s", 5xx = "1s" }
cache.stale_if_error = "off"
cache.disk = "always"
[[sites.routes]]
origin = "app"
cache = false
[limits]
fields = 200
[proxy]
forwarded = "both"
[cache_status]
to = ["10.0.0.0/8", "::1"]
[control]
targets = ["CDN-Cache-Control"]
tags = []
[log]
target = "stdout"
[admin]
address = "127.0.0.1:9"
"#;

/// Pieces that a random byte would hardly ever make.
const PIECES: &[&str] = &[
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ".",
    ",",
    "\n",
    "\r\n",
    "\\",
    "\0",
    "ü",
    "\u{feff}",
    "\u{202e}",
    "%",
    "%4",
    "*",
    "/",
    "//",
    "..",
    "://",
    ":",
    "::",
    "-",
    "_",
    " ",
    "true",
    "1979-05-27",
    "nan",
    "-1",
    "9999999999999999999",
    "1e999",
    "0x10",
    "auto",
    "[disk]\n",
    "files = \"\"\n",
    "[origins.app]\n",
    "[[sites]]\n",
    "[sites]\n",
    "cache = 1\n",
    "cache.key = 1\n",
    "cache.refresh = {}\n",
    "origins = 1\n",
    "18446744073709551615TiB",
    "99999999999d",
    "1m1m",
    "/129",
    "cache.negative = 1\n",
    "4xx",
    "::ffff:0.0.0.1/95",
];

struct XorShift(u64);

impl XorShift {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }
}

fn mutate(text: &str, chance: &mut XorShift) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=chance.below(2) {
        let at = chance.below(chars.len() + 1);
        let end = (at + chance.below(12)).min(chars.len());
        match chance.below(9) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let piece = PIECES[chance.below(PIECES.len())];
                chars.splice(at..at, piece.chars());
            }
            2 => {
                let piece = PIECES[chance.below(PIECES.len())];
                chars.splice(at..end, piece.chars());
            }
            3 => {
                let copy: Vec<char> = chars[at..end].to_vec();
                let to = chance.below(chars.len() + 1);
                chars.splice(to..to, copy);
            }
            _ => {
                // Within a word or number, so that the text stays TOML and its meaning is judged.
                let plain = |c: &&mut char| c.is_ascii_alphanumeric();
                let new = b"abckmstGMi_-.0159"[chance.below(17)];
                if let Some(c) = chars[at..].iter_mut().find(plain) {
                    *c = char::from(new);
                }
            }
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_panics_and_every_fault_is_a_line_with_a_place() {
    let (mut read_well, mut refused, mut not_toml) = (0, 0, 0);
    for seed in 1..=6000u64 {
        let mut chance = XorShift(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let text = mutate(if seed % 2 == 0 { EXAMPLE } else { WIDE }, &mut chance);
        match std::panic::catch_unwind(|| read(&text, "f")) {
            Ok(Ok(plan)) => {
                read_well += 1;
                assert!(
                    !plan.listen.is_empty() && !plan.sites.is_empty(),
                    "seed {seed}: {text}"
                );
                assert!(
                    plan.origins.iter().all(|o| !o.servers.is_empty()),
                    "seed {seed}: {text}"
                );
                for site in &plan.sites {
                    assert!(
                        !site.hosts.is_empty() && !site.routes.is_empty(),
                        "seed {seed}: {text}"
                    );
                    let good =
                        |r: &crate::Route| r.origin < plan.origins.len() && r.path.starts_with('/');
                    assert!(site.routes.iter().all(good), "seed {seed}: {text}");
                }
            }
            Ok(Err(faults)) => {
                assert!(!faults.faults.is_empty(), "seed {seed}: {text}");
                match faults.faults[0].path.is_empty() {
                    true => not_toml += 1,
                    false => refused += 1,
                }
                let shown = faults.to_string();
                assert_eq!(
                    shown.lines().count(),
                    faults.faults.len(),
                    "seed {seed}: {shown}\n{text}"
                );
                for fault in &faults.faults {
                    let line = text.split('\n').nth(fault.line - 1);
                    let chars = line.map_or(0, |line| line.chars().count());
                    assert!(line.is_some(), "seed {seed}: {fault}\n{text}");
                    assert!(
                        (1..=chars + 1).contains(&fault.column),
                        "seed {seed}: {fault}\n{text}"
                    );
                }
            }
            Err(_) => panic!("seed {seed} panics:\n{text}"),
        }
    }
    // Otherwise the mutations are too wild or too tame to say anything.
    let counts = [read_well, refused, not_toml];
    assert!(counts.iter().all(|count| *count > 500), "{counts:?}");
}

#[test]
fn deep_and_long_texts_are_faults() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{a=".repeat(100_000)),
        format!("{}a = 1", "a.".repeat(100_000)),
        format!("[{}a]", "a.".repeat(100_000)),
        format!("[origins.\"{}\"]\nservers = [\"a\"]", "a".repeat(100_000)),
        format!("[log]\ntarget = \"{}\"", "a".repeat(100_000)),
        format!("{} = 1", "a".repeat(100_000)),
    ] {
        let faults = super::faults(&text);
        assert!(
            faults.iter().all(|fault| fault.len() < 1000),
            "{}",
            faults[0].len()
        );
    }
}
