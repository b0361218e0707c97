//! How the tables are read, and held against the engine.
//!
//! | line | meaning |
//! |---|---|
//! | `# 4.2 what` | the section and what the case is about; always first |
//! | `plan: KEY = VALUE`, `site: …`, `route: …` | options, as in a configuration file |
//! | `> GET /path \| Field: value` | the request that the next response answers; `GET /` unless said |
//! | `delay 3` | seconds between a request and its answer, from here on |
//! | `spread 999` | the place of the key among all keys |
//! | `< 200 \| Field: value` | a response; it is stored if it may be |
//! | `=> stored`, `=> not stored: WHY`, `=> pass: WHY` | what became of it |
//! | `> GET => DECISION` | what another request gets |
//! | `lifetime => 60`, `age => 3` | of what was stored last |
//! | `kept => A: 1 \| B: 2` | its fields |
//! | `asks => If-None-Match: "a"` | how the origin is asked about all that is stored |
//! | `<304 \| … => freshened`, `<HEAD 200 \| … => outdated` | an answer to that, or to a HEAD |
//! | `outdates => /a /b` | what the response to an unsafe request outdates |
//! | `answers GET => yes` | a POST's response may be stored for GET |
//!
//! `@10` before a line is the time: seconds after the first response. `{-60}` is the date of a
//! minute before that.

use ringside_config as config;
use ringside_engine::cache::{
    self, vary, Facts, HeadEffect, Lookup, Policy, Serve, Times, Verdict,
};
use ringside_engine::http::{
    date, encode, HeadLimits, Method, Parse, Request, RequestHead, Response, ResponseHead,
};
use ringside_engine::key::Seed;
use ringside_engine::time::{Mono, Wall};
use std::fmt::Write;

const LIMITS: HeadLimits = HeadLimits {
    head_bytes: 1 << 16,
    fields: 256,
    target_bytes: 1 << 13,
};
/// When the first response comes.
const START: Mono = Mono(1_000_000);
/// Mon, 15 Jun 2026 12:00:00 GMT, then.
const NOON: Wall = Wall(1_781_524_800);
const SEED: Seed = Seed([1, 2]);
const HOST: &[u8] = b"a.example";

/// Holds all cases of a table against the engine.
pub(crate) fn check(table: &str) {
    let (mut count, mut faults) = (0, String::new());
    for case in table
        .split("\n\n")
        .map(str::trim)
        .filter(|case| !case.is_empty())
    {
        count += 1;
        let mut story = Story::new(case);
        for line in case.lines().map(str::trim) {
            if let Err(fault) = story.line(line) {
                let _ = writeln!(faults, "\n{case}\n    at: {line}\n    {fault}");
                break;
            }
        }
    }
    assert!(count > 0, "the table is empty");
    assert!(faults.is_empty(), "{faults}");
}

/// What has happened so far.
struct Story {
    policy: Policy,
    /// Seconds since the start.
    now: u64,
    delay: u64,
    spread: u16,
    request: Head<RequestHead>,
    response: Option<Head<ResponseHead>>,
    outcome: String,
    /// Newest last.
    stored: Vec<Stored>,
}

/// A head and what it was parsed into.
struct Head<T> {
    bytes: Vec<u8>,
    parsed: Box<T>,
}

struct Stored {
    head: Head<ResponseHead>,
    facts: Facts,
    names: Vec<u8>,
    variant: u64,
}

type Told = Result<(), String>;

impl Head<RequestHead> {
    fn view(&self) -> Request<'_> {
        self.parsed.view(&self.bytes)
    }
}

impl Head<ResponseHead> {
    fn view(&self) -> Response<'_> {
        self.parsed.view(&self.bytes)
    }
}

