//! The walls of the house (docs/architecture.md): which crate and which room may name which. Reads
//! the source tree, so a wrong import fails here with its file and line, whether or not it compiles.
//!
//! Comments and strings do not count: a message to the operator may speak of io_uring.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate of the workspace, and the crates of ours that it may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("engine", &["config"]),
    ("shards", &["config", "engine"]),
    ("tests", &["config", "engine"]),
    ("bench", &["engine", "shards"]),
];

/// The rooms of a crate from the ground up, each with the rooms it may name. All of them stand
/// above it in the list, so there is no circle.
type Rooms = &'static [(&'static str, &'static [&'static str])];

/// Words are for all; rooms know words only, never each other; a corridor knows rooms.
const ENGINE: Rooms = &[
    ("time", &[]),
    ("limits", &[]),
    ("fault", &[]),
    ("outcome", &[]),
    ("key", WORDS),
    ("http", WORDS),
    ("cache", WORDS_AND_HTTP),
    ("store", WORDS_AND_HTTP),
    ("route", WORDS_AND_HTTP),
    ("origin", WORDS_AND_HTTP),
    ("purge", WORDS_AND_HTTP),
    ("report", WORDS_AND_HTTP),
    ("explain", ROOMS),
];
const WORDS: &[&str] = &["time", "limits", "fault", "outcome"];
const WORDS_AND_HTTP: &[&str] = &["time", "limits", "fault", "outcome", "key", "http"];

/// A corridor spans rooms, and names those that it goes through.
const ROOMS: &[&str] = &[
    "time", "limits", "outcome", "key", "http", "cache", "route", "purge",
];

const SHARDS: Rooms = &[
    ("rt", &[]),
    ("counters", &[]),
    ("log", &[]),
    ("store", &["rt"]),
    ("siblings", &["rt", "store"]),
    ("keeper", &["rt", "store", "siblings"]),
    ("origin", &["rt", "counters", "siblings"]),
    (
        "shard",
        &["rt", "counters", "log", "store", "siblings", "origin"],
    ),
    ("behind", &["rt", "shard"]),
    ("exchange", &["rt", "store", "siblings", "origin", "shard"]),
    ("conversation", &["rt", "store", "shard", "exchange"]),
    ("listen", &["rt", "siblings", "shard", "conversation"]),
    (
        "admin",
        &["rt", "counters", "store", "siblings", "shard", "exchange"],
    ),
    (
        "crew",
        &[
            "rt", "counters", "log", "store", "siblings", "keeper", "origin", "shard", "behind",
            "exchange", "listen", "admin",
        ],
    ),
    ("commands", &["rt", "store", "crew"]),
    ("main", &["commands"]),
];

/// Where the tests may name our crates: the tables of rules go to the engine's public face. All
/// else sees only what can be seen from outside.
const TESTS_FROM_WITHIN: &[&str] = &["tests/tests/rules/"];

/// Where `unsafe` may stand. Nothing else in any `src`.
const UNSAFE: &[&str] = &[
    "shards/src/rt/",
    "shards/src/store/arena.rs",
    "shards/src/siblings/mailbox.rs",
    "bench/src/sys.rs",
    "tests/src/sys.rs",
];

/// Where a thread may wait for the kernel other than through the ring: before the shards run, or
/// on a thread beside them.
const BLOCKING: &[&str] = &[
    "shards/src/rt/",
    "shards/src/log.rs",
    "shards/src/crew.rs",
    "shards/src/keeper/",
    "shards/src/origin/resolve.rs",
    "shards/src/store/disk/prepare.rs",
    "shards/src/store/disk/prepare/",
    "shards/src/commands/",
];

#[test]
fn crates_depend_downwards() {
    let mut found = Faults::default();
    for (name, allowed) in CRATES {
        let path = root().join(name).join("Cargo.toml");
        let text = read(&path);
        for (line, entry) in (1..).zip(text.lines()) {
            let entry = entry.trim();
            let key = entry.split(['.', '=', ' ']).next().unwrap_or_default();
            if let Some(other) = key.strip_prefix("ringside-") {
                if !allowed.contains(&other) {
                    found.add(&path, line, &format!("{name} may not depend on {other}"));
                }
            }
            if *name != "shards" && matches!(key, "monoio" | "io-uring" | "glommio") {
                found.add(&path, line, &format!("{name} may not depend on {key}"));
            }
        }
    }
    found.none();
}

#[test]
fn rooms_of_the_engine_know_words_only() {
    rooms("engine", ENGINE);
}

