//! How long a response is fresh where the route has a say: refresh rules as Squid's operators know
//! them, lifetimes of errors, caps, jitter. What was decided shows in the `ttl` of Cache-Status.

use ringside_tests::{check_with, http_date, Answer, Ask, Setup, Stage};

/// Stores `answer` and gives the seconds it is fresh for; `None` when it is not used again.
#[track_caller]
fn fresh_for(stage: &Stage, path: &str, answer: Answer) -> Option<i64> {
    stage.origin.on(path, answer);
    let first = stage.get(path);
    assert!(first.complete, "{path}");
    let again = stage.get(path);
    assert_eq!(again.status, first.status, "{path}");
    again.is_hit().then(|| {
        let ttl = again.status_told().ttl;
        ttl.expect("a hit tells its ttl")
    })
}

/// Is that the lifetime, as far as clocks let it show?
fn about(found: Option<i64>, wanted: Option<i64>) -> bool {
    match (found, wanted) {
        (Some(found), Some(wanted)) => (wanted - 8..=wanted + 2).contains(&found),
        (found, wanted) => found == wanted,
    }
}

/// Fields, one `Name: value` each, on a response with this status.
fn with(status: u16, lines: &[&str]) -> Answer {
    lines.iter().fold(Answer::status(status), |answer, line| {
        let (name, value) = line.split_once(':').expect("a field");
        answer.field(name, value.trim())
    })
}

/// Checks a route's line against responses: status, fields, seconds of freshness.
#[track_caller]
fn check(lines: &[&str], rows: &[(u16, &[&str], Option<i64>)]) {
    let setup = lines
        .iter()
        .fold(Setup::new(), |setup, line| setup.route(line));
    check_with(&[1, 2], &setup, |stage| {
        for (number, (status, fields, wanted)) in rows.iter().enumerate() {
            let found = fresh_for(stage, &format!("/{number}"), with(*status, fields));
            assert!(
                about(found, *wanted),
                "{lines:?}, {status} {fields:?}: fresh for {found:?}, not {wanted:?}"
            );
        }
    });
}

/// Last-Modified so many seconds ago.
fn modified(seconds: i64) -> String {
    format!("Last-Modified: {}", http_date(-seconds))
}

const DAY: i64 = 86_400;

#[test]
fn refresh_is_squid_s_rule() {
    let (ten_days, thirty_days) = (modified(10 * DAY), modified(30 * DAY));
    let (minute, future) = (modified(60), modified(-3600));
    let soon = format!("Expires: {}", http_date(1000));
    check(
        &["cache.refresh = { min = \"30m\", percent = 20, max = \"60h\" }"],
        &[
            (200, &[], Some(1800)),
            (200, &[&minute], Some(1800)),
            (200, &[&future], Some(1800)),
            (200, &[&ten_days], Some(2 * DAY)),
            (200, &[&thirty_days], Some(60 * 3600)),
            (404, &[], Some(1800)),
            (301, &["Location: /x"], Some(1800)),
            // It is for what states nothing.
            (200, &["Cache-Control: max-age=100"], Some(100)),
            (200, &["Cache-Control: max-age=0", &ten_days], None),
            (200, &["Cache-Control: s-maxage=500000"], Some(500_000)),
            (200, &[&soon], Some(1000)),
            (200, &["Expires: 0"], None),
            (200, &["Cache-Control: no-store"], None),
            (200, &["Cache-Control: no-cache"], None),
            (200, &["Cache-Control: private"], None),
            (500, &[&ten_days], None),
        ],
    );
    let thousand = modified(1000);
    check(
        &["cache.refresh = { min = \"0s\", percent = 20, max = \"1h\" }"],
        &[
            (200, &[], None),
            (200, &[&thousand], Some(200)),
            (200, &[&ten_days], Some(3600)),
        ],
    );
    check(
        &["cache.refresh = { min = \"0s\", percent = 200, max = \"1h\" }"],
        &[(200, &[&thousand], Some(2000))],
    );
    check(
        &["cache.refresh = { min = \"5m\", percent = 0, max = \"1h\" }"],
        &[(200, &[&ten_days], Some(300))],
    );
}

