//! One run of wrk, and what it printed as numbers.

use crate::fault::{fault, Fault, Result};
use crate::process::{program, Running};
use crate::scratch::Scratch;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What wrk is asked to do.
pub(crate) struct Run<'r> {
    /// The server's port on loopback.
    pub(crate) port: u16,
    /// The path every request asks for; with a script, what the script builds on.
    pub(crate) path: &'r str,
    /// Connections kept busy, each with one request at a time.
    pub(crate) connections: u32,
    /// How long.
    pub(crate) seconds: u32,
    /// A Lua script, and the word it is given.
    pub(crate) script: Option<(&'r Path, &'r str)>,
}

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Responses received.
    pub(crate) requests: u64,
    /// Responses per second.
    pub(crate) rate: f64,
    /// Half of the responses came within this, microseconds.
    pub(crate) p50_us: f64,
    /// 99 % of the responses came within this, microseconds.
    pub(crate) p99_us: f64,
    /// Socket errors, timeouts and responses other than 2xx and 3xx.
    pub(crate) faults: u64,
}

/// A script for paths that nobody asked for before: the path given, the word given, a number.
///
/// The request is put together here, since `wrk.format` would cost the client more than the
/// server spends on the answer.
pub(crate) const UNIQUE_PATHS: &str = r#"
local start, rest, number
function init(args)
  start = "GET " .. wrk.path .. args[1] .. "-"
  rest = " HTTP/1.1\r\nHost: " .. wrk.headers["Host"] .. "\r\n\r\n"
  number = 0
end
function request()
  number = number + 1
  return start .. number .. rest
end
"#;

/// Runs wrk on `core` to its end.
///
/// # Errors
/// It isn't installed, it failed, or a request failed: a run with faults measures nothing.
pub(crate) fn run(run: &Run<'_>, core: usize, scratch: &Scratch) -> Result<Outcome> {
    let Some(wrk) = program("wrk") else {
        return fault("wrk is needed: apt-get install wrk");
    };
    let mut command = Command::new(wrk);
    command.args(["--threads", "1", "--latency", "--timeout", "15s"]);
    command.args(["--connections", &run.connections.to_string()]);
    command.args(["--duration", &format!("{}s", run.seconds)]);
    if let Some((script, _)) = run.script {
        command.arg("--script").arg(script);
    }
    command.arg(format!("http://127.0.0.1:{}{}", run.port, run.path));
    if let Some((_, word)) = run.script {
        command.args(["--", word]);
    }
    let running = Running::start("wrk", command, &[core], scratch)?;
    let patience = Duration::from_secs(u64::from(run.seconds) + 30);
    let text = running.finish(patience)?;
    let outcome = parse(&text).map_err(|why| Fault(format!("wrk printed {why}:\n{text}")))?;
    match outcome.faults {
        0 => Ok(outcome),
        count => fault(format!("{count} requests failed:\n{}", text.trim_end())),
    }
}

/// Reads wrk's report.
///
/// # Errors
/// What is missing in it.
pub(crate) fn parse(text: &str) -> std::result::Result<Outcome, &'static str> {
    let mut requests = None;
    let mut rate = None;
    let (mut p50_us, mut p99_us) = (None, None);
    let mut faults = 0;
    for line in text.lines().map(str::trim) {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        match (first, second) {
            ("50%", time) => p50_us = micros(time),
            ("99%", time) => p99_us = micros(time),
            (count, "requests") if line.contains(" in ") => requests = count.parse().ok(),
            ("Requests/sec:", number) => rate = number.parse().ok(),
            ("Socket", "errors:") | ("Non-2xx", "or") => faults += numbers(line),
            _ => {}
        }
    }
    Ok(Outcome {
        requests: requests
            .filter(|count| *count > 0)
            .ok_or("no count of requests")?,
        rate: rate.ok_or("no rate")?,
        p50_us: p50_us.ok_or("no median")?,
        p99_us: p99_us.ok_or("no 99th percentile")?,
        faults,
    })
}

/// `870.00us`, `1.23ms`, `2.01s`, `1.50m` in microseconds.
fn micros(time: &str) -> Option<f64> {
    let at = time.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = time.split_at(at);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

/// The sum of the whole numbers that stand behind a colon or a name: `connect 0, read 3`.
fn numbers(line: &str) -> u64 {
    let (_, counts) = line.split_once(':').unwrap_or(("", line));
    let words = counts.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
Running 2s test @ http://127.0.0.1:18081/1k
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.18ms    2.06ms  16.90ms   84.49%
    Req/Sec    32.80k     7.02k   48.09k    70.00%
  Latency Distribution
     50%  870.00us
     75%    3.18ms
     90%    5.07ms
     99%    8.83ms
  65628 requests in 2.01s, 79.11MB read
Requests/sec:  32571.55
Transfer/sec:     39.26MB
";

    #[test]
    fn a_report_is_read() {
        let outcome = parse(REPORT).unwrap();
        assert_eq!(outcome.requests, 65_628);
        assert_eq!(outcome.rate, 32_571.55);
        assert_eq!(outcome.p50_us, 870.0);
        assert_eq!(outcome.p99_us, 8_830.0);
        assert_eq!(outcome.faults, 0);
    }

    #[test]
    fn every_kind_of_failed_request_counts() {
        let line = "  Socket errors: connect 0, read 3, write 1, timeout 2\n";
        assert_eq!(
            parse(&REPORT.replace("Requests/sec", &format!("{line}Requests/sec")))
                .unwrap()
                .faults,
            6
        );
        let line = "  Non-2xx or 3xx responses: 17\n";
        assert_eq!(
            parse(&REPORT.replace("Requests/sec", &format!("{line}Requests/sec")))
                .unwrap()
                .faults,
            17
        );
    }

    #[test]
    fn a_report_that_lacks_something_is_no_outcome() {
        for (without, missing) in [
            ("65628 requests in", "no count of requests"),
            ("Requests/sec:", "no rate"),
            ("50%", "no median"),
            ("99%", "no 99th percentile"),
        ] {
            assert_eq!(parse(&REPORT.replace(without, "")), Err(missing));
        }
        let nothing = REPORT.replace("65628 requests", "0 requests");
        assert_eq!(parse(&nothing), Err("no count of requests"));
    }

    #[test]
    fn times_have_units() {
        for (text, us) in [
            ("1.50m", 90e6),
            ("2.50s", 2.5e6),
            ("1.00ms", 1e3),
            ("7.00us", 7.0),
        ] {
            assert_eq!(micros(text), Some(us), "{text}");
        }
        assert_eq!(micros("7.00"), None);
        assert_eq!(micros("7.00h"), None);
    }
}
