//! docs/config.md, made of the table of options.

use super::{Entry, Section, ROOT, SECTIONS};
use crate::kinds::Absent;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

<!-- Printed by `ringside config reference`; change the table in config/src/reference.rs instead. -->

Ringside reads one TOML file. Everything but an origin has a default, so this is enough:

```toml
";

const VALUES: &str = "\
Keys that are not listed here are refused. All faults of a file are reported at once, each with its
line and column.

- A **size** is a number and a unit in quotes: `B`, `KiB`, `MiB`, `GiB`, `TiB` are powers of 1024,
  `kB`, `MB`, `GB` powers of 1000. An integer without quotes is bytes.
- A **time** is a number and a unit in quotes, or a sum of them, the largest first: `\"30s\"`,
  `\"1m30s\"`. Units are `ms`, `s`, `m`, `h`, `d`. Lifetimes are whole seconds.
- A **list** is never empty, but where that is said to mean none. To have the default, leave the
  key out.

A larger example:

```toml
";

/// The page that documents every option, as Markdown; docs/config.md is this.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    page += crate::minimal();
    page += "```\n\n";
    page += VALUES;
    page += crate::EXAMPLE;
    page += "```\n";
    for section in SECTIONS
        .iter()
        .filter(|section| !section.options.is_empty())
    {
        push_section(&mut page, section);
    }
    push_later(&mut page);
    page
}

fn push_section(page: &mut String, section: &Section) {
    *page += &format!("\n## `{}`\n\n{}\n\n", section.header, section.meaning);
    *page += "| option | value | default | meaning | example |\n|---|---|---|---|---|\n";
    for option in section.options {
        push_option(page, *option);
    }
}

fn push_option(page: &mut String, option: &dyn Entry) {
    let default = match option.absent() {
        Absent::Default(toml) => format!("`{toml}`"),
        Absent::Unset(what) => what.to_owned(),
        Absent::Required => match option.key().rsplit_once('.') {
            Some((table, _)) => format!("required in `{table}`"),
            None => "required".to_owned(),
        },
    };
    let value = option.kind();
    let value = value
        .strip_prefix("a ")
        .or(value.strip_prefix("an "))
        .unwrap_or(&value);
    let key = option.key();
    let example = format!("`{}`", option.example());
    let [value, default, meaning, example] =
        [value, &default, option.meaning(), &example].map(cell);
    *page += &format!("| `{key}` | {value} | {default} | {meaning} | {example} |\n");
}

/// Text that neither ends a cell of a table nor begins emphasis.
fn cell(text: &str) -> String {
    let mut in_code = false;
    let mut cell = String::with_capacity(text.len());
    for c in text.chars() {
        in_code ^= c == '`';
        if c == '|' || (c == '*' && !in_code) {
            cell.push('\\');
        }
        cell.push(c);
    }
    cell
}

fn push_later(page: &mut String) {
    *page += "\n## Not yet\n\n";
    let sections = std::iter::once(&ROOT).chain(SECTIONS.iter().copied());
    for (section, (key, what)) in sections.flat_map(|s| s.later.iter().map(move |l| (s, l))) {
        let name = match section.header {
            "" => format!("[{key}]"),
            header => format!("{header} {key}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "- `{name}`: {what} come with a later release and are refused until then."
        );
    }
}
