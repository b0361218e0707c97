//! What is told of a disk: which tier answered, how full it is, what `verify` finds.

use super::{always, check_disk, entity, restart, settle_on_disk, KIB};
use ringside_tests::{parse_metrics, pattern, wait_until, Ask, Command, Stage};
use std::process::Output;

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// Ten objects on disk, and nothing in memory.
fn store(stage: &mut Stage) {
    for number in 0..10 {
        let path = format!("/{number}");
        let body = pattern(50 * KIB, number);
        stage.origin.publish(&path, &entity(body, "t"));
        stage.get(&path).expect(200);
    }
    settle_on_disk(stage, 10);
    restart(stage);
}

#[test]
fn log_metrics_and_explain_say_that_the_disk_answered() {
    let setup = always()
        .log("format = \"json\"")
        .log("target = \"SCRATCH/access.log\"");
    check_disk(&[1, 2], &setup, |stage| {
        store(stage);
        let explained = |stage: &Stage| {
            let admin = format!("127.0.0.1:{}", stage.ringside.admin());
            let url = "http://ringside.test/3";
            let output = Command::with_config("").run(&["explain", url, "--admin", &admin]);
            assert!(output.status.success(), "{}", text(&output));
            text(&output)
        };
        let told = explained(stage);
        assert!(told.contains("disk"), "{told}");
        assert!(told.ends_with("\noutcome: disk-hit\n"), "{told}");
        // Asking changed nothing, but for the time that went on.
        let words = |text: String| text.replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(words(explained(stage)), words(told));
        super::expect_from_disk(&stage.get("/3"));
        let count = || {
            let labels = [("outcome", "disk-hit")];
            stage.ringside.metric("ringside_requests_total", &labels)
        };
        wait_until("the hit to be counted", || count() == 1.0);
        wait_until("the disk's hit to be counted", || {
            stage.ringside.disk("hits_total") >= 1
        });
        let path = stage.ringside.scratch_file("access.log");
        wait_until("the line of the hit", || {
            let lines = std::fs::read_to_string(&path).unwrap_or_default();
            lines.lines().any(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect(line);
                line["outcome"] == "disk-hit"
            })
        });
    });
}

#[test]
fn the_numbers_of_a_disk_add_up() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        for number in 0..10 {
            super::expect_from_disk(&stage.get(&format!("/{number}")));
        }
        let disk = |name| stage.ringside.disk(name);
        // They are told several times a second.
        wait_until("ten hits to be counted", || disk("hits_total") == 10);
        let missed = disk("misses_total");
        stage.get("/not-there");
        wait_until("a question without an answer to be counted", || {
            disk("misses_total") == missed + 1
        });
        assert_eq!(disk("hits_total"), 10);
        assert!(disk("records") >= 10);
        assert!(disk("records_bytes") >= 10 * 50 * 1024);
        assert!(disk("records_bytes") <= disk("size_bytes"));
        assert!(disk("index_bytes") > 0);
        assert!(disk("segments_used") >= stage.shards as u64);
        assert!(disk("segments_used") <= disk("segments"));
        assert!(disk("read_bytes_total") >= 10 * 50 * 1024);
        for faults in [
            "checksum_faults_total",
            "read_faults_total",
            "write_faults_total",
        ] {
            assert_eq!(disk(faults), 0, "{faults}");
        }
        // The metrics say the same.
        let text = stage.ringside.metrics();
        let samples = parse_metrics(&text).expect("Prometheus text");
        let path = stage.ringside.disk_path().display().to_string();
        for name in ["records", "segments", "hits_total", "up"] {
            let of = samples.iter().filter(|sample| {
                sample.name == format!("ringside_disk_{name}") && sample.has(&[("disk", &path)])
            });
            let sum: f64 = of.map(|sample| sample.value).sum();
            let told = match name {
                "up" => stage.shards as u64,
                name => disk(name),
            };
            assert_eq!(sum, told as f64, "{name}");
        }
    });
}

