//! What was purged, invalidated or replaced never comes back, however soon after the answer the
//! server is killed.

use super::{always, check_disk, crash, entity, fence, is_from_disk, settle_on_disk};
use ringside_tests::{Answer, Ask, Received, Stage};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// A purge and what it names, of `/d/TIME/a` of the default host.
const PURGES: [&str; 4] = ["url", "prefix", "group", "all"];

/// Where the object is when it is purged.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// In memory, and on disk.
    Both,
    /// The server was killed and started: on disk, and found again.
    Disk,
    /// On disk, and perhaps not found yet.
    Recovering,
}

const PLACES: [Place; 3] = [Place::Both, Place::Disk, Place::Recovering];

/// An origin that validates, and says which version each path is at.
#[derive(Clone, Default)]
struct Versions(Arc<AtomicUsize>);

impl Versions {
    fn publish(&self, stage: &Stage, path: &str) {
        let version = Arc::clone(&self.0);
        stage.origin.on_each(path, move |received, _| {
            answer(received, version.load(Ordering::SeqCst))
        });
    }

    fn bump(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

fn answer(received: &Received, version: usize) -> Answer {
    let group = format!("\"group-{}\"", received.target.replace('/', "-"));
    let own = entity(format!("version {version}"), &version.to_string());
    let answer = own.answer(received).field("Cache-Groups", group);
    match received.method.as_str() {
        "POST" => Answer::ok("done").no_store(),
        _ => answer,
    }
}

/// Has `path` and its neighbour `/other...` stored, in memory and on disk, at `place`.
#[track_caller]
fn store(stage: &mut Stage, versions: &Versions, paths: [&str; 2], place: Place) {
    super::wait_until_taking(stage);
    for path in paths {
        versions.publish(stage, path);
        let version = versions.0.load(Ordering::SeqCst);
        let body = format!("version {version}");
        stage.wait_for_hit_of(&Ask::get(path), &body);
    }
    fence(stage);
    match place {
        Place::Both => {}
        Place::Recovering => crash(stage),
        Place::Disk => {
            crash(stage);
            stage.ringside.wait_until_recovered();
        }
    }
}

/// Fails if any shard has the older version of `path`; asks at once, and when all is found again.
#[track_caller]
fn expect_no_older(stage: &Stage, path: &str, version: usize, what: &str) {
    let body = format!("version {version}");
    let look = |when: &str| {
        stage.everywhere(|client| {
            let seen = client.get(path).expect(200).text();
            assert_eq!(seen, body, "{when}, {what}");
        });
    };
    look("at once");
    stage.ringside.wait_until_recovered();
    look("when all was found");
}

#[test]
fn what_was_purged_never_comes_back() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        let mut time = 0;
        for place in PLACES {
            for purge in PURGES {
                for soft in [false, true] {
                    time += 1;
                    let what = format!("{purge}, soft: {soft}, {place:?}");
                    let path = format!("/d/{time}/a");
                    let other = format!("/e/{time}");
                    store(stage, &versions, [&path, &other], place);
                    let url = format!("http://ringside.test{path}");
                    let prefix = format!("http://ringside.test/d/{time}/");
                    let group = format!("group{}", path.replace('/', "-"));
                    let mut parameters = match purge {
                        "url" => vec![("url", url.as_str())],
                        "prefix" => vec![("prefix", prefix.as_str())],
                        "group" => vec![("group", group.as_str()), ("host", "ringside.test")],
                        _ => vec![("all", "")],
                    };
                    if soft {
                        parameters.push(("soft", ""));
                    }
                    let version = versions.bump();
                    stage.ringside.purge_by(&parameters);
                    crash(stage);
                    expect_no_older(stage, &path, version, &what);
                    // The neighbour is still there: it was not lost with the rest.
                    if purge != "all" {
                        let reply = stage.get(&other);
                        let older = format!("version {}", version - 1);
                        reply.expect_hit().expect_body(older);
                    }
                    // And once more: what was found need not be what is found the next time.
                    crash(stage);
                    expect_no_older(stage, &path, version, &what);
                }
            }
        }
    });
}

#[test]
fn what_an_unsafe_request_invalidated_never_comes_back() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        for (time, place) in PLACES.into_iter().enumerate() {
            let (path, other) = (format!("/d/{time}"), format!("/e/{time}"));
            store(stage, &versions, [&path, &other], place);
            let version = versions.bump();
            stage.client().ask(&Ask::post(&path, "x")).expect(200);
            crash(stage);
            let what = format!("{place:?}");
            expect_no_older(stage, &path, version, &what);
            stage.get(&other).expect_hit();
        }
    });
}

