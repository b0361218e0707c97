//! The places against a plain list, over random histories; their memory, measured.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::eprintln;

/// Even bits, as a keyed hash gives.
fn mix(n: u64) -> u64 {
    let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}

fn key(n: u64) -> Key {
    Key(u128::from(mix(n)))
}

fn found(page: u32) -> Found {
    Found {
        page,
        pages: 1,
        variant: 0,
        uses: 0,
        soft: false,
    }
}

/// What was inserted and not removed, by tag.
#[derive(Default)]
struct Model(BTreeSet<(u64, Found)>);

impl Model {
    fn of(&self, tag: u64) -> Vec<Found> {
        let of = self.0.iter().filter(|(held, _)| *held == tag);
        of.map(|(_, found)| *found).collect()
    }

    fn agrees(&self, places: &Places) {
        let mut all = BTreeSet::new();
        let (mut out, mut before) = (Vec::new(), 0);
        for table in 0..places.tables() {
            let from = out.len();
            let count = places.export(table, &mut out);
            assert_eq!(out.len() - from, count * ENTRY_BYTES);
        }
        for entry in whole_entries(&out) {
            let entry = Entry::decode(entry);
            assert!(entry.tag() >= before, "exported in order of tags");
            before = entry.tag();
            assert!(all.insert((entry.tag(), entry.found())), "exported once");
        }
        assert_eq!(all, self.0);
        assert_eq!(places.len(), self.0.len());
        let pages: u64 = self.0.iter().map(|(_, found)| u64::from(found.pages)).sum();
        assert_eq!(places.pages(), pages);
        assert_eq!(places.allocated_bytes(), counted_bytes(places));
    }
}

/// Bytes allocated, table by table.
fn counted_bytes(places: &Places) -> usize {
    let tables = places.tables.iter().map(Table::allocated_bytes);
    tables.sum::<usize>() + size_of_val(&*places.tables)
}

/// Few keys, of which some share tags and lie at the ends of tables.
fn some_key() -> impl Strategy<Value = Key> {
    let edge = prop_oneof![
        Just(0_u64),
        Just(u64::MAX),
        Just(1 << 63),
        Just((1 << 63) - 1)
    ];
    prop_oneof![
        (0..40_u64).prop_map(key),
        edge.prop_map(|bits| Key(u128::from(bits))),
        (0..4_u64).prop_map(|n| Key(u128::from(mix(7) ^ n))),
    ]
}

fn some_found() -> impl Strategy<Value = Found> {
    (
        any::<u32>(),
        0..=PAGES_MAX,
        0..3_u8,
        0..=USES_MAX,
        any::<bool>(),
    )
        .prop_map(|(page, pages, variant, uses, soft)| Found {
            page,
            pages,
            variant,
            uses,
            soft,
        })
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Key, Found),
    Used(Key),
    Remove(Key),
    Kill(Key, Option<u8>, bool),
    Retain(u32),
    Clear,
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (some_key(), some_found()).prop_map(|(key, found)| Step::Insert(key, found)),
        2 => some_key().prop_map(Step::Used),
        2 => some_key().prop_map(Step::Remove),
        2 => (some_key(), proptest::option::of(0..3_u8), any::<bool>())
            .prop_map(|(key, variant, hard)| Step::Kill(key, variant, hard)),
        1 => (0..8_u32).prop_map(Step::Retain),
        1 => Just(Step::Clear),
    ]
}

fn carry_out(step: &Step, places: &mut Places, model: &mut Model) {
    match *step {
        Step::Insert(key, found) => {
            if model
                .of(tag_of(key))
                .iter()
                .any(|held| held.page == found.page)
            {
                return;
            }
            places.insert(key, found);
            model.0.insert((tag_of(key), found));
        }
        Step::Used(key) | Step::Remove(key) => {
            let tag = tag_of(key);
            let Some(mut found) = model.of(tag).first().copied() else {
                assert!(!places.contains(key));
                assert_eq!(places.remove(key, 1), None);
                return;
            };
            assert!(places.contains(key));
            model.0.remove(&(tag, found));
            match *step {
                Step::Used(_) => {
                    places.used(key, found.page);
                    found.uses = (found.uses + 1).min(USES_MAX);
                }
                _ => {
                    assert_eq!(places.remove(key, found.page), Some(found));
                    return;
                }
            }
            assert_eq!(places.at(key, found.page), Some(found));
            model.0.insert((tag, found));
        }
        Step::Kill(key, variant, hard) => {
            let force = if hard {
                KillForce::Hard
            } else {
                KillForce::Soft
            };
            let kill = Kill {
                key,
                variant,
                force,
            };
            let hits = |found: &Found| variant.is_none_or(|variant| variant == found.variant);
            let mut want: Vec<Found> = model.of(tag_of(key)).into_iter().filter(hits).collect();
            let mut told = Vec::new();
            assert_eq!(places.kill(&kill, |found| told.push(found)), want.len());
            told.sort();
            want.sort();
            assert_eq!(told, want);
            for found in want {
                model.0.remove(&(tag_of(key), found));
                if !hard {
                    model.0.insert((
                        tag_of(key),
                        Found {
                            soft: true,
                            ..found
                        },
                    ));
                }
            }
        }
        Step::Retain(of) => {
            for table in 0..places.tables() {
                places.retain(table, |found| found.page % 8 != of);
            }
            model.0.retain(|(_, found)| found.page % 8 != of);
        }
        Step::Clear => {
            let taken = places.take();
            assert_eq!(taken.len(), model.0.len());
            model.0.clear();
        }
    }
}

