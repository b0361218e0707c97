//! The table of options is what is read, and what is printed.

use super::{faults, plan};
use crate::kinds::Absent;
use crate::reference::{Entry, Section, SECTIONS};
use crate::{minimal, reference, Plan};

/// A text with the keys of one section and all that they need beside them.
fn text(section: &Section, lines: &[String]) -> String {
    let lines = lines.join("\n");
    match section.name {
        "origins.NAME" if lines.contains("servers") => format!("[origins.app]\n{lines}\n"),
        "origins.NAME" => format!("{}{lines}\n", minimal()),
        "sites.routes" => format!("{}[[sites]]\n[[sites.routes]]\n{lines}\n", minimal()),
        "listen" if !lines.contains("address") => {
            format!("{}[[listen]]\naddress = \":80\"\n{lines}\n", minimal())
        }
        "disk" if !lines.contains("path") => {
            format!("{}[[disk]]\npath = \"/a\"\n{lines}\n", minimal())
        }
        _ => format!("{}{}\n{lines}\n", minimal(), section.header),
    }
}

/// The key of an option, where the operator makes a part of it up.
fn key_of(option: &dyn Entry) -> String {
    option.key().replace("STATUS", "404")
}

/// The line for one option, and for those that are required beside it.
fn lines(section: &Section, option: &dyn Entry, value: &str) -> Vec<String> {
    let table = option.key().rsplit_once('.').map(|(table, _)| table);
    let beside = section.options.iter().filter(|other| {
        let other_table = other.key().rsplit_once('.').map(|(table, _)| table);
        table.is_some()
            && other_table == table
            && other.key() != option.key()
            && matches!(other.absent(), Absent::Required)
    });
    let mut lines: Vec<String> = beside
        .map(|other| format!("{} = {}", other.key(), other.example()))
        .collect();
    lines.push(format!("{} = {value}", key_of(option)));
    lines
}

fn each_option(mut check: impl FnMut(&Section, &dyn Entry)) {
    let mut options = 0;
    for section in SECTIONS {
        for option in section.options {
            check(section, *option);
            options += 1;
        }
    }
    assert!(options > 55, "{options}");
}

/// What a section is without this option: the defaults.
fn without(section: &Section, option: &dyn Entry) -> Plan {
    let mut lines = lines(section, option, "");
    lines.pop();
    plan(&text(section, &lines))
}

#[test]
fn every_example_is_accepted_and_changes_something() {
    each_option(|section, option| {
        let with = plan(&text(section, &lines(section, option, option.example())));
        // The only origin of these texts is the one that the example names.
        if !matches!(option.absent(), Absent::Required) && option.key() != "origin" {
            assert_ne!(
                with,
                without(section, option),
                "{} {}",
                section.header,
                option.key()
            );
        }
    });
}

#[test]
fn every_default_is_what_holds_without_it() {
    each_option(|section, option| {
        if let Absent::Default(default) = option.absent() {
            let with = plan(&text(section, &lines(section, option, &default)));
            assert_eq!(
                with,
                without(section, option),
                "{} {}",
                section.header,
                option.key()
            );
        }
    });
}

#[test]
fn every_option_is_read() {
    each_option(|section, option| {
        // No kind takes a date.
        let found = faults(&text(section, &lines(section, option, "1979-05-27")));
        let about = format!(
            "{} {}: found the date 1979-05-27; ",
            section.header,
            key_of(option)
        );
        let about = about.replace("NAME", "app");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(&about), "{about} is not in {}", found[0]);
    });
}

#[test]
fn a_key_outside_the_table_is_refused_everywhere() {
    let mut tables = 0;
    each_option(|section, option| {
        let table = option
            .key()
            .rsplit_once('.')
            .map_or(String::new(), |(table, _)| {
                tables += 1;
                format!("{table}.")
            });
        let stray = format!("{table}zzzzzzzz = 1");
        let mut lines = lines(section, option, option.example());
        lines.push(stray);
        let found = faults(&text(section, &lines));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains("zzzzzzzz: unknown key; expected "),
            "{}",
            found[0]
        );
    });
    assert_eq!(tables, 23, "options of cache and the tables in it");
}

#[test]
fn keys_are_in_the_table_once() {
    let mut seen = std::collections::HashSet::new();
    each_option(|section, option| {
        assert!(
            seen.insert((section.name, option.key())),
            "{} {}",
            section.name,
            option.key()
        );
        assert!(
            option.meaning().ends_with('.'),
            "{} {}",
            section.name,
            option.key()
        );
    });
}

/// `RINGSIDE_BLESS=1 cargo test -p ringside-config` writes the page anew.
#[test]
fn docs_config_md_is_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md");
    let page = reference();
    if std::env::var_os("RINGSIDE_BLESS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let differs = page
        .lines()
        .zip(written.lines())
        .find(|(page, written)| page != written);
    assert!(
        page == written,
        "docs/config.md is not what the table says; RINGSIDE_BLESS=1 writes it anew. {differs:?}"
    );
}

#[test]
fn every_row_of_the_page_has_its_five_cells() {
    let page = reference();
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let options: usize = SECTIONS.iter().map(|section| section.options.len()).sum();
    assert_eq!(rows.len(), options);
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 6, "{row}");
    }
}

#[test]
fn the_examples_of_the_page_are_read() {
    let page = reference();
    let blocks: Vec<&str> = page.split("```").skip(1).step_by(2).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        plan(block.strip_prefix("toml\n").unwrap());
    }
}
