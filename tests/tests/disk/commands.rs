//! `ringside disk`: what it makes, tells and finds, and what it leaves alone.

use super::damage::{flip, places_of};
use super::{always, check_disk, entity, settle_on_disk, KIB};
use ringside_tests::{pattern, Command, Setup, Stage};
use std::path::{Path, PathBuf};
use std::process::Output;

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

/// Runs a command that must end with this code; gives what it said.
#[track_caller]
fn told(config: &str, arguments: &[&str], code: i32) -> String {
    let output = Command::with_config(config).run(arguments);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

/// A directory for a store, removed with the value.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let name = format!("ringside-disk-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a directory");
        Place(path)
    }

    /// A small disk here, for two shards.
    fn config(&self) -> String {
        let path = self.0.display();
        let disk = format!("\n[disk]\npath = \"{path}\"\nsize = \"64MiB\"\n");
        Setup::new()
            .memory_each(super::MEMORY_EACH_MIB)
            .more(&disk)
            .text(2, 9)
    }

    fn store(&self, shard: usize) -> PathBuf {
        self.0.join(format!("ringside-{shard}.store"))
    }

    fn shown(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Left behind at worst; it is in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const PREPARE: [&str; 4] = ["disk", "prepare", "--config", "CONFIG"];
const FORCE: [&str; 5] = ["disk", "prepare", "--config", "CONFIG", "--force"];

#[test]
fn a_disk_is_prepared_once() {
    let place = Place::new("once");
    let made = told(&place.config(), &PREPARE, 0);
    assert!(made.contains(&place.shown()), "{made}");
    assert_eq!(made.matches(", empty").count(), 2, "{made}");
    let len = |shard| {
        std::fs::metadata(place.store(shard))
            .expect("a store")
            .len()
    };
    let lens = [len(0), len(1)];
    assert!(lens.iter().all(|len| *len > 10 << 20), "{lens:?}");
    let verified = told("", &["disk", "verify", &place.shown()], 0);
    assert!(verified.contains("damage        none"), "{verified}");
    told(&place.config(), &PREPARE, 0);
    assert_eq!([len(0), len(1)], lens);
}

#[test]
fn what_is_not_ours_is_overwritten_by_force_alone() {
    let place = Place::new("force");
    let letters = b"somebody's letters\n".repeat(1000);
    std::fs::write(place.store(1), &letters).expect("written");
    let refused = told(&place.config(), &PREPARE, 1);
    let shown = place.store(1).display().to_string();
    assert!(refused.contains(&shown), "names the file: {refused}");
    assert!(refused.contains("--force"), "says what to do: {refused}");
    let left = std::fs::read(place.store(1)).expect("still there");
    assert!(left == letters, "nothing of it was overwritten");
    let told_of = told("", &["disk", "verify", &shown], 1);
    assert!(told_of.contains("not Ringside's"), "{told_of}");
    told(&place.config(), &FORCE, 0);
    told("", &["disk", "verify", &place.shown()], 0);
}

#[test]
fn arguments_that_say_nothing_are_wrong() {
    let no_disk = Setup::new().text(1, 9);
    assert!(told(&no_disk, &PREPARE, 2).contains("[disk]"));
    assert!(told("nonsense", &PREPARE, 2).contains("ringside.toml"));
    let place = Place::new("nothing");
    let empty = told("", &["disk", "verify", &place.shown()], 2);
    assert!(empty.contains(&place.shown()), "{empty}");
    told("", &["disk", "verify"], 2);
    told("", &["disk", "verify", "/nowhere/at/all"], 2);
    told("", &["disk"], 2);
}

/// Ten objects on disk; gives their contents.
fn store(stage: &Stage) -> Vec<Vec<u8>> {
    let bodies = (0..10).map(|number| pattern(50 * KIB, 500 + number));
    let bodies: Vec<Vec<u8>> = bodies.collect();
    for (number, body) in bodies.iter().enumerate() {
        let path = format!("/{number}");
        stage.origin.publish(&path, &entity(body.clone(), "t"));
        stage.get(&path).expect(200);
    }
    settle_on_disk(stage, 10);
    bodies
}

#[test]
fn a_damaged_record_is_found_where_it_is() {
    check_disk(&[1, 2], &always(), |stage| {
        let bodies = store(stage);
        assert!(stage.ringside.stop().success());
        let verify = |code| {
            let path = stage.ringside.disk_path().display().to_string();
            told("", &["disk", "verify", &path], code)
        };
        verify(0);
        let places = places_of(&stage.ringside, &bodies[3][1000..1064]);
        let [(path, at)] = &places[..] else {
            panic!("it is in {} places", places.len());
        };
        flip(path, *at);
        let damaged = verify(1);
        let line = |word: &str| {
            let mut lines = damaged.lines();
            lines.any(|line| line.trim_start().starts_with("segment ") && line.contains(word))
        };
        assert!(line("checksum"), "{damaged}");
        assert!(damaged.contains("records, checksum: 1\n"), "{damaged}");
        let name = Path::file_name(path).expect("a name").to_string_lossy();
        let faulty = damaged.lines().find(|line| line.contains("1 fault"));
        assert!(
            faulty.is_some_and(|line| line.contains(&*name)),
            "{damaged}"
        );
        // It is as it was.
        flip(path, *at);
        verify(0);
        stage.ringside.start_again(None);
    });
}

#[test]
fn a_store_in_use_is_verified_only_if_told_to() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        let path = stage.ringside.disk_path().display().to_string();
        let refused = told("", &["disk", "verify", &path], 1);
        assert!(refused.contains("--anyway"), "{refused}");
        let verified = told("", &["disk", "verify", &path, "--anyway"], 0);
        assert!(verified.contains("is in use"), "{verified}");
        // The server has not noticed.
        stage.get("/3").expect_hit();
    });
}

#[test]
fn status_has_all_numbers_as_json() {
    check_disk(&[1, 2], &always(), |stage| {
        store(stage);
        let admin = format!("127.0.0.1:{}", stage.ringside.admin());
        let text = told("", &["disk", "status", "--admin", &admin, "--json"], 0);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let disk = &json["disks"][0];
        assert_eq!(disk["state"], "up", "{text}");
        assert!(disk["records"].as_u64() >= Some(10), "{text}");
    });
}