#[test]
fn status_is_for_people() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        let admin = format!("127.0.0.1:{}", stage.ringside.admin());
        let output = Command::with_config("").run(&["disk", "status", "--admin", &admin]);
        let told = text(&output);
        assert!(output.status.success(), "{told}");
        let path = stage.ringside.disk_path().display().to_string();
        for word in [path.as_str(), "up", "records", "segments"] {
            assert!(told.contains(word), "{word} in {told}");
        }
        let output = Command::with_config("").run(&["disk", "status", "--admin", "127.0.0.1:1"]);
        assert!(!output.status.success());
    });
}

#[test]
fn what_was_found_again_after_a_crash_is_told_and_nothing_after_a_stop() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        let told = |stage: &Stage| {
            let text = stage.ringside.stderr_text();
            let lines = text.lines().filter(|line| line.contains(": recovered in "));
            lines.map(str::to_owned).collect::<Vec<String>>()
        };
        assert_eq!(told(stage), [] as [String; 0], "after a stop in order");
        stage.origin.publish("/more", &entity("more", "m"));
        stage.get("/more").expect(200);
        settle_on_disk(stage, 11);
        super::crash(stage);
        stage.ringside.wait_until_recovered();
        wait_until("a line for each log", || told(stage).len() == stage.shards);
        let path = stage.ringside.disk_path().display().to_string();
        for line in told(stage) {
            assert!(line.contains(&path), "names the file: {line}");
            assert!(line.contains(" records, "), "{line}");
        }
    });
}

#[test]
fn verify_finds_every_record_good() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        // Also what a crash leaves behind.
        for life in 0..2 {
            let path = format!("/{life}/a");
            stage.origin.publish(&path, &entity("more", "m"));
            stage.get(&path).expect(200);
            super::fence(stage);
            stage.ringside.kill();
            let output = stage.ringside.verify_disk();
            let told = text(&output);
            assert!(output.status.success(), "{told}");
            assert!(told.contains("record"), "says how many: {told}");
            stage.ringside.start_again(None);
        }
        let output = Command::with_config("").run(&["disk", "verify", "/nowhere/at/all"]);
        assert!(!output.status.success());
        assert!(text(&output).contains("/nowhere/at/all"));
    });
}

#[test]
fn a_store_is_made_with_a_word_about_it_and_only_once() {
    check_disk(&[1, 2], &always(), |stage| {
        let files = stage.ringside.store_files();
        assert_eq!(files.len(), stage.shards);
        let size: u64 = files
            .iter()
            .map(|path| std::fs::metadata(path).expect("a file").len())
            .sum();
        let most = (super::DISK_EACH_MIB << 20) as u64 * stage.shards as u64;
        assert!(size <= most && size > most / 2, "{size} of {most}");
        let made: Vec<_> = files
            .iter()
            .map(|path| std::fs::metadata(path).expect("a file"))
            .map(|meta| std::os::unix::fs::MetadataExt::ino(&meta))
            .collect();
        restart(stage);
        let again: Vec<_> = stage
            .ringside
            .store_files()
            .iter()
            .map(|path| std::fs::metadata(path).expect("a file"))
            .map(|meta| std::os::unix::fs::MetadataExt::ino(&meta))
            .collect();
        assert_eq!(made, again);
        stage.origin.publish("/a", &entity("hello", "a"));
        stage.client().ask(&Ask::get("/a")).expect(200);
    });
}

#[test]
fn disks_that_lie_within_each_other_are_told_apart() {
    let disks = "\n[[disk]]\npath = \"SCRATCH/outer\"\nsize = \"128MiB\"\n\
        \n[[disk]]\npath = \"SCRATCH/outer/inner\"\nsize = \"64MiB\"\n";
    let setup = ringside_tests::Setup::new().memory("64MiB").more(disks);
    check_disk(&[1], &setup, |stage| {
        wait_until("both sizes to be told", || {
            let disks = stage.ringside.disks();
            let size = |number: usize| disks[number]["size_bytes"].as_u64().unwrap_or(0);
            let mib = |number: usize| size(number) >> 20;
            (65..=128).contains(&mib(0)) && (1..=64).contains(&mib(1))
        });
    });
}
