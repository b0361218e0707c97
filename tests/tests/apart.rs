//! What is one client's does not reach another, and bytes lie where they belong, also where
//! several ways of the cache meet.

use ringside_tests::{check_on, pattern, wait_until, Answer, Ask, Entity, Gate, Stage};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

const FRAGMENT: usize = 1 << 20;

fn aged(body: &str) -> Answer {
    Answer::ok(body)
        .field("ETag", format!("\"{body}\""))
        .field("Cache-Control", "max-age=60, stale-while-revalidate=600")
        .field("Age", "100")
}

/// A request that does not take what is stale, but may join a fetch.
fn reload(path: &str) -> Ask {
    Ask::get(path).field("Cache-Control", "max-age=0")
}

#[test]
fn what_a_background_fetch_brings_for_one_is_for_nobody_else() {
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        stage.origin.on("/a", aged("old"));
        stage.get("/a").expect_body("old");
        let held = gate.clone();
        stage.origin.on_each("/a", move |received, _| {
            let whose = received.field("Cookie").unwrap_or_default();
            Answer::ok(format!("for {whose}"))
                .field("Cache-Control", "private")
                .wait_before_head(&held)
        });
        // Alice is served what is stale; what validates it was asked with her cookie.
        let alice = Ask::get("/a").field("Cookie", "alice");
        stage.client().ask(&alice).expect_body("old");
        stage.origin.wait_for("/a", 2);
        std::thread::scope(|scope| {
            let bob = scope.spawn(|| {
                let bob = reload("/a").field("Cookie", "bob");
                stage.client().ask(&bob)
            });
            stage.settle();
            gate.open();
            bob.join().unwrap().expect(200).expect_body("for bob");
        });
    });
}

#[test]
fn a_head_that_refreshes_brings_content_to_those_who_join() {
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        stage.origin.on("/a", aged("old"));
        stage.get("/a").expect_body("old");
        let held = gate.clone();
        stage.origin.on_each("/a", move |_, _| {
            Answer::ok("new").fresh().wait_before_head(&held)
        });
        stage.client().ask(&Ask::head("/a")).expect(200);
        stage.origin.wait_for("/a", 2);
        assert_eq!(stage.origin.last("/a").method, "GET");
        std::thread::scope(|scope| {
            let joins = scope.spawn(|| stage.client().ask(&reload("/a")));
            stage.settle();
            gate.open();
            joins.join().unwrap().expect(200).expect_body("new");
        });
    });
}

/// Stores the outline of `path` and its first fragment, and then has the origin say something else.
fn outline(
    stage: &Stage,
    path: &str,
    entity: &Entity,
    then: impl Fn(usize) -> Answer + Send + Sync + 'static,
) {
    let (first, count) = (entity.clone(), Arc::new(AtomicUsize::new(0)));
    stage.origin.on_each(path, move |received, _| {
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => first.answer(received),
            n => then(n),
        }
    });
    let range = Ask::get(path).field("Range", "bytes=0-9");
    stage.client().ask(&range).expect(206);
    wait_until("it to be stored", || stage.client().ask(&range).is_hit());
}

#[test]
fn fields_kept_back_reach_one_of_those_who_wait_for_a_part() {
    check_on(&[1, 2], |stage| {
        let gate = Gate::new();
        let entity = Entity::new(pattern(3 * FRAGMENT, 1))
            .fresh()
            .field("ETag", "\"a\"");
        let held = gate.clone();
        outline(stage, "/a", &entity, move |_| {
            Answer::ok(pattern(3 * FRAGMENT, 2))
                .field("Cache-Control", "max-age=60, private=\"Set-Cookie\"")
                .field("Set-Cookie", "whose=first")
                .wait_before_head(&held)
        });
        let range = Ask::get("/a").field("Range", "bytes=1500000-1500009");
        std::thread::scope(|scope| {
            let both: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| stage.client().ask(&range)))
                .collect();
            stage.origin.wait_for("/a", 2);
            stage.settle();
            gate.open();
            let replies: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
            let cookies: usize = replies.iter().map(|reply| reply.lines("Set-Cookie")).sum();
            assert!(cookies <= 1, "{replies:#?}");
        });
    });
}