#[test]
fn groups_that_an_unsafe_request_invalidated_never_come_back() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        for (time, place) in PLACES.into_iter().enumerate() {
            let (path, other) = (format!("/d/{time}"), format!("/e/{time}"));
            let group = format!("\"group-{}\"", path.replace('/', "-"));
            let done = Answer::ok("done").no_store();
            let done = done.field("Cache-Group-Invalidation", group);
            stage.origin.on("/do", done);
            store(stage, &versions, [&path, &other], place);
            let version = versions.bump();
            stage.client().ask(&Ask::post("/do", "x")).expect(200);
            crash(stage);
            let what = format!("{place:?}");
            expect_no_older(stage, &path, version, &what);
            stage.get(&other).expect_hit();
        }
    });
}

#[test]
fn what_was_replaced_never_comes_back() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        let mut time = 0;
        for place in PLACES {
            for _ in 0..4 {
                time += 1;
                let (path, other) = (format!("/d/{time}"), format!("/e/{time}"));
                store(stage, &versions, [&path, &other], place);
                let version = versions.bump();
                let reload = Ask::get(&path).field("Cache-Control", "no-cache");
                let reply = stage.client().ask(&reload);
                reply.expect(200).expect_body(format!("version {version}"));
                crash(stage);
                let what = format!("{place:?}");
                expect_no_older(stage, &path, version, &what);
            }
        }
    });
}

#[test]
fn what_was_replaced_by_nothing_never_comes_back() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        for time in 0..12 {
            let (path, other) = (format!("/d/{time}"), format!("/e/{time}"));
            store(stage, &versions, [&path, &other], Place::Both);
            stage.origin.on(&path, Answer::ok("").fresh());
            let reload = Ask::get(&path).field("Cache-Control", "no-cache");
            stage.client().ask(&reload).expect(200).expect_body("");
            crash(stage);
            stage.ringside.wait_until_recovered();
            let seen = stage.get(&path).expect(200).text();
            assert_eq!(seen, "", "round {time}");
        }
    });
}

#[test]
fn a_validation_that_brought_a_new_version_is_kept() {
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        for (time, place) in PLACES.into_iter().enumerate() {
            let (path, other) = (format!("/d/{time}"), format!("/e/{time}"));
            store(stage, &versions, [&path, &other], place);
            let url = format!("http://ringside.test{path}");
            stage.ringside.purge_by(&[("url", &url), ("soft", "")]);
            let version = versions.bump();
            let reply = stage.get(&path);
            reply.expect(200).expect_body(format!("version {version}"));
            crash(stage);
            expect_no_older(stage, &path, version, &format!("{place:?}"));
        }
    });
}

#[test]
fn a_purge_takes_every_variant_from_disk() {
    check_disk(&[1, 2], &always(), |stage| {
        let version = Arc::new(AtomicUsize::new(1));
        let own = Arc::clone(&version);
        stage.origin.on_each("/a", move |received, _| {
            let kind = received.field("X-Kind").unwrap_or_default();
            let body = format!("{kind} {}", own.load(Ordering::SeqCst));
            Answer::ok(body).fresh().field("Vary", "X-Kind")
        });
        let ask = |kind: &str| Ask::get("/a").field("X-Kind", kind);
        for way in super::Way::ALL {
            for kind in ["a", "b", "c"] {
                stage.wait_for_hit(&ask(kind));
            }
            settle_on_disk(stage, 3);
            way.go(stage);
            let now = version.fetch_add(1, Ordering::SeqCst) + 1;
            stage
                .ringside
                .purge_by(&[("url", "http://ringside.test/a")]);
            crash(stage);
            stage.ringside.wait_until_recovered();
            for kind in ["a", "b", "c"] {
                let seen = stage.client().ask(&ask(kind)).expect(200).text();
                assert_eq!(seen, format!("{kind} {now}"), "{way:?}");
            }
        }
    });
}

#[test]
fn many_purges_hold_and_what_was_not_purged_stays() {
    const OBJECTS: usize = 200;
    check_disk(&[1, 2], &always(), |stage| {
        let versions = Versions::default();
        let path = |number: usize| format!("/{number}");
        versions.publish(stage, "/*");
        let mut client = stage.client();
        for number in 0..OBJECTS {
            client.get(&path(number)).expect(200);
        }
        settle_on_disk(stage, OBJECTS);
        versions.bump();
        for number in (0..OBJECTS).step_by(2) {
            let url = format!("http://ringside.test{}", path(number));
            stage.ringside.purge(&url).expect(200);
        }
        crash(stage);
        stage.ringside.wait_until_recovered();
        let mut from_disk = 0;
        let mut client = stage.client();
        for number in 0..OBJECTS {
            let reply = client.get(&path(number));
            let body = if number % 2 == 0 {
                "version 1"
            } else {
                "version 0"
            };
            reply.expect(200).expect_body(body);
            from_disk += usize::from(is_from_disk(&reply));
        }
        assert_eq!(from_disk, OBJECTS / 2);
    });
}