#[test]
fn errors_have_the_lifetimes_of_the_route() {
    let thirty_days = modified(30 * DAY);
    check(
        &["cache.negative = { \"404\" = \"20s\", \"5xx\" = \"1m\", \"503\" = \"10s\" }"],
        &[
            (404, &[], Some(20)),
            (404, &[&thirty_days], Some(20)),
            (500, &[], Some(60)),
            (502, &[], Some(60)),
            (599, &[], Some(60)),
            (503, &[], Some(10)),
            // What the origin states counts for more.
            (404, &["Cache-Control: max-age=100"], Some(100)),
            (404, &["Cache-Control: max-age=0"], None),
            (503, &["Cache-Control: no-store"], None),
            (404, &["Cache-Control: private"], None),
            (404, &["Cache-Control: no-cache"], None),
            (404, &["Vary: *"], None),
            (404, &["Set-Cookie: a=b"], None),
            // Not named.
            (410, &[], None),
            (403, &[], None),
            (200, &[], None),
        ],
    );
    check(
        &["cache.negative = { \"4xx\" = \"20s\", \"302\" = \"30s\" }"],
        &[
            (400, &[], Some(20)),
            (403, &[], Some(20)),
            (410, &[], Some(20)),
            (302, &["Location: /x"], Some(30)),
            (500, &[], None),
            // They answer something of this request that is in no key (RFC 9110, 15.5.13, 15.5.17).
            (412, &[], None),
            (416, &[], None),
        ],
    );
}

#[test]
fn an_error_s_lifetime_is_no_permission_to_share() {
    // RFC 9111, 3.5
    let setup = Setup::new().route("cache.negative = { \"404\" = \"20s\" }");
    check_with(&[1, 2], &setup, |stage| {
        stage.origin.on("/a", Answer::status(404));
        let ask = Ask::get("/a").field("Authorization", "Basic eDp5");
        for number in 1..4 {
            stage.client().ask(&ask).expect(404);
            assert_eq!(stage.origin.count("/a"), number);
        }
    });
}

#[test]
fn no_lifetime_is_above_the_cap() {
    let thirty_days = modified(30 * DAY);
    let soon = format!("Expires: {}", http_date(3600));
    let rows: &[(u16, &[&str], Option<i64>)] = &[
        (200, &["Cache-Control: max-age=600"], Some(30)),
        (200, &["Cache-Control: max-age=10"], Some(10)),
        (200, &["Cache-Control: s-maxage=600"], Some(30)),
        (
            200,
            &["Cache-Control: max-age=99999999999999999999"],
            Some(30),
        ),
        (200, &[&soon], Some(30)),
        (200, &[&thirty_days], Some(30)),
        (200, &["Cache-Control: max-age=600", "Age: 20"], Some(10)),
        (200, &["Cache-Control: max-age=600", "Age: 40"], None),
    ];
    check(&["cache.lifetime_max = \"30s\""], rows);
    check(
        &["cache.lifetime_max = \"30s\"", "cache.default = \"10m\""],
        &[(200, &[], Some(30))],
    );
    check(
        &[
            "cache.lifetime_max = \"30s\"",
            "cache.negative = { \"404\" = \"10m\" }",
        ],
        &[(404, &[], Some(30))],
    );
}

#[test]
fn jitter_spreads_lifetimes_by_key() {
    const URLS: usize = 48;
    check_with(
        &[1, 2, 4],
        &Setup::new().route("cache.jitter = 50"),
        |stage| {
            let thousand = || Answer::ok("hello").field("Cache-Control", "max-age=1000");
            let mut found = Vec::new();
            for number in 0..URLS {
                let path = format!("/{number}");
                let ttl = fresh_for(stage, &path, thousand()).expect("fresh");
                assert!((490..=1000).contains(&ttl), "{path}: {ttl}");
                found.push(ttl);
            }
            found.sort_unstable();
            let mut apart = found.clone();
            apart.dedup();
            assert!(apart.len() > URLS / 3, "{found:?}");
            assert!(found[0] < 700 && found[URLS - 1] > 800, "{found:?}");
            // By key, not by chance: a new fetch of one URL has the same lifetime.
            for number in 0..8 {
                let path = format!("/{number}");
                let before = fresh_for(stage, &path, thousand()).expect("fresh");
                let insisting = Ask::get(&path).field("Cache-Control", "no-cache");
                stage
                    .client()
                    .ask(&insisting)
                    .expect(200)
                    .expect_forwarded();
                let after = stage.get(&path).status_told().ttl.expect("a ttl");
                assert!((before - after).abs() <= 4, "{path}: {before} and {after}");
            }
        },
    );
    check_with(&[1], &Setup::new(), |stage| {
        for number in 0..8 {
            let answer = Answer::ok("hello").field("Cache-Control", "max-age=1000");
            let ttl = fresh_for(stage, &format!("/{number}"), answer);
            assert!(about(ttl, Some(1000)), "without jitter: {ttl:?}");
        }
    });
}
