//! Sums over shards, and what people and machines read of them.

use super::*;

/// Two shards and two disks: the first in use on both, the second down on one.
fn shards() -> Vec<Arc<Counters>> {
    let shard = |n: u64| {
        let counters = Counters::default();
        let [first, second, ..] = &counters.disks;
        first.state.set(DiskState::Up as u64);
        first.size_bytes.set(3 << 30);
        first.segments.set(192);
        first.segments_used.set(96);
        first.records.set(1000 + n);
        first.records_bytes.set(1536 << 20);
        first.hits.set(300);
        first.misses.set(100);
        first.admitted_bytes.set(1 << 30);
        first.written_bytes.set(1280 << 20);
        first.write_rate_bytes.set(5 << 20);
        first.overwritten_age_ms.set(n * 7_200_000);
        first.dropped[Dropped::Slow as usize].set(7);
        first.dropped[Dropped::Turning as usize].set(n);
        let state = [DiskState::Recovering, DiskState::Down][n as usize];
        second.state.set(state as u64);
        second.recovered.set(10);
        second.to_recover.set(40);
        second.note_why("no space is left");
        Arc::new(counters)
    };
    vec![shard(0), shard(1)]
}

fn paths() -> Vec<String> {
    vec!["/a".to_owned(), "/b \"c\"\n".to_owned()]
}

#[test]
fn people_read_shares_rates_and_ages() {
    let disks = disks(&paths()[..1], &shards());
    let expected = "\
/a: up
  fill         3.0 GiB of 6.0 GiB, 50.0 %
  segments     192 of 384 used
  records      2001, with 0 B of memory for their index
  hits         600 of 800 questions, 75.0 %
  writes       10.0 MiB/s; 2.5 GiB in all, 1.25 for each byte admitted
  overwrites   what is 2 h old
  not written  14 slow, 1 turning
  faults       0 checksums, 0 reads, 0 writes
";
    assert_eq!(text(&disks), expected);
}

#[test]
fn a_disk_is_as_well_as_its_worst_log() {
    let disks = disks(&paths(), &shards());
    assert_eq!(disks[1].state(), "down");
    let line = "down on 1 of 2 shards: no space is left; tried again every 30 s\n";
    assert!(text(&disks).contains(line), "{disks:?}");
    let recovering = super::disks(&paths(), &shards()[..1]);
    assert!(text(&recovering).contains(": recovering, 25 % found again\n"));
    let absent = super::disks(&paths(), &[Arc::default()]);
    assert_eq!(absent[0].state(), "absent");
    assert!(text(&absent).contains("it is used after a restart"));
    assert_eq!(
        text(&[]),
        "no disk is configured: everything is in memory\n"
    );
}

#[test]
fn machines_read_every_number() {
    let disks = disks(&paths(), &shards());
    let json = json(&disks);
    assert!(json.starts_with("{\"disks\":[{\"path\":\"/a\",\"state\":\"up\""));
    assert!(json.ends_with("]}\n"));
    for part in [
        "\"records\":2001",
        "\"dropped_slow_total\":14",
        "\"dropped_memory_total\":0",
        "\"overwritten_age_seconds\":7200",
        "{\"path\":\"/b \\\"c\\\"\\u000a\",\"state\":\"down\"",
        "\"shards_recovering\":1,\"shards_up\":0,\"shards_down\":1",
        "\"why\":null,\"recovered_ratio\":1.000",
        "\"why\":\"no space is left\",\"recovered_ratio\":0.250",
        "\"overwritten_age_seconds\":null}",
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    let keys = 1 + 1 + 4 + 2 + ROWS.len() + 1 + Dropped::ALL.len() + 1;
    assert_eq!(json.matches("\":").count(), 1 + 2 * keys, "{json}");
}

#[test]
fn metrics_name_shard_and_disk_and_say_that_an_absent_log_is_not_up() {
    let mut out = Vec::new();
    push_metrics(&mut out, &paths(), &shards());
    let text = String::from_utf8(out).unwrap();
    for line in [
        "ringside_disk_records{shard=\"1\",disk=\"/a\"} 1001\n",
        "ringside_disk_up{shard=\"1\",disk=\"/b \\\"c\\\"\\n\"} 0\n",
        "ringside_disk_up{shard=\"0\",disk=\"/b \\\"c\\\"\\n\"} 1\n",
        "ringside_disk_overwritten_age_seconds{shard=\"1\",disk=\"/a\"} 7200\n",
        "ringside_disk_recovered_ratio{shard=\"0\",disk=\"/b \\\"c\\\"\\n\"} 0.25\n",
        "ringside_disk_dropped_total{shard=\"0\",disk=\"/a\",reason=\"slow\"} 7\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let mut out = Vec::new();
    push_metrics(&mut out, &[], &shards());
    assert!(out.is_empty());
    push_metrics(&mut out, &paths(), &[Arc::default()]);
    let text = String::from_utf8(out).unwrap();
    let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        samples,
        [
            "ringside_disk_up{shard=\"0\",disk=\"/a\"} 0",
            "ringside_disk_up{shard=\"0\",disk=\"/b \\\"c\\\"\\n\"} 0",
        ]
    );
}

#[test]
fn the_readme_names_every_number_of_a_disk() {
    const README: &str = include_str!("../../../../README.md");
    let others = [
        "up",
        "recovered_ratio",
        "overwritten_age_seconds",
        "dropped_total",
    ];
    for name in ROWS.iter().map(|(name, ..)| *name).chain(others) {
        let name = format!("`{name}`");
        assert!(README.contains(&name), "{name} is not in the README");
    }
    for why in Dropped::ALL {
        let reason = format!("`{}`", why.word());
        assert!(README.contains(&reason), "{reason} is not in the README");
    }
}