impl Story {
    fn new(case: &str) -> Story {
        let options = |of: &str| -> String {
            let lines = case.lines().map(str::trim);
            lines
                .filter_map(|line| line.strip_prefix(of))
                .map(|option| format!("{option}\n"))
                .collect()
        };
        let text = format!(
            "{}[origins.o]\nservers = [\"127.0.0.1:1\"]\n[[sites]]\nhosts = [\"*\"]\n{}\
             [[sites.routes]]\norigin = \"o\"\n{}",
            options("plan: "),
            options("site: "),
            options("route: ")
        );
        let plan = config::read(&text, "a table")
            .unwrap_or_else(|faults| panic!("{case}\n{text}\n{faults}"));
        let site = &plan.sites[0];
        Story {
            policy: Policy::of(&site.routes[0].cache, site, &plan.control),
            now: 0,
            delay: 0,
            spread: 0,
            request: request("GET /"),
            response: None,
            outcome: String::new(),
            stored: Vec::new(),
        }
    }

    fn now(&self) -> Mono {
        Mono(START.0 + self.now * 1000)
    }

    fn times(&self) -> Times {
        Times {
            requested: Mono(self.now().0 - self.delay * 1000),
            received: self.now(),
            wall: Wall(NOON.0 + self.now as i64),
            spread: self.spread,
        }
    }

    fn line(&mut self, line: &str) -> Told {
        let (time, line) = match line.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((time, rest)) => (Some(time.parse::<u64>()), rest.trim()),
            None => (None, line),
        };
        if let Some(time) = time {
            let time = time.map_err(|error| format!("the time: {error}"))?;
            if time < self.now {
                return Err("time runs backwards".into());
            }
            self.now = time;
        }
        let (line, want) = match line.split_once("=>") {
            Some((line, want)) => (line.trim(), Some(want.trim())),
            None => (line, None),
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let got = match (verb, want) {
            ("#", _) | ("plan:" | "site:" | "route:", None) => return Ok(()),
            ("delay", None) => {
                self.delay = rest.parse().map_err(|_| "the delay is no number")?;
                return Ok(());
            }
            ("spread", None) => {
                self.spread = rest.parse().map_err(|_| "the spread is no number")?;
                return Ok(());
            }
            (">", None) => {
                self.request = request(rest);
                return Ok(());
            }
            ("<", None) => {
                self.receive(response(rest));
                return Ok(());
            }
            (">", Some(_)) => self.decide(&request(rest)),
            ("", Some(_)) => self.outcome.clone(),
            ("<304", Some(_)) => self.validate(&response(&format!("304 {rest}"))),
            ("<HEAD", Some(_)) => self.head(&response(rest)),
            ("lifetime", Some(_)) => self.newest()?.facts.lifetime.to_string(),
            ("age", Some(_)) => self.newest()?.facts.age(self.now()).to_string(),
            ("kept", Some(_)) => fields(&self.newest()?.head.view()),
            ("asks", Some(_)) => self.asks(),
            ("outdates", Some(_)) => self.outdates()?,
            ("answers", Some(_)) => self.answers_get()?,
            _ => return Err("nobody knows what this line means".into()),
        };
        match want {
            Some(want) if want != got => Err(format!("it is: {got}")),
            _ => Ok(()),
        }
    }

    fn newest(&self) -> Result<&Stored, String> {
        self.stored.last().ok_or_else(|| "nothing is stored".into())
    }

    /// A response arrives, and is stored if it may be.
    fn receive(&mut self, head: Head<ResponseHead>) {
        let request = self.request.view();
        let lookup = cache::request(&request, &self.policy);
        let storable = cache::storable(&request, &head.view(), &self.policy);
        self.outcome = match (lookup, storable) {
            (Lookup::Pass(why), _) => format!("pass: {}", why.word()),
            (Lookup::Cache, Err(why)) => format!("not stored: {}", why.word()),
            (Lookup::Cache, Ok(())) => {
                let facts = Facts::of(&request, &head.view(), &self.policy, &self.times());
                let stored = store(&request, &head.view(), facts, &self.policy);
                self.put(stored);
                "stored".into()
            }
        };
        self.response = Some(head);
    }

    /// Takes the place of what the same requests select.
    fn put(&mut self, new: Stored) {
        self.stored
            .retain(|old| (&old.names, old.variant) != (&new.names, new.variant));
        self.stored.push(new);
    }