proptest! {
    #[test]
    fn places_are_what_was_inserted_and_not_removed(
        records_max in prop_oneof![Just(0_u64), Just(100), Just(20_000), Just(160_000)],
        steps in proptest::collection::vec(some_step(), 0..150),
    ) {
        let mut places = Places::new(records_max);
        let mut model = Model::default();
        for step in &steps {
            carry_out(step, &mut places, &mut model);
        }
        model.agrees(&places);
        for step in &steps {
            if let Step::Insert(key, _) = step {
                let mut held: Vec<Found> = places.find(*key).collect();
                held.sort();
                prop_assert_eq!(held, model.of(tag_of(*key)));
            }
        }
    }

    #[test]
    fn an_import_adds_what_is_wanted_and_not_here(
        held in proptest::collection::vec((some_key(), some_found()), 0..30),
        given in proptest::collection::btree_set((some_key().prop_map(tag_of), some_found()), 0..60),
        from in prop_oneof![Just(10_u64), Just(20_000)],
        to in prop_oneof![Just(10_u64), Just(20_000)],
        cut in 0..60_usize,
    ) {
        // What is given comes of a log of another size, and in two pieces.
        let mut other = Places::new(from);
        given.iter().for_each(|(tag, found)| other.insert_tag(*tag, *found));
        let mut bytes = Vec::new();
        (0..other.tables()).for_each(|table| {
            other.export(table, &mut bytes);
        });
        let cut = cut.min(given.len()) * ENTRY_BYTES;

        let mut places = Places::new(to);
        let mut model = Model::default();
        for (key, found) in held {
            carry_out(&Step::Insert(key, found), &mut places, &mut model);
        }
        for piece in [&bytes[..cut], &bytes[cut..]] {
            let before = model_of(&places);
            let is_here = |tag: u64, variant: u8| {
                before.iter().any(|(held, found)| *held == tag && found.variant == variant)
            };
            let mut want = before.clone();
            for entry in whole_entries(piece).map(Entry::decode) {
                let (tag, found) = (entry.tag(), entry.found());
                if found.page % 3 != 0 && !is_here(tag, found.variant) {
                    want.insert((tag, Found { soft: true, ..found }));
                }
            }
            let added = places.import(piece, |tag, found| {
                assert!(!is_here(tag, found.variant));
                found.soft = true;
                found.page % 3 != 0
            });
            prop_assert_eq!(places.len(), before.len() + added);
            prop_assert_eq!(model_of(&places), want);
            prop_assert_eq!(places.allocated_bytes(), counted_bytes(&places));
        }
    }
}

fn model_of(places: &Places) -> BTreeSet<(u64, Found)> {
    let mut out = Vec::new();
    (0..places.tables()).for_each(|table| {
        places.export(table, &mut out);
    });
    let entries = whole_entries(&out).map(Entry::decode);
    entries.map(|entry| (entry.tag(), entry.found())).collect()
}

#[test]
fn what_is_out_of_order_or_cut_is_left_out() {
    let entry = |tag| Entry::new(tag, found(tag as u32)).encode();
    let mut bytes: Vec<u8> = [5, 9, 7, 9, 11].into_iter().flat_map(entry).collect();
    bytes.truncate(bytes.len() - 1);
    let mut places = Places::new(10);
    assert_eq!(places.import(&bytes, |_, _| true), 3);
    let tags: Vec<u64> = model_of(&places).into_iter().map(|(tag, _)| tag).collect();
    assert_eq!(tags, [5, 9]);
}

#[test]
fn a_record_takes_at_most_16_bytes_all_included() {
    // Tables of up to 1950 records; each step of growth comes up, then shrinking again.
    let records_max = 2_000_000;
    let mut places = Places::new(records_max);
    let least = 64 * places.tables();
    let mut worst = 0.0_f64;
    let mut check = |places: &Places| {
        if places.len() >= least {
            let each = places.allocated_bytes() as f64 / places.len() as f64;
            worst = worst.max(each);
            assert!(each <= 16.0, "{each} bytes each of {}", places.len());
        }
    };
    for n in 0..records_max {
        places.insert(key(n), found(n as u32));
        if n % 1024 == 0 {
            check(&places);
        }
    }
    for n in 0..records_max {
        places.remove(key(n), n as u32).expect("what was inserted");
        if n % 1024 == 0 {
            check(&places);
        }
    }
    eprintln!("{worst:.2} bytes a record at the worst");
    // The tables alone: 32 bytes for every 1024 records that could be, at most, and short lists.
    let alone = records_max as usize * (32 + 5 * 8) / 1024;
    assert!(
        places.allocated_bytes() <= alone,
        "{}",
        places.allocated_bytes()
    );
}

#[test]
fn tables_stay_small_in_logs_of_every_size() {
    for pages in [8_u64, 1_000, 1 << 20, 1 << 28, u64::from(u32::MAX)] {
        let bits = table_bits(pages);
        assert!(pages >> bits <= 4096, "{pages} pages, {bits} bits");
    }
}

#[test]
fn tags_that_are_not_even_are_found_all_the_same() {
    // All in one table, and all at one end of it: slow, never wrong.
    let mut places = Places::new(100_000);
    for n in 0..3_000_u64 {
        places.insert(Key(u128::from(n << 24)), found(n as u32));
    }
    for n in 0..3_000_u64 {
        let at = places.at(Key(u128::from(n << 24)), n as u32);
        assert_eq!(at.map(|found| found.page), Some(n as u32));
    }
    assert!(!places.contains(Key(u128::from(3_000_u64 << 24))));
}