#[test]
fn rooms_of_the_shards_know_those_below() {
    rooms("shards", SHARDS);
}

#[test]
fn each_runtime_is_known_to_one_room() {
    let mut found = Faults::default();
    for (path, tokens) in sources(&["config", "engine", "shards", "tests", "bench"]) {
        for token in tokens {
            let room = match &*token.text {
                "monoio" | "io_uring" => "shards/src/rt/",
                "glommio" => "shards/src/keeper/",
                _ => continue,
            };
            if !is_in(&path, &[room]) {
                let what = format!("{} is known to {room} only", token.text);
                found.add(&path, token.line, &what);
            }
        }
    }
    found.none();
}

#[test]
fn tests_stay_outside() {
    let mut paths = Vec::new();
    collect(&root().join("tests"), &mut paths);
    let mut found = Faults::default();
    let mut from_within = false;
    for path in paths {
        for token in tokens(&without_comments(&read(&path))) {
            let ours = ["ringside_config", "ringside_engine", "ringside_shards"];
            if !ours.contains(&&*token.text) {
                continue;
            }
            if is_in(&path, TESTS_FROM_WITHIN) {
                from_within = true;
            } else {
                let what = format!("{} outside {TESTS_FROM_WITHIN:?}", token.text);
                found.add(&path, token.line, &what);
            }
        }
    }
    assert!(from_within, "{TESTS_FROM_WITHIN:?} names none of ours");
    found.none();
}

#[test]
fn unsafe_has_its_places() {
    let mut found = Faults::default();
    for (path, tokens) in sources(&["config", "engine", "shards", "tests", "bench"]) {
        for token in tokens.iter().filter(|token| token.text == "unsafe") {
            if !is_in(&path, UNSAFE) {
                found.add(&path, token.line, &format!("`unsafe` outside {UNSAFE:?}"));
            }
        }
    }
    found.none();
}

#[test]
fn the_engine_is_pure() {
    let path = root().join("engine/src/lib.rs");
    let code = without_comments(&read(&path));
    for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        let there = code.lines().any(|line| line.trim() == attribute);
        assert!(there, "{}:1: {attribute} is missing", path.display());
    }
    // Without std there is no clock, no chance, no thread and no I/O to be called.
    let mut found = Faults::default();
    for (path, tokens) in sources(&["engine"]) {
        let texts: Vec<&str> = tokens.iter().map(|token| &*token.text).collect();
        for at in 0..texts.len() {
            let links = texts[at..].starts_with(&["extern", "crate", "std"]);
            if links && !texts[..at].ends_with(&FOR_TESTS) {
                let what = "the engine has no std outside its tests";
                found.add(&path, tokens[at].line, what);
            }
        }
    }
    found.none();
}

#[test]
fn nothing_blocks_on_a_shard() {
    let mut found = Faults::default();
    for (path, tokens) in sources(&["shards"]) {
        let tokens = before_tests(&tokens);
        for (line, name) in named_after("std", tokens) {
            if matches!(&*name, "fs" | "thread") && !is_in(&path, BLOCKING) {
                found.add(&path, line, &format!("std::{name} outside {BLOCKING:?}"));
            }
        }
    }
    found.none();
}

/// Checks every file of a crate against the table of its rooms.
fn rooms(name: &str, rooms: Rooms) {
    for (at, (room, allowed)) in rooms.iter().enumerate() {
        for other in *allowed {
            let below = rooms[..at].iter().any(|(lower, _)| lower == other);
            assert!(below, "the table itself: {other} is not below {room}");
        }
    }
    let mut found = Faults::default();
    let mut seen = Vec::new();
    for (path, tokens) in sources(&[name]) {
        let relative = relative(&path);
        let Some(inside) = relative.strip_prefix(&format!("{name}/src/")) else {
            continue;
        };
        let modules = module_path(inside);
        let Some(room) = modules.first() else {
            // lib.rs only lists the rooms.
            continue;
        };
        let Some((_, allowed)) = rooms.iter().find(|(known, _)| known == room) else {
            found.add(&path, 1, &format!("{room} has no place in the table"));
            continue;
        };
        seen.push(room.clone());
        for (line, other) in rooms_named(&modules, &format!("ringside_{name}"), &tokens) {
            if other != *room && !allowed.contains(&&*other) {
                found.add(&path, line, &format!("{room} may not name {other}"));
            }
        }
    }
    for (room, _) in rooms {
        let there = seen.iter().any(|known| known == room);
        assert!(
            there,
            "{name}/src has no room {room}: take it from the table"
        );
    }
    found.none();
}

