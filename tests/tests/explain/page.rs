//! docs/explain.md shows what the real binary prints. `RINGSIDE_BLESS=1 cargo test -p
//! ringside-tests --test explain` writes it anew; without that, it has to be the same but for
//! numbers.

use ringside_tests::{pattern, Answer, Ask, Command, Entity, Setup, Stage};
use std::path::Path;

const SITE: &str = "www.example.org";
/// Fields that stand in docs/explain.md as `asked.txt` and `answered.txt`.
const ANSWERED: &str = "answered.txt";

/// A name of a place in the page, and the arguments of the command.
type Scene = (&'static str, &'static [&'static str]);

const SCENES: &[Scene] = &[
    (
        "hit",
        &[
            "http://www.example.org/news",
            "-H",
            "Accept-Language: de, en;q=0.5",
        ],
    ),
    ("miss", &["http://www.example.org/prices"]),
    ("pass", &["http://www.example.org/cart"]),
    (
        "range",
        &[
            "http://www.example.org/film",
            "-H",
            "Range: bytes=2000000-2000099",
        ],
    ),
    ("refused", &["http://www.example.net/"]),
    (
        "stored",
        &["http://www.example.org/a", "--response", ANSWERED],
    ),
    (
        "not-stored",
        &["http://www.example.org/a", "--response", "cookie.txt"],
    ),
];

/// The stage of the page.
fn stage() -> Stage {
    let stage = Stage::new(2, &Setup::new().hosts(&[SITE]));
    let origin = &stage.origin;
    let news = Answer::ok(pattern(2048, 1)).field("Content-Language", "de");
    let news = news.field("Vary", "Accept-Language").field("Age", "12");
    let control = "max-age=60, stale-while-revalidate=30";
    origin.on(
        "/news",
        news.field("Cache-Control", control).field("ETag", "\"n1\""),
    );
    let prices = Answer::ok(pattern(512, 2)).field("Cache-Control", "s-maxage=60");
    origin.on("/prices", prices.field("Age", "75").field("ETag", "\"p7\""));
    origin.on(
        "/cart",
        Answer::ok("yours").field("Cache-Control", "private"),
    );
    let film = Entity::new(pattern(3 << 20, 3))
        .fresh()
        .field("ETag", "\"f\"");
    origin.publish("/film", &film);
    for ask in [
        Ask::get("/news").field("Accept-Language", "de"),
        Ask::get("/prices"),
        Ask::get("/cart"),
        Ask::get("/film").field("Range", "bytes=0-99"),
    ] {
        let reply = stage.client().ask(&ask.host(SITE));
        assert!(reply.complete && reply.status < 300, "{}", reply.status);
    }
    stage
}

/// What the command prints for a scene.
#[track_caller]
fn printed(stage: &Stage, page: &str, arguments: &[&str]) -> String {
    let admin = format!("127.0.0.1:{}", stage.ringside.admin());
    let mut all = vec!["explain"];
    // The files that the page names stand in it.
    let file = arguments.iter().find(|argument| argument.ends_with(".txt"));
    all.extend(
        arguments
            .iter()
            .map(|argument| match argument.ends_with(".txt") {
                true => "CONFIG",
                false => argument,
            }),
    );
    match file {
        Some(_) => {}
        None => all.extend(["--admin", &admin]),
    }
    let content = file.map_or("", |file| block(page, file).trim_start());
    let output = Command::with_config(content).run(&all);
    let fault = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{all:?}: {fault}");
    let shown = arguments
        .iter()
        .map(|argument| match argument.contains([' ', '\'']) {
            true => format!("'{argument}'"),
            false => (*argument).to_owned(),
        });
    let line = format!("$ ringside explain {}", shown.collect::<Vec<_>>().join(" "));
    format!("{line}\n{}", String::from_utf8_lossy(&output.stdout))
}

/// Where the block of this name begins and ends in the page: behind its first fence, and before
/// its last.
#[track_caller]
fn place(page: &str, name: &str) -> std::ops::Range<usize> {
    let mark = format!("<!-- {name} -->\n```");
    let at = page
        .find(&mark)
        .unwrap_or_else(|| panic!("no {mark} in docs/explain.md"));
    let from = at + mark.len() + page[at + mark.len()..].find('\n').expect("a line") + 1;
    let to = from + page[from..].find("```\n").expect("a closing fence");
    from..to
}

fn block<'p>(page: &'p str, name: &str) -> &'p str {
    &page[place(page, name)]
}

/// A text without what is different each time: numbers, the key, and which shard has it.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for line in text
        .lines()
        .filter(|line| !line.contains("was asked, and asks there"))
    {
        let words = line.split(' ').map(|word| match word.len() {
            33 if word.ends_with(':') => "KEY:",
            _ => word,
        });
        let line = words.collect::<Vec<_>>().join(" ");
        out.extend(
            line.split(|c: char| c.is_ascii_digit())
                .filter(|part| !part.is_empty()),
        );
        out.push('\n');
    }
    out
}

#[test]
fn docs_explain_md_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/explain.md");
    let mut page = std::fs::read_to_string(&path).expect("docs/explain.md");
    let stage = stage();
    for (name, arguments) in SCENES {
        let text = printed(&stage, &page, arguments);
        if std::env::var_os("RINGSIDE_BLESS").is_some() {
            page.replace_range(place(&page, name), &text);
        }
        let shown = block(&page, name);
        assert_eq!(
            masked(shown),
            masked(&text),
            "{name}: RINGSIDE_BLESS=1 writes it anew"
        );
    }
    if std::env::var_os("RINGSIDE_BLESS").is_some() {
        std::fs::write(&path, &page).expect("docs/explain.md is written");
    }
}
