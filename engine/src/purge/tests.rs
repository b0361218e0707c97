//! The statements against a list of all that was ever stated.

use super::*;
use crate::limits::PURGED_PREFIXES_MAX;
use alloc::string::String;
use proptest::prelude::*;
use std::format;

const NOWHERE: About<'_> = About {
    host: b"a.example",
    target: b"/x/y?z",
    groups: b"",
};

#[test]
fn what_is_hit() {
    use Verdict::{Dead, Stale, Valid};
    let mut purges = Purges::new();
    assert_eq!(purges.verdict(Mono(0), &NOWHERE), Valid);
    assert_eq!((purges.latest(), purges.changes()), (Mono(0), 0));
    purges.prefix(b"a.example", b"/x/", Force::Soft, Mono(10));
    purges.prefix(b"", b"/im", Force::Hard, Mono(20));
    purges.group(7, Force::Hard, Mono(30));
    purges.group(8, Force::Soft, Mono(40));
    assert_eq!((purges.latest(), purges.changes()), (Mono(40), 4));
    let groups = |ids: &[u64]| {
        ids.iter()
            .flat_map(|id| id.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let cases: &[(u64, &str, &str, &[u64], Verdict)] = &[
        (10, "a.example", "/x/y", &[], Stale),
        (11, "a.example", "/x/y", &[], Valid),
        (10, "a.example", "/x/", &[], Stale),
        (10, "a.example", "/x", &[], Valid),
        (10, "a.example", "/y", &[], Valid),
        (10, "b.example", "/x/y", &[], Valid),
        (10, "a.example:8080", "/x/y", &[], Valid),
        (20, "a.example", "/img", &[], Dead),
        (20, "b.example", "/images?a", &[], Dead),
        (21, "b.example", "/images?a", &[], Valid),
        (20, "", "/img", &[], Dead),
        (20, "", "/x/", &[], Valid),
        (30, "b.example", "/", &[7], Dead),
        (31, "b.example", "/", &[7], Valid),
        (30, "b.example", "/", &[1, 7, 9], Dead),
        (30, "b.example", "/", &[8], Stale),
        (40, "b.example", "/", &[7, 8], Stale),
        (30, "b.example", "/", &[8, 7], Dead),
        (41, "b.example", "/", &[8, 7], Valid),
        (10, "b.example", "/", &[9], Valid),
        (5, "a.example", "/x/", &[7], Dead),
    ];
    for (born, host, target, of, want) in cases {
        let of = groups(of);
        let about = About {
            host: host.as_bytes(),
            target: target.as_bytes(),
            groups: &of,
        };
        assert_eq!(
            purges.verdict(Mono(*born), &about),
            *want,
            "{born} {host}{target} {of:?}"
        );
    }
}

#[test]
fn a_later_soft_purge_does_not_undo_a_hard_one() {
    let mut purges = Purges::new();
    purges.all(Force::Hard, Mono(10));
    purges.all(Force::Soft, Mono(20));
    assert_eq!(purges.verdict(Mono(10), &NOWHERE), Verdict::Dead);
    assert_eq!(purges.verdict(Mono(11), &NOWHERE), Verdict::Stale);
    assert_eq!(purges.verdict(Mono(21), &NOWHERE), Verdict::Valid);
}

#[test]
fn statements_that_say_no_more_are_dropped() {
    let mut purges = Purges::new();
    let held = |purges: &Purges| (purges.prefixes.len(), purges.groups.len());
    purges.prefix(b"a", b"/x/1", Force::Hard, Mono(1));
    purges.prefix(b"a", b"/x/2", Force::Soft, Mono(2));
    purges.prefix(b"a", b"/x/1", Force::Hard, Mono(3));
    assert_eq!(held(&purges), (2, 0), "equal ones replace each other");
    purges.prefix(b"a", b"/x", Force::Soft, Mono(4));
    assert_eq!(
        held(&purges),
        (2, 0),
        "a soft one does not replace a hard one below it"
    );
    purges.prefix(b"a", b"/x", Force::Hard, Mono(5));
    assert_eq!(held(&purges), (1, 0), "a hard one replaces all below it");
    purges.prefix(b"a", b"/x/3", Force::Hard, Mono(5));
    assert_eq!(
        held(&purges),
        (1, 0),
        "and says all that an older one would"
    );
    purges.prefix(b"b", b"/x/3", Force::Hard, Mono(5));
    purges.group(1, Force::Soft, Mono(6));
    purges.group(2, Force::Hard, Mono(9));
    assert_eq!(held(&purges), (2, 2));
    purges.prefix(b"", b"/", Force::Hard, Mono(7));
    assert_eq!(held(&purges), (1, 2), "every host's is over all hosts'");
    purges.all(Force::Hard, Mono(8));
    assert_eq!(held(&purges), (0, 1), "everything is over everything older");
    purges.group(3, Force::Hard, Mono(8));
    assert_eq!(held(&purges), (0, 1));
}

#[test]
fn many_prefixes_become_what_they_have_in_common() {
    let mut purges = Purges::new();
    purges.prefix(b"quiet", b"/", Force::Hard, Mono(1));
    purges.prefix(b"shop", b"/about", Force::Hard, Mono(1));
    for n in 0..5000 {
        let path = format!("/products/{n}");
        purges.prefix(b"shop", path.as_bytes(), Force::Hard, Mono(10 + n));
        assert!(purges.prefixes.len() <= PURGED_PREFIXES_MAX);
    }
    let dead = |host: &str, target: &str, born| {
        let about = About {
            host: host.as_bytes(),
            target: target.as_bytes(),
            groups: b"",
        };
        purges.verdict(Mono(born), &about) == Verdict::Dead
    };
    for n in 0..5000 {
        assert!(dead("shop", &format!("/products/{n}"), 10 + n), "{n}");
        assert!(!dead("shop", &format!("/products/{n}"), 5010), "{n}");
    }
    assert!(!dead("shop", "/cart", 5), "what is elsewhere stays");
    assert!(!dead("other", "/products/1", 5), "other hosts stay");
}

#[test]
fn hosts_that_have_nothing_in_common_count_for_everything() {
    let mut purges = Purges::new();
    for n in 0..=PURGED_PREFIXES_MAX as u64 {
        purges.prefix(
            format!("{n}.example").as_bytes(),
            b"/",
            Force::Soft,
            Mono(100 + n),
        );
    }
    assert!(purges.prefixes.len() <= PURGED_PREFIXES_MAX);
    assert_eq!(
        purges.verdict(Mono(100), &NOWHERE),
        Verdict::Stale,
        "as far back as the oldest"
    );
    assert_eq!(
        purges.verdict(Mono(101), &NOWHERE),
        Verdict::Valid,
        "and no further"
    );
}

#[test]
fn many_groups_become_all_that_are_grouped() {
    let mut purges = Purges::new();
    let last = 2 * PURGED_GROUPS_MAX as u64;
    for n in 0..=last {
        purges.group(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), Force::Hard, Mono(n));
        assert!(purges.groups.len() <= PURGED_GROUPS_MAX);
    }
    let verdict = |n: u64, born: u64| {
        let groups = n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        purges.verdict(
            Mono(born),
            &About {
                groups: &groups,
                ..NOWHERE
            },
        )
    };
    for n in 0..=last {
        assert_eq!(verdict(n, n), Verdict::Dead, "{n}");
    }
    assert_eq!(verdict(last, last + 1), Verdict::Valid);
    assert_eq!(
        verdict(last + 1, last),
        Verdict::Valid,
        "a young one in another group stays"
    );
    assert_eq!(
        verdict(last + 1, 0),
        Verdict::Dead,
        "an old one is merged with the others"
    );
    assert_eq!(
        purges.verdict(Mono(0), &NOWHERE),
        Verdict::Valid,
        "what has no group stays"
    );
}

/// One statement, as it was made.
#[derive(Clone, Debug)]
enum Stated {
    All,
    Prefix(String, String),
    Group(u64),
}

/// The model: every statement that was ever made, each held against the object.
fn modelled(
    stated: &[(Stated, Force, u64)],
    born: u64,
    host: &str,
    target: &str,
    groups: &[u64],
) -> Verdict {
    let hits = |what: &Stated| match what {
        Stated::All => true,
        Stated::Prefix(of, path) => {
            (of.is_empty() || of == host) && target.starts_with(path.as_str())
        }
        Stated::Group(group) => groups.contains(group),
    };
    let of = |(what, force, at): &(Stated, Force, u64)| match force {
        _ if !hits(what) || born > *at => Verdict::Valid,
        Force::Soft => Verdict::Stale,
        Force::Hard => Verdict::Dead,
    };
    stated.iter().map(of).max().unwrap_or_default()
}

fn state(purges: &mut Purges, (what, force, at): &(Stated, Force, u64)) {
    match what {
        Stated::All => purges.all(*force, Mono(*at)),
        Stated::Prefix(host, path) => {
            purges.prefix(host.as_bytes(), path.as_bytes(), *force, Mono(*at))
        }
        Stated::Group(group) => purges.group(*group, *force, Mono(*at)),
    }
}

fn any_statement() -> impl Strategy<Value = (Stated, Force, u64)> {
    let what = prop_oneof![
        1 => Just(Stated::All),
        20 => ("[ab]?", "/[ab/]{0,4}").prop_map(|(host, path)| Stated::Prefix(host, path)),
        8 => (0..6_u64).prop_map(Stated::Group),
    ];
    let force = prop_oneof![Just(Force::Soft), Just(Force::Hard)];
    // Instants out of order too: letters between shards may cross.
    (what, force, 0..40_u64)
}

type Seen = (u64, String, String, Vec<u64>);

fn any_object() -> impl Strategy<Value = Seen> {
    (
        0..42_u64,
        "[abc]?",
        "/[ab/]{0,5}",
        proptest::collection::vec(0..7_u64, 0..3),
    )
}

fn judged(purges: &Purges, (born, host, target, groups): &Seen) -> Verdict {
    let packed: Vec<u8> = groups
        .iter()
        .flat_map(|group| group.to_le_bytes())
        .collect();
    let about = About {
        host: host.as_bytes(),
        target: target.as_bytes(),
        groups: &packed,
    };
    purges.verdict(Mono(*born), &about)
}

proptest! {
    #[test]
    fn below_the_bounds_it_is_exact(
        stated in proptest::collection::vec(any_statement(), 0..40),
        objects in proptest::collection::vec(any_object(), 1..20),
    ) {
        let mut purges = Purges::new();
        for (count, statement) in stated.iter().enumerate() {
            state(&mut purges, statement);
            prop_assert_eq!(purges.changes(), count as u64 + 1);
            for object in &objects {
                let (born, host, target, groups) = object;
                let want = modelled(&stated[..=count], *born, host, target, groups);
                prop_assert_eq!(judged(&purges, object), want, "{:?}", object);
            }
        }
        let latest = stated.iter().map(|(_, _, at)| *at).max().unwrap_or(0);
        prop_assert_eq!(purges.latest(), Mono(latest));
    }
}

fn stated_in_bytes((what, force, at): &(Stated, Force, u64)) -> Vec<u8> {
    match what {
        Stated::All => statement_all(*force, Mono(*at)),
        Stated::Prefix(host, path) => {
            statement_prefix(host.as_bytes(), path.as_bytes(), *force, Mono(*at))
        }
        Stated::Group(group) => statement_group(*group, *force, Mono(*at)),
    }
}

proptest! {
    #[test]
    fn what_was_stated_holds_after_a_restart(
        stated in proptest::collection::vec(any_statement(), 0..40),
        objects in proptest::collection::vec(any_object(), 1..20),
    ) {
        let (mut purges, mut listed) = (Purges::new(), Vec::new());
        for statement in &stated {
            state(&mut purges, statement);
            listed.extend(stated_in_bytes(statement));
        }
        let mut snapshot = Vec::new();
        purges.write(&mut snapshot);
        let (mut of_list, mut of_snapshot) = (Purges::new(), Purges::new());
        prop_assert!(of_list.read(&listed) && of_snapshot.read(&snapshot));
        // Once more, and the one after the other, says nothing new.
        let mut of_both = of_snapshot.clone();
        prop_assert!(of_both.read(&listed) && of_both.read(&snapshot));
        for read in [&of_list, &of_snapshot, &of_both] {
            prop_assert_eq!(read.latest(), purges.latest());
            for object in &objects {
                prop_assert_eq!(judged(read, object), judged(&purges, object), "{:?}", object);
            }
        }
    }
}

#[test]
fn what_was_merged_holds_after_a_restart() {
    let mut purges = Purges::new();
    for n in 0..=PURGED_GROUPS_MAX as u64 {
        purges.group(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), Force::Hard, Mono(n));
    }
    assert!(!purges.grouped.is_empty(), "merged");
    for n in 0..3 * PURGED_PREFIXES_MAX as u64 {
        let path = format!("/{n:03}");
        purges.prefix(b"h", path.as_bytes(), Force::Soft, Mono(n));
    }
    let (mut snapshot, mut read) = (Vec::new(), Purges::new());
    purges.write(&mut snapshot);
    assert!(read.read(&snapshot));
    assert_eq!((read.all, read.grouped), (purges.all, purges.grouped));
    assert_eq!(read.groups, purges.groups);
    assert!(read.prefixes.iter().eq(purges.prefixes.iter()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn beyond_the_bounds_it_never_purges_less(
        stated in proptest::collection::vec(
            (("[ab]?", "/[a-d/]{3,8}").prop_map(|(host, path)| Stated::Prefix(host, path)),
             prop_oneof![Just(Force::Soft), Just(Force::Hard)], 0..2000_u64),
            300..900),
        objects in proptest::collection::vec(
            (0..2002_u64, "[abc]?", "/[a-d/]{3,9}", Just(Vec::new())), 200),
    ) {
        let mut purges = Purges::new();
        for statement in &stated {
            state(&mut purges, statement);
            prop_assert!(purges.prefixes.len() <= PURGED_PREFIXES_MAX);
        }
        for object in &objects {
            let (born, host, target, groups) = object;
            let least = modelled(&stated, *born, host, target, groups);
            prop_assert!(judged(&purges, object) >= least, "{:?}", object);
        }
        // The stated prefixes themselves are the likeliest to be lost.
        for (what, _, at) in &stated {
            if let Stated::Prefix(host, path) = what {
                let object = (*at, host.clone(), format!("{path}x"), Vec::new());
                let least = modelled(&stated, *at, &object.1, &object.2, &[]);
                prop_assert!(judged(&purges, &object) >= least, "{:?}", object);
            }
        }
    }
}
