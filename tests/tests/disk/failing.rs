//! A disk that fails while the server runs: it goes on from memory, and says so.

use super::{always, check_disk, entity, settle_on_disk, used, KIB};
use ringside_tests::{pattern, wait_until, Ask, Deadline};
use std::time::Duration;

/// A disk that failed is tried again after half a minute.
const RETRY: Duration = Duration::from_secs(60);

#[test]
fn a_disk_that_takes_no_more_is_left_alone_and_tried_again() {
    check_disk(&[2], &always(), |stage| {
        let path = |number: usize| format!("/{number}");
        let body = |number: usize| pattern(30 * KIB + number, number as u64);
        for number in 0..40 {
            let entity = entity(body(number), &number.to_string());
            stage.origin.publish(&path(number), &entity);
        }
        let mut client = stage.client();
        for number in 0..20 {
            used(&mut client, &Ask::get(&path(number)), 1);
        }
        settle_on_disk(stage, 20);
        stage.ringside.limit_files(Some(0));
        // What memory has is served as ever, what is new is cached in memory.
        for number in 0..40 {
            let reply = client.get(&path(number));
            reply.expect(200).expect_body(body(number));
            client.get(&path(number)).expect_hit();
        }
        let is_up = |stage: &ringside_tests::Stage| stage.ringside.metric("ringside_disk_up", &[]);
        wait_until("both logs to be down", || is_up(stage) == 0.0);
        assert!(stage.ringside.disk("write_faults_total") >= 1);
        let disk = &stage.ringside.disks()[0];
        assert_eq!(disk["state"], "down");
        assert!(disk["why"].as_str().is_some_and(|why| !why.is_empty()));
        assert!(disk["recovered_ratio"].is_null());
        let told = stage.ringside.stderr_text();
        let place = stage.ringside.disk_path().display().to_string();
        assert!(told.contains(&place), "names the disk: {told}");
        // A purge holds now; whether it holds after a crash nobody can say.
        let url = "http://ringside.test/0";
        let receipt = stage.ringside.purge(url).expect(200).text();
        assert!(receipt.contains("\"forgettable\":true"), "{receipt}");
        client.get("/0").expect_forwarded();
        // Half a minute later it works again, and begins anew.
        stage.ringside.limit_files(None);
        let deadline = Deadline::after(RETRY);
        while is_up(stage) < 2.0 {
            deadline.left("the disk to be tried again");
            // Not synchronisation: the answer comes from the server.
            std::thread::sleep(Duration::from_millis(100));
        }
        for number in 0..40 {
            let reload = Ask::get(&path(number)).field("Cache-Control", "no-cache");
            client.ask(&reload).expect(200);
        }
        settle_on_disk(stage, 40);
        stage.origin.publish("/0", &entity("another", "other"));
        let receipt = stage.ringside.purge(url).expect(200).text();
        assert!(!receipt.contains("\"forgettable\":true"), "{receipt}");
        super::crash(stage);
        stage.ringside.wait_until_recovered();
        stage.get("/0").expect(200).expect_body("another");
        let asked = stage.origin.total();
        for number in 1..40 {
            let reply = stage.get(&path(number));
            reply.expect_hit().expect_body(body(number));
        }
        assert_eq!(stage.origin.total(), asked);
    });
}

#[test]
fn what_is_purged_while_a_disk_is_down_stays_purged_after_a_crash() {
    check_disk(&[1, 2], &always(), |stage| {
        for number in 0..20 {
            let entity = entity(format!("old {number}"), &number.to_string());
            stage.origin.publish(&format!("/{number}"), &entity);
            stage.get(&format!("/{number}")).expect(200);
        }
        settle_on_disk(stage, 20);
        // No byte can be written any more; not even the superblocks are what they were to be.
        stage.ringside.limit_files(Some(0));
        for number in 20..40 {
            let entity = entity(pattern(30 * KIB, number), "new");
            stage.origin.publish(&format!("/{number}"), &entity);
            stage.get(&format!("/{number}")).expect(200);
        }
        wait_until("all logs to be down", || {
            stage.ringside.metric("ringside_disk_up", &[]) == 0.0
        });
        for number in 0..20 {
            let url = format!("http://ringside.test/{number}");
            let receipt = stage.ringside.purge(&url).expect(200).text();
            assert!(receipt.contains("\"forgettable\":true"), "{receipt}");
            let entity = entity(format!("new {number}"), "new");
            stage.origin.publish(&format!("/{number}"), &entity);
        }
        // The new process can write.
        super::crash(stage);
        stage.ringside.wait_until_recovered();
        let told = stage.ringside.stderr_text();
        assert!(told.contains("it failed"), "{told}");
        for number in 0..20 {
            let reply = stage.get(&format!("/{number}"));
            reply.expect(200).expect_body(format!("new {number}"));
        }
        // And it is over.
        settle_on_disk(stage, 20);
        super::crash(stage);
        stage.ringside.wait_until_recovered();
        for number in 0..20 {
            let reply = stage.get(&format!("/{number}"));
            reply.expect_hit().expect_body(format!("new {number}"));
        }
    });
}