    fn decide(&self, request: &Head<RequestHead>) -> String {
        let request = request.view();
        if let Lookup::Pass(why) = cache::request(&request, &self.policy) {
            return format!("pass: {}", why.word());
        }
        let selects = |stored: &&Stored| {
            vary::secondary_of_names(SEED, &stored.names, request.fields) == stored.variant
        };
        let Some(stored) = self.stored.iter().rev().find(selects) else {
            return if self.stored.is_empty() {
                "miss"
            } else {
                "vary-miss"
            }
            .into();
        };
        let (facts, now) = (&stored.facts, self.now());
        let on_error = || {
            if cache::in_place_of_error(&request, facts, &self.policy, now) {
                ", stale in place of an error"
            } else {
                ""
            }
        };
        let only = match cache::only_if_cached(&request, &self.policy) {
            true => ", only if cached",
            false => "",
        };
        match cache::serve(&request, facts, &self.policy, now) {
            Serve::Fresh => {
                let verdict = cache::preconditions(&request, &stored.head.view());
                let guards =
                    cache::guards(&request) && !cache::guards_hold(&request, &stored.head.view());
                match (guards, verdict) {
                    (true, _) => "pass: precondition".into(),
                    (false, Verdict::Proceed) => format!("fresh{only}"),
                    (false, Verdict::NotModified) => format!("304{only}"),
                    (false, Verdict::Failed) => format!("412{only}"),
                }
            }
            Serve::Stale(why) => format!("stale: {}{only}", why.word()),
            Serve::Validate(why) => format!("validate: {}{}{only}", why.word(), on_error()),
        }
    }

    /// All that is stored, newest first.
    fn held(&self) -> Vec<Response<'_>> {
        self.stored
            .iter()
            .rev()
            .map(|stored| stored.head.view())
            .collect()
    }

    fn asks(&self) -> String {
        let mut lines = Vec::new();
        cache::conditionals_of(&self.held(), &mut lines);
        let text = String::from_utf8(lines).expect("conditions are text");
        text.trim_end().replace("\r\n", " | ")
    }

    fn validate(&mut self, news: &Head<ResponseHead>) -> String {
        let Some(at) = cache::selected(&self.held(), &news.view()) else {
            return "about nothing stored".into();
        };
        let at = self.stored.len() - 1 - at;
        self.freshen(at, news)
    }

    fn head(&mut self, news: &Head<ResponseHead>) -> String {
        let Some(stored) = self.stored.last() else {
            return "nothing is stored".into();
        };
        match cache::head_answers(&stored.head.view(), 10, &news.view()) {
            HeadEffect::Freshens => self.freshen(self.stored.len() - 1, news),
            HeadEffect::Outdates => "outdated".into(),
            HeadEffect::None => "nothing".into(),
        }
    }

    fn freshen(&mut self, at: usize, news: &Head<ResponseHead>) -> String {
        let old = &self.stored[at];
        let mut head = Vec::new();
        cache::freshen(&old.head.view(), &news.view(), &self.policy, &mut head);
        head.extend_from_slice(b"\r\n");
        let fresh = parsed_response(head);
        let request = self.request.view();
        let storable = cache::storable(&request, &fresh.view(), &self.policy);
        let times = self.times();
        let facts = Facts::validated(&request, &fresh.view(), &news.view(), &self.policy, &times);
        let (names, variant) = variant_of(&request, &fresh.view(), &self.policy);
        self.stored.remove(at);
        if let Err(why) = storable {
            return format!("not stored: {}", why.word());
        }
        self.put(Stored {
            head: fresh,
            facts,
            names,
            variant,
        });
        "freshened".into()
    }

    fn outdates(&self) -> Result<String, String> {
        let response = self.response.as_ref().ok_or("there is no response")?.view();
        let request = self.request.view();
        if !cache::invalidates(&request, response.status) {
            return Ok("nothing".into());
        }
        let mut all = String::from_utf8_lossy(request.target).into_owned();
        for target in cache::invalidate::targets(HOST, request.target, &response) {
            let _ = write!(all, " {}", String::from_utf8_lossy(&target));
        }
        Ok(all)
    }

    fn answers_get(&self) -> Result<String, String> {
        let response = self.response.as_ref().ok_or("there is no response")?.view();
        let request = self.request.view();
        let target = request.target;
        let yes = cache::post_answers_get(&request, &response, &self.policy, HOST, target);
        Ok(if yes { "yes" } else { "no" }.into())
    }
}

