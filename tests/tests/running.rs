//! Starting, checking and stopping: messages an operator can act on, exit codes, signals.

use ringside_tests::{
    check_with, pattern, wait_until, Answer, Ask, Client, Command, Gate, Origin, Reading, Ringside,
    Setup,
};
use std::net::TcpListener;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_stop_under_load_finishes_what_is_under_way() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        for shards in [1, 2, 4] {
            let origin = Origin::start();
            let setup = Setup::new().limits("drain = \"15s\"");
            let mut ringside = Ringside::start(&setup.text(shards, origin.port()));
            let (gate, body) = (Gate::new(), pattern(300_000, 20));
            origin.on("/stored", Answer::ok("stored").fresh());
            origin.on(
                "/in-body",
                Answer::ok(body.clone()).fresh().wait_after(1000, &gate),
            );
            let held = Answer::ok(body.clone()).no_store();
            origin.on("/in-head/*", held.wait_before_head(&gate));
            let mut idle = ringside.client();
            idle.get("/stored").expect(200);
            let mut in_head: Vec<Client> = (0..12).map(|_| ringside.client()).collect();
            for (number, client) in in_head.iter_mut().enumerate() {
                client.send(Ask::get(&format!("/in-head/{number}")).bytes());
            }
            let mut in_body: Vec<Client> = (0..12).map(|_| ringside.client()).collect();
            let mut readings: Vec<Reading<'_>> = Vec::new();
            for client in &mut in_body {
                client.send(Ask::get("/in-body").bytes());
                let mut reading = client.begin("GET");
                reading.read_at_least(1000);
                readings.push(reading);
            }
            origin.wait_for("/in-head/*", 12);
            ringside.signal(signal);
            // Idle connections end at once, and nobody new gets in.
            idle.expect_closed();
            assert!(ringside.is_running(), "it waits for what is under way");
            gate.open();
            for reading in readings {
                reading.finish().expect(200).expect_body(&body);
            }
            for client in &mut in_head {
                client.reply().expect(200).expect_body(&body);
            }
            for client in in_head.iter_mut().chain(&mut in_body) {
                client.expect_closed();
            }
            let status = ringside.wait_for_exit();
            assert_eq!(status.code(), Some(0), "{}", ringside.stderr_text());
        }
    }
}

#[test]
fn a_stop_waits_no_longer_than_its_drain_time() {
    let origin = Origin::start();
    let setup = Setup::new().limits("drain = \"300ms\"");
    let mut ringside = Ringside::start(&setup.text(2, origin.port()));
    let gate = Gate::new();
    origin.on("/never", Answer::ok("never").wait_before_head(&gate));
    let mut client = ringside.client();
    client.send(Ask::get("/never").bytes());
    origin.wait_for("/never", 1);
    let begun = std::time::Instant::now();
    assert_eq!(ringside.stop().code(), Some(0));
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    // Whatever the client is told, it is no response of the origin.
    if let Some(reply) = client.reply_if_any() {
        assert!(reply.status >= 500, "{}", reply.status);
    }
    gate.open();
}

#[test]
fn after_a_stop_the_port_is_free() {
    let origin = Origin::start();
    let mut ringside = Ringside::start(&Setup::new().text(2, origin.port()));
    let port = ringside.port();
    ringside.client().get("/").expect(404);
    assert!(ringside.stop().success());
    let bound = TcpListener::bind(("127.0.0.1", port));
    // TIME_WAIT does not hinder this bind: std sets SO_REUSEADDR.
    assert!(bound.is_ok(), "{bound:?}");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let config = Setup::new().text(2, 9).replacen("127.0.0.1:0", &address, 1);
    let output = Command::with_config(&config).run(&["run", "--config", "CONFIG"]);
    assert!(!output.status.success());
    assert_ne!(output.status.code(), None, "an exit code, not a signal");
    let told = text(&output.stderr);
    assert!(told.contains(&address), "names the address: {told}");
    assert!(told.to_lowercase().contains("in use"), "says why: {told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn the_admin_port_in_use_is_named_too() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let text_of = Setup::new().text(1, 9);
    let (before, admin) = text_of.split_once("[admin]").expect("an admin table");
    let config = format!(
        "{before}[admin]{}",
        admin.replacen("127.0.0.1:0", &address, 1)
    );
    let output = Command::with_config(&config).run(&["run", "--config", "CONFIG"]);
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(
        told.contains(&address) && told.to_lowercase().contains("in use"),
        "{told}"
    );
}

#[test]
fn every_fault_of_a_config_is_told_with_its_line() {
    let config = "[memory]\nsize = \"lots\"\n\n[shards]\ncuont = 2\n\n[origins.app]\nservers = [\"127.0.0.1:1\"]\n\n\
                  [[sites]]\nhosts = [\"*\"]\n\n[[sites.routes]]\npath = \"/\"\norigin = \"ap\"\n";
    for arguments in [
        ["check", "--config", "CONFIG"],
        ["run", "--config", "CONFIG"],
    ] {
        let output = Command::with_config(config).run(&arguments);
        assert!(!output.status.success(), "{arguments:?}");
        let told = text(&output.stderr) + &text(&output.stdout);
        for (line, found) in [(2, "lots"), (5, "cuont"), (15, "ap")] {
            assert!(
                told.contains(&format!("ringside.toml:{line}")),
                "line {line}: {told}"
            );
            assert!(told.contains(found), "{found}: {told}");
        }
        assert!(told.contains("count"), "suggests the key: {told}");
        assert!(told.contains("app"), "suggests the origin: {told}");
        assert!(!told.contains("panicked"), "{told}");
    }
}

#[test]
fn a_config_that_is_no_toml_or_not_there_is_told() {
    let output = Command::with_config("[memory\nsize = 1\n").run(&["check", "--config", "CONFIG"]);
    assert!(!output.status.success());
    let told = text(&output.stderr) + &text(&output.stdout);
    assert!(told.contains("ringside.toml:1"), "{told}");

    let output = Command::with_config("").run(&["run", "--config", "/nowhere/ringside.toml"]);
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("/nowhere/ringside.toml"), "{told}");
}

