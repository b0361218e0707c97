//! docs/store.md: its tables are those of the code.

use super::*;
use crate::store::disk::bytes::Table;
use crate::store::disk::{changes, checkpoint, edict, falls, layout, record, segment};
use alloc::string::{String, ToString};
use std::format;

const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/store.md");

/// Every structure, by the name of its table.
const STRUCTURES: &[(&str, Table)] = &[
    ("superblock", layout::superblock::TABLE),
    ("fall", falls::fall::TABLE),
    ("change", changes::change::TABLE),
    ("segment header", segment::header::TABLE),
    ("event", segment::event::TABLE),
    ("trailer", segment::trailer::TABLE),
    ("record header", record::header::TABLE),
    ("kill", record::kill::TABLE),
    ("edict header", edict::header::TABLE),
    ("edict page", edict::page::TABLE),
    ("checkpoint header", checkpoint::header::TABLE),
    ("slot", checkpoint::slot::TABLE),
];

/// The rows of a table: place, bytes, type, and the name before a colon or semicolon.
fn rows(doc: &str, name: &str) -> Vec<[String; 4]> {
    let top = format!("| at | bytes | type | {name} |");
    let lines = doc.lines().skip_while(|line| *line != top);
    let lines = lines.skip(2).take_while(|line| line.starts_with('|'));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells[3].split([':', ';']).next().unwrap_or_default();
        [cells[0], cells[1], cells[2], name].map(str::to_string)
    };
    lines.map(row).collect()
}

#[test]
fn its_tables_are_those_of_the_code() {
    let doc = std::fs::read_to_string(DOC).expect("the document");
    for (name, table) in STRUCTURES {
        let want = table.iter().map(|(field, at, of, bytes)| match *bytes {
            0 => [at.to_string(), String::new(), String::new(), "end".into()],
            _ => [
                at.to_string(),
                bytes.to_string(),
                of.to_string(),
                field.to_lowercase(),
            ],
        });
        let want: Vec<[String; 4]> = want.collect();
        assert_eq!(rows(&doc, name), want, "the table of {name}");
    }
    let tables = doc.matches("| at | bytes | type |").count();
    assert_eq!(
        tables,
        STRUCTURES.len(),
        "a table that is not held against the code"
    );
}

#[test]
fn fields_lie_side_by_side_and_seals_at_the_end() {
    for (name, table) in STRUCTURES {
        let mut end = 0;
        for (field, at, _, bytes) in *table {
            assert!(*at >= end, "{name}: {field} begins before {end}");
            end = at + bytes;
        }
        let place = |of: &str| table.iter().find(|(field, ..)| *field == of);
        if let Some((_, at, _, _)) = place("MARK") {
            assert_eq!(
                (*at, place("CRC").map(|row| row.1)),
                (end - 8, Some(end - 12)),
                "{name}"
            );
        }
    }
}

#[test]
fn its_versions_and_magics_are_those_of_the_code() {
    let doc = std::fs::read_to_string(DOC).expect("the document");
    let said = |name: &str, field: &str| {
        let top = format!("| at | bytes | type | {name} |");
        let lines = doc.lines().skip_while(|line| *line != top);
        let line = lines
            .skip(2)
            .find(|line| line.contains(&format!("| {field}: ")));
        let cell = line
            .expect("such a row")
            .trim_matches('|')
            .split('|')
            .next_back();
        let text = cell
            .expect("a cell")
            .trim()
            .split_once(": ")
            .expect("a value")
            .1;
        text.trim_matches('`').to_string()
    };
    let first = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_string();
    let header = SegmentHeader {
        slot: 0,
        seq: 1,
        opened_ms: 0,
    };
    let sheet = Sheet {
        header,
        sealed_ms: 0,
        events: Vec::new(),
    };
    let footer = segment::encode_footer(&sheet, mark(), 16);
    let of = [
        ("superblock", first(&superblock().encode()[..8])),
        ("segment header", first(&header.encode(mark())[..4])),
        ("trailer", first(&footer[footer.len() - 64..][..4])),
        (
            "record header",
            first(&encoded(&object(1, &Default::default()), 1, 1, mark())[..4]),
        ),
        ("edict header", first(&edict::encode_header(1, mark())[..4])),
        (
            "edict page",
            first(&edict::encode_batch(1, 1, b"", mark())[..4]),
        ),
        (
            "checkpoint header",
            first(&checkpoint_header().encode(mark())[..4]),
        ),
    ];
    for (name, magic) in of {
        assert_eq!(said(name, "magic"), magic, "{name}");
        assert!(said(name, "version").starts_with('1'), "{name}");
    }
    let versions = [
        layout::VERSION,
        segment::VERSION,
        edict::VERSION,
        checkpoint::VERSION,
    ];
    assert_eq!((versions, record::VERSION), ([1; 4], 1));
}

fn checkpoint_header() -> checkpoint::Header {
    checkpoint::Header {
        generation: 1,
        since_seq: 2,
        head_slot: 3,
        segments: 4,
        count: 5,
        slots_crc: 6,
        entries_crc: 7,
    }
}