#[test]
fn what_a_post_stores_is_without_the_fields_kept_back() {
    check_on(&[1, 2], |stage| {
        stage.origin.on(
            "/a",
            Answer::ok("posted")
                .field("Content-Location", "/a")
                .field("Cache-Control", "max-age=60, private=\"Set-Cookie\"")
                .field("Set-Cookie", "whose=mine"),
        );
        let reply = stage.client().ask(&Ask::post("/a", "hi"));
        reply.expect(200).expect_field("Set-Cookie", "whose=mine");
        stage.settle();
        let reply = stage.get("/a");
        reply.expect(200).expect_hit().expect_body("posted");
        reply.expect_no_field("Set-Cookie");
    });
}

#[test]
fn a_part_that_ends_early_is_not_joined_to_another() {
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(FRAGMENT + 5000, 1))
            .fresh()
            .field("ETag", "\"a\"");
        let content = entity.content().to_vec();
        let (whole, count) = (entity.clone(), AtomicUsize::new(0));
        stage.origin.on_each("/a", move |received, _| {
            match count.fetch_add(1, Ordering::SeqCst) {
                // The last bytes; then what is before them, which breaks off unseen.
                1 => {
                    let at = FRAGMENT..FRAGMENT + 5000 - 1000;
                    let answer = Answer::status(206)
                        .content(&content[at.start..at.end - 10])
                        .fresh()
                        .field("ETag", "\"a\"");

                    let range = format!("bytes {}-{}/{}", at.start, at.end - 1, content.len());
                    answer.field("Content-Range", range).until_close()
                }
                _ => whole.answer(received),
            }
        });
        let suffix = Ask::get("/a").field("Range", "bytes=-1000");
        stage
            .client()
            .ask(&suffix)
            .expect(206)
            .expect_body(&entity.content()[FRAGMENT + 4000..]);
        wait_until("it to be stored", || stage.client().ask(&suffix).is_hit());
        let range = Ask::get("/a").field("Range", format!("bytes={FRAGMENT}-"));
        let _ = stage.client().ask(&range);
        for _ in 0..2 {
            let reply = stage.client().ask(&range);
            reply.expect(206).expect_body(&entity.content()[FRAGMENT..]);
        }
    });
}

#[test]
fn a_part_that_is_longer_than_it_says_does_not_run_over() {
    check_on(&[1, 2], |stage| {
        let answer = Answer::status(206)
            .content(pattern(500, 1))
            .fresh()
            .field("ETag", "\"a\"")
            .chunked(&[100, 400]);

        let answer = answer.field("Content-Range", "bytes 900-999/1000");
        stage.origin.on("/a", answer);
        let mut client = stage.client();
        let reply = client.ask(&Ask::get("/a").field("Range", "bytes=-100"));
        assert!(reply.body.len() <= 100, "{reply:#?}");
        stage.origin.on("/b", Answer::ok("next").fresh());
        if reply.keeps_alive() {
            client.get("/b").expect(200).expect_body("next");
        }
    });
}

#[test]
fn a_popular_part_is_completed_as_well() {
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(FRAGMENT + 200_000, 1))
            .fresh()
            .field("ETag", "\"a\"");
        let whole = entity.clone();
        stage
            .origin
            .on_each("/a", move |received, _| whole.answer(received));
        let suffix = Ask::get("/a").field("Range", "bytes=-65536");
        for _ in 0..40 {
            stage.client().ask(&suffix).expect(206);
        }
        stage.settle();
        std::thread::sleep(std::time::Duration::from_millis(100));
        let range = Ask::get("/a").field("Range", format!("bytes={FRAGMENT}-"));
        let reply = stage.client().ask(&range);
        reply.expect(206).expect_body(&entity.content()[FRAGMENT..]);
    });
}

#[test]
fn no_hint_gets_into_the_content() {
    check_on(&[1, 2], |stage| {
        let entity = Entity::new(pattern(3 * FRAGMENT, 1))
            .fresh()
            .field("ETag", "\"a\"");
        let whole = entity.clone();
        stage.origin.on_each("/a", move |received, _| {
            whole
                .answer(received)
                .first(103, &[("Link", "</style.css>; rel=preload")])
        });
        let reply = stage
            .client()
            .ask(&Ask::get("/a").field("Range", "bytes=0-"));
        reply.expect(206).expect_body(entity.content());
    });
}