/// What is stored of a response: as the shards do it, without what is withheld.
fn store(request: &Request<'_>, response: &Response<'_>, facts: Facts, policy: &Policy) -> Stored {
    let withheld = cache::withheld(response, policy);
    let mut head = Vec::new();
    let answer = encode::Answer {
        via_name: None,
        drop_age: true,
        now: None,
    };
    encode::response_head(&mut head, response, &answer);
    head.extend_from_slice(b"\r\n");
    let whole = parsed_response(head);
    let mut head = Vec::new();
    encode::push_status_line(&mut head, response.status, b"");
    for field in whole
        .view()
        .fields
        .iter()
        .filter(|field| !withheld.has(field))
    {
        encode::push_field(&mut head, field.name, field.value);
    }
    head.extend_from_slice(b"\r\n");
    let (names, variant) = variant_of(request, response, policy);
    Stored {
        head: parsed_response(head),
        facts,
        names,
        variant,
    }
}

fn variant_of(request: &Request<'_>, response: &Response<'_>, policy: &Policy) -> (Vec<u8>, u64) {
    let mut names = Vec::new();
    vary::normal_names(response.fields, request.fields, policy.language, &mut names);
    let variant = vary::secondary_of_names(SEED, &names, request.fields);
    (names, variant)
}

fn fields(response: &Response<'_>) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let all: Vec<String> = response
        .fields
        .iter()
        .map(|field| format!("{}: {}", text(field.name), text(field.value)))
        .collect();
    all.join(" | ")
}

/// `GET /path | Field: value`; without a path it is `/`.
fn request(text: &str) -> Head<RequestHead> {
    let (first, fields) = text.split_once('|').unwrap_or((text, ""));
    let mut words = first.split_whitespace();
    let method = words.next().unwrap_or("GET");
    let target = words.next().unwrap_or("/");
    let bytes = lines(&format!("{method} {target} HTTP/1.1"), fields);
    let mut parsed = Box::<RequestHead>::default();
    let is_whole = matches!(parsed.parse(&bytes, &LIMITS), Ok(Parse::Complete));
    assert!(is_whole, "no request: {text}");
    let known = parsed.view(&bytes).method != Method::Other;
    assert!(known || method == "PURGE", "an unknown method: {text}");
    Head { bytes, parsed }
}

/// `200 | Field: value`
fn response(text: &str) -> Head<ResponseHead> {
    let (first, fields) = text.split_once('|').unwrap_or((text, ""));
    parsed_response(lines(&format!("HTTP/1.1 {} -", first.trim()), fields))
}

fn parsed_response(bytes: Vec<u8>) -> Head<ResponseHead> {
    let mut parsed = Box::<ResponseHead>::default();
    let is_whole = matches!(parsed.parse(&bytes, &LIMITS), Ok(Parse::Complete));
    assert!(is_whole, "no response: {}", String::from_utf8_lossy(&bytes));
    Head { bytes, parsed }
}

fn lines(first: &str, fields: &str) -> Vec<u8> {
    let mut text = format!("{first}\r\n");
    for field in fields
        .split('|')
        .map(str::trim)
        .filter(|field| !field.is_empty())
    {
        let _ = write!(text, "{}\r\n", with_dates(field));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// `{-60}` as a date.
fn with_dates(field: &str) -> String {
    let Some((before, rest)) = field.split_once('{') else {
        return field.into();
    };
    let (seconds, after) = rest.split_once('}').expect("a brace that closes");
    let seconds: i64 = seconds.parse().expect("seconds in braces");
    let mut out = [0; 29];
    let date = date::format(Wall(NOON.0 + seconds), &mut out);
    format!("{before}{}{after}", String::from_utf8_lossy(date))
}