// What the rules look at.

const FOR_TESTS: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];

/// A file's tokens up to its tests, which stand last.
fn before_tests(tokens: &[Token]) -> &[Token] {
    let texts: Vec<&str> = tokens.iter().map(|token| &*token.text).collect();
    let end = texts
        .windows(FOR_TESTS.len() + 1)
        .position(|at| at.starts_with(&FOR_TESTS) && at.ends_with(&["mod"]));
    &tokens[..end.unwrap_or(tokens.len())]
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The path from the root of the repository, with `/`.
fn relative(path: &Path) -> String {
    let root = root();
    let inside = path.strip_prefix(&root).unwrap_or(path);
    inside.to_string_lossy().replace('\\', "/")
}

fn is_in(path: &Path, places: &[&str]) -> bool {
    let path = relative(path);
    places
        .iter()
        .any(|place| path == *place || (place.ends_with('/') && path.starts_with(place)))
}

/// All files of the `src` of these crates.
fn sources(crates: &[&str]) -> Vec<(PathBuf, Vec<Token>)> {
    let mut paths = Vec::new();
    for name in crates {
        let src = root().join(name).join("src");
        let before = paths.len();
        collect(&src, &mut paths);
        assert!(
            paths.len() > before,
            "{}: no source is there",
            src.display()
        );
    }
    paths.sort();
    let tokens_of = |path: PathBuf| {
        let tokens = tokens(&without_comments(&read(&path)));
        (path, tokens)
    };
    paths.into_iter().map(tokens_of).collect()
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push(path);
        }
    }
}

/// The modules that lead to a file below `src`; `main` for the binary, none for the library's root.
fn module_path(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" => Vec::new(),
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

/// Which rooms a file names, by `crate::`, by `super::` as far as the root, or by the crate's own
/// name (the binary does).
fn rooms_named(modules: &[String], own: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let mut named = named_after("crate", tokens);
    named.extend(named_after(own, tokens));
    // How deep in braces we are, and the depths at which modules within the file began.
    let (mut depth, mut inner) = (0, Vec::new());
    let text = |at: usize| tokens.get(at).map_or("", |token| &*token.text);
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "{" if at >= 2 && text(at - 2) == "mod" => {
                depth += 1;
                inner.push(depth);
            }
            "{" => depth += 1,
            "}" => {
                inner.retain(|began| *began != depth);
                depth -= 1;
            }
            "super" => {
                let mut up = 1;
                while text(at + 1) == "::" && text(at + 2) == "super" {
                    up += 1;
                    at += 2;
                }
                if up == modules.len() + inner.len() && text(at + 1) == "::" {
                    named.extend(heads(tokens, at + 2));
                }
            }
            _ => {}
        }
        at += 1;
    }
    named.sort();
    named
}

/// The names that directly follow `prefix::`, alone or in braces.
fn named_after(prefix: &str, tokens: &[Token]) -> Vec<(usize, String)> {
    let begins = |pair: &[Token]| pair[0].text == prefix && pair[1].text == "::";
    let starts = (0..).zip(tokens.windows(2));
    let starts = starts.filter(|(_, pair)| begins(pair));
    starts
        .flat_map(|(at, _)| heads(tokens, at + 2))
        .filter(|(_, name)| name != "self")
        .collect()
}

/// The first name of the path at `at`, or of every path in the braces there.
fn heads(tokens: &[Token], at: usize) -> Vec<(usize, String)> {
    let head = |token: &Token| (token.line, token.text.clone());
    let Some(first) = tokens.get(at) else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![head(first)];
    }
    let (mut depth, mut found, mut begins) = (1, Vec::new(), true);
    for token in tokens.iter().skip(at + 1) {
        match &*token.text {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 => {
                begins = true;
                continue;
            }
            _ if depth == 1 && begins => found.push(head(token)),
            _ => {}
        }
        begins = false;
    }
    found
}

#[derive(Clone, Debug)]
struct Token {
    line: usize,
    text: String,
}