#[test]
fn what_later_releases_bring_is_said_to_come() {
    let config = Setup::new().text(1, 9) + "\n[tls]\ncertificate = \"/etc/site.pem\"\n";
    let output = Command::with_config(&config).run(&["check", "--config", "CONFIG"]);
    assert!(!output.status.success());
    let told = (text(&output.stderr) + &text(&output.stdout)).to_lowercase();
    assert!(told.contains("tls"), "{told}");
    assert!(
        !told.contains("did you mean"),
        "it is known, only not there yet: {told}"
    );
}

#[test]
fn a_good_config_checks_out() {
    let output =
        Command::with_config(&Setup::new().text(2, 9)).run(&["check", "--config", "CONFIG"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn help_and_reference_teach() {
    let run = |arguments: &[&str]| {
        let output = Command::with_config("").run(arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let help = run(&["--help"]);
    for word in ["run", "check", "config"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(run(&["run", "--help"]).contains("--config"));
    let reference = run(&["config", "reference"]);
    for key in [
        "first_byte_timeout",
        "keep_alive",
        "head_timeout",
        "cache.heuristic",
        "drain",
    ] {
        assert!(reference.contains(key), "{key} in the reference");
    }
    let output = Command::with_config("").run(&["dance"]);
    assert_eq!(output.status.code(), Some(2), "clap's code for wrong usage");
}

#[test]
fn every_shard_serves_and_connections_spread() {
    check_with(&[1, 2, 4], &Setup::new(), |stage| {
        stage.origin.on("/a", Answer::ok("hello").fresh());
        stage.get("/a").expect(200);
        let mut clients: Vec<Client> = (0..64).map(|_| stage.client()).collect();
        for client in &mut clients {
            client.get("/a").expect_hit();
        }
        // Counted when the response is through, which the client may see first.
        let count =
            |labels: &[(&str, &str)]| stage.ringside.metric("ringside_requests_total", labels);
        wait_until("65 requests to be counted", || count(&[]) == 65.0);
        let per_shard = |shard: usize| count(&[("shard", &shard.to_string())]);
        let served: Vec<f64> = (0..stage.shards).map(per_shard).collect();
        assert!(
            served.iter().all(|requests| *requests > 0.0),
            "per shard: {served:?}"
        );
    });
}

#[test]
fn the_demo_shows_what_it_says() {
    let mut ringside = Ringside::demo();
    let told = ringside.stdout_lines();
    let address = format!("http://127.0.0.1:{}", ringside.port());
    let lines: Vec<&String> = told.iter().filter(|line| line.contains("curl ")).collect();
    assert_eq!(lines.len(), 5, "five lines worth trying: {told:#?}");
    for line in lines {
        let (_, target) = line.split_once(&address).expect("a line with our address");
        let target = target.split_whitespace().next().expect("a path");
        let mut client = ringside.client();
        client.get(target).expect(200);
    }
    ringside.client().get("/").expect_hit();
    ringside.signal(libc::SIGINT);
    assert_eq!(ringside.wait_for_exit().code(), Some(0));
    let summary =
        ringside.stdout_lines().split_off(told.len()).join("\n") + &ringside.stderr_text();
    assert!(
        summary.contains("requests") && summary.contains("bytes"),
        "{summary}"
    );
}
