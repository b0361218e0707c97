//! The origin of the model test: what each URL says now, and how often it was asked.

use ringside_tests::{Answer, Received};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// How long a response is fresh and what may be done with it later, as its fields say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Life {
    /// Fresh.
    Fresh,
    /// Fresh for shared caches, and never to be served stale.
    Shared,
    /// Fresh, though it has been under way for a while.
    Older,
    /// Fresh, and it may be served while it is validated once it is not.
    FreshWhile,
    /// Older than its lifetime when it comes.
    Stale,
    /// The same, and nothing may be served in its place without asking.
    Must,
    /// The same, and it may be served while it is validated.
    While,
    /// The same, and it may not stand in for an error.
    NoStandIn,
    /// To be validated each time.
    NoCache,
    /// Without any lifetime.
    Zero,
    /// Not to be stored.
    NoStore,
    /// For one client.
    Private,
}

impl Life {
    pub(crate) const ALL: [Life; 12] = [
        Life::Fresh,
        Life::Shared,
        Life::Older,
        Life::FreshWhile,
        Life::Stale,
        Life::Must,
        Life::While,
        Life::NoStandIn,
        Life::NoCache,
        Life::Zero,
        Life::NoStore,
        Life::Private,
    ];

    /// Cache-Control and Age. Lifetimes are far from ages: what the clock does meanwhile is
    /// nothing to them.
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Life::Fresh => ("max-age=6000", "0"),
            Life::Shared => ("max-age=0, s-maxage=6000", "0"),
            Life::Older => ("max-age=6000", "3000"),
            Life::FreshWhile => ("max-age=6000, stale-while-revalidate=6000", "0"),
            Life::Stale => ("max-age=600", "1000"),
            Life::Must => ("max-age=600, must-revalidate", "1000"),
            Life::While => ("max-age=600, stale-while-revalidate=6000", "1000"),
            Life::NoStandIn => ("max-age=600, stale-if-error=0", "1000"),
            Life::NoCache => ("max-age=6000, no-cache", "0"),
            Life::Zero => ("max-age=0", "0"),
            Life::NoStore => ("max-age=6000, no-store", "0"),
            Life::Private => ("max-age=6000, private", "0"),
        }
    }
}

/// What a request says in X-Kind: 0 stands for nothing.
pub(crate) type Kind = u8;

/// What the origin says of one URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Say {
    pub(crate) version: u32,
    pub(crate) status: u16,
    pub(crate) life: Life,
    /// It has an entity tag.
    pub(crate) tagged: bool,
    /// It has `Vary: X-Kind`, and another content for each kind.
    pub(crate) varies: bool,
    /// It is in the group of its history.
    pub(crate) grouped: bool,
}

impl Say {
    /// The content for a kind; the entity tag is the same in quotes.
    pub(crate) fn content(&self, kind: Kind) -> String {
        match self.varies {
            true => format!("{} for {kind}", self.version),
            false => self.version.to_string(),
        }
    }
}

/// How the origin fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// With this status.
    Status(u16),
    /// By closing the connection.
    Close,
}

impl Failure {
    /// What a client gets to see when nothing stands in.
    pub(crate) fn status(self) -> u16 {
        match self {
            Failure::Status(status) => status,
            Failure::Close => 502,
        }
    }
}

/// One URL at the origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) say: Say,
    pub(crate) fails: Option<Failure>,
    /// GET requests so far.
    pub(crate) asked: u32,
}

/// All URLs, by host and path.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<HashMap<String, Place>>>);

impl World {
    /// From now on this URL says and does so.
    pub(crate) fn set(&self, url: &str, say: Say, fails: Option<Failure>) {
        let mut places = self.0.lock().expect("world");
        let asked = places.get(url).map_or(0, |place| place.asked);
        places.insert(url.into(), Place { say, fails, asked });
    }

    /// What there is about a URL.
    pub(crate) fn find(&self, url: &str) -> Option<Place> {
        self.0.lock().expect("world").get(url).copied()
    }

    /// The same, for one that was set.
    pub(crate) fn place(&self, url: &str) -> Place {
        self.find(url).expect("a URL that was set")
    }

    /// The origin's answer to a request of Ringside's.
    pub(crate) fn answer(&self, received: &Received) -> Answer {
        let host = received.field("Host").unwrap_or_default();
        let mut places = self.0.lock().expect("world");
        let Some(place) = places.get_mut(&format!("{host}{}", received.target)) else {
            return Answer::status(404).no_store();
        };
        let is_post = received.method == "POST";
        if !is_post {
            place.asked += 1;
        }
        match place.fails {
            Some(Failure::Status(status)) => return Answer::status(status).no_store(),
            Some(Failure::Close) => return Answer::raw(""),
            None => {}
        }
        if is_post {
            let answer = Answer::ok("done").no_store();
            return match received.field("X-Invalidate") {
                Some(group) => answer.field("Cache-Group-Invalidation", group),
                None => answer,
            };
        }
        describe(place.say, host.as_str(), received)
    }
}

/// The group of a history, which has its host to itself.
pub(crate) fn group_of(host: &str) -> String {
    format!("group of {host}")
}

fn describe(say: Say, host: &str, received: &Received) -> Answer {
    let kind = received.field("X-Kind").map_or(0, |kind| {
        kind.parse().expect("the kinds of this test are numbers")
    });
    let content = say.content(kind);
    let tag = format!("\"{content}\"");
    let held = received.field("If-None-Match").unwrap_or_default();
    let is_held = say.tagged && say.status == 200 && held.contains(&tag);
    let mut answer = match is_held {
        true => Answer::status(304),
        false => Answer::status(say.status).content(content),
    };
    let (control, age) = say.life.fields();
    // Every field each time: a 304 takes none of them back otherwise (RFC 9111, 3.2).
    let group = match say.grouped {
        true => group_of(host),
        false => "another".into(),
    };
    answer = answer
        .field("Cache-Control", control)
        .field("Cache-Groups", format!("\"{group}\""));
    if age != "0" {
        answer = answer.field("Age", age);
    }
    if say.tagged {
        answer = answer.field("ETag", tag);
    }
    if say.varies {
        answer = answer.field("Vary", "X-Kind");
    }
    answer
}
