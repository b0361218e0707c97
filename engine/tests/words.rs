//! The tables of words in docs/explain.md are those of the engine. `RINGSIDE_BLESS=1 cargo test -p
//! ringside-engine --test words` writes them anew.

use ringside_engine::explain::{of_not_stored, of_reason, Saying};
use ringside_engine::outcome::{NotStored, Reason};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/explain.md");

fn table<'w>(words: impl Iterator<Item = (&'w str, Saying)>) -> String {
    let mut out = String::from("| word | meaning | section |\n|---|---|---|\n");
    for (word, Saying { what, section }) in words.filter(|(word, _)| !word.is_empty()) {
        out += &format!("| `{word}` | {what} | {section} |\n");
    }
    out
}

#[test]
fn docs_explain_md_has_all_words() {
    let mut page = std::fs::read_to_string(PAGE).expect("docs/explain.md");
    let reasons = Reason::ALL.iter().map(|why| (why.word(), of_reason(*why)));
    let stores = NotStored::ALL
        .iter()
        .map(|why| (why.word(), of_not_stored(*why)));
    for (name, table) in [
        ("reasons", table(reasons)),
        ("not-stored words", table(stores)),
    ] {
        let mark = format!("<!-- {name} -->\n");
        let from = page.find(&mark).expect(name) + mark.len();
        let to = from + page[from..].find("<!-- end -->").expect("an end");
        if std::env::var_os("RINGSIDE_BLESS").is_some() {
            page.replace_range(from..to, &table);
            std::fs::write(PAGE, &page).expect("docs/explain.md is written");
        } else {
            assert_eq!(page[from..to], table, "RINGSIDE_BLESS=1 writes it anew");
        }
    }
}