/// Names, `::`, and every other character by itself.
fn tokens(code: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    for (line, text) in (1..).zip(code.lines()) {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_name = |char: char| char.is_alphanumeric() || char == '_';
            let len = if is_name(first) {
                rest.find(|char| !is_name(char)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            let (text, after) = rest.split_at(len);
            tokens.push(Token {
                line,
                text: text.to_owned(),
            });
            rest = after.trim_start();
        }
    }
    tokens
}

/// The code with comments, strings and characters blanked, line by line as it was.
fn without_comments(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let before = out.chars().next_back();
        let in_name = before.is_some_and(|char| char.is_alphanumeric() || char == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '"' {
            string(rest, 1, "\"", true)
        } else if !in_name && ["r", "br", "cr"].iter().any(|raw| rest.starts_with(raw)) {
            raw_string(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        let (blank, after) = rest.split_at(skipped);
        out.extend(blank.chars().filter(|char| *char == '\n'));
        rest = after;
        if skipped > 0 {
            out.push(' ');
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Length of the comment at the front; such comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string whose content begins at `from` and ends with `end`.
fn string(text: &str, from: usize, end: &str, escapes: bool) -> usize {
    let mut at = from;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(end) {
            return at + end.len();
        }
        let first = rest.chars().next().map_or(1, char::len_utf8);
        at += first;
        if escapes && rest.starts_with('\\') {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the raw string at the front; 0 when a name begins with that letter.
fn raw_string(text: &str) -> usize {
    let from = text.find('r').map_or(0, |at| at + 1);
    let hashes = text[from..]
        .bytes()
        .take_while(|byte| *byte == b'#')
        .count();
    if !text[from + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    string(text, from + hashes + 1, &end, false)
}

/// Length of the character literal at the front; 0 when it is a lifetime.
fn character(text: &str) -> usize {
    let mut chars = text.chars().skip(1);
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => string(text, 1, "'", true),
        (Some(char), Some('\'')) => 2 + char.len_utf8(),
        _ => 0,
    }
}

/// What breaks a wall, all of it told at once.
#[derive(Default)]
struct Faults(String);

impl Faults {
    fn add(&mut self, path: &Path, line: usize, what: &str) {
        let _ = writeln!(self.0, "  {}:{line}: {what}", relative(path));
    }

    #[track_caller]
    fn none(self) {
        assert!(self.0.is_empty(), "walls are broken:\n{}", self.0);
    }
}

// The eyes themselves: what they must see, and what they must not.

#[test]
fn names_are_found_in_every_spelling() {
    let modules = ["store".to_owned(), "flight".to_owned()];
    let cases: &[(&str, &[&str])] = &[
        ("use crate::exchange::Visit;", &["exchange"]),
        (
            "use crate::{rt, log::{Lines, Writer}, admin};",
            &["admin", "log", "rt"],
        ),
        (
            "use crate::{\n    self,\n    rt::{self, Buffer},\n};",
            &["rt"],
        ),
        (
            "fn f() -> crate::crew::Crew { crate::admin::x() }",
            &["admin", "crew"],
        ),
        ("use super::super::listen::X;", &["listen"]),
        ("use super::super::{listen, crew::C};", &["crew", "listen"]),
        ("use super::arena::Piece;", &[]),
        ("mod tests { use super::super::arena::X; }", &[]),
        (
            "mod tests { use super::super::super::listen::X; } use super::super::rt;",
            &["listen", "rt"],
        ),
        ("use ringside_shards::commands;", &["commands"]),
        (
            "pub(crate) fn own() { f(\"crate::crew\") } // crate::crew",
            &[],
        ),
        (
            "/* crate::crew /* nested */ crate::admin */ use crate::rt;",
            &["rt"],
        ),
        (
            "const A: &str = r#\"\" crate::crew\"#; use crate::rt;",
            &["rt"],
        ),
        (
            "fn f<'a>(c: &'a [u8]) { if c == b\"'\" && x != '\"' { crate::rt::f('\\'') } }",
            &["rt"],
        ),
    ];
    for (source, want) in cases {
        let tokens = tokens(&without_comments(source));
        let mut got: Vec<String> = rooms_named(&modules, "ringside_shards", &tokens)
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        got.sort();
        assert_eq!(&got, want, "{source}");
    }
}

#[test]
fn lines_are_those_of_the_file() {
    let source = "/* one\ntwo */\n\"three\nfour\"\nuse crate::\n    {rt,\n    log};\nunsafe {}\n";
    let tokens = tokens(&without_comments(source));
    let named = rooms_named(&["shard".to_owned()], "ringside_shards", &tokens);
    assert_eq!(named, [(6, "rt".to_owned()), (7, "log".to_owned())]);
    let last = tokens.iter().find(|token| token.text == "unsafe");
    assert_eq!(last.map(|token| token.line), Some(8));
}
