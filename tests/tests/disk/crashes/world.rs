//! What the origin says, what may still be seen of it, and what has happened to each URL.

use super::content::Content;
use ringside_tests::{Answer, Entity, Received, Reply};
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// URLs of all places together.
pub(crate) const URLS: usize = 480;
/// Prefixes, which are groups as well.
pub(crate) const PLACES: usize = 24;
/// Events of one URL that are remembered.
const STORY_MAX: usize = 60;

/// Clones are the same.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    begun: Instant,
    urls: Vec<Url>,
    replies: AtomicU64,
    hits: AtomicU64,
    from_disk: AtomicU64,
    bytes: AtomicU64,
    purges: AtomicU64,
    reloads: AtomicU64,
}

#[derive(Default)]
struct Url {
    /// What the origin says.
    version: AtomicU32,
    /// The least that may be seen by who asks now.
    floor: AtomicU32,
    stored: AtomicBool,
    /// Held alone by a reload: a request beside it may store what is older after it.
    reloading: RwLock<()>,
    story: Mutex<VecDeque<String>>,
}

impl Default for World {
    fn default() -> Self {
        World(Arc::new(Inner {
            begun: Instant::now(),
            urls: (0..URLS).map(|_| Url::default()).collect(),
            replies: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            from_disk: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            purges: AtomicU64::new(0),
            reloads: AtomicU64::new(0),
        }))
    }
}

impl World {
    /// The path of a URL: `/PLACE/URL`.
    pub(crate) fn path(&self, url: usize) -> String {
        format!("/{}/{url}", place_of(url))
    }

    /// The least version that may be seen from now on.
    pub(crate) fn floor(&self, url: usize) -> u32 {
        self.0.urls[url].floor.load(Ordering::SeqCst)
    }

    /// The origin has another version from now on.
    pub(crate) fn bump(&self, url: usize) -> u32 {
        let version = self.0.urls[url].version.fetch_add(1, Ordering::SeqCst) + 1;
        self.tell(url, &format!("the origin says {version}"));
        version
    }

    /// Nothing older may be seen any more.
    pub(crate) fn raise(&self, url: usize, floor: u32, why: &str) {
        self.0.urls[url].floor.fetch_max(floor, Ordering::SeqCst);
        let count = match why {
            "reloaded" => &self.0.reloads,
            _ => &self.0.purges,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.tell(url, &format!("{why}: not before {floor} any more"));
    }

    /// Whatever was stored need not be there any more.
    pub(crate) fn forget(&self, url: usize) {
        self.0.urls[url].stored.store(false, Ordering::Relaxed);
    }

    /// The URLs that are stored, as far as clients know.
    pub(crate) fn stored(&self) -> Vec<usize> {
        let is_stored = |url: &usize| self.0.urls[*url].stored.load(Ordering::Relaxed);
        (0..URLS).filter(is_stored).collect()
    }

    pub(crate) fn reloading(&self, url: usize) -> &RwLock<()> {
        &self.0.urls[url].reloading
    }

    /// Remembers what has happened.
    pub(crate) fn tell(&self, url: usize, what: &str) {
        let ms = self.0.begun.elapsed().as_millis();
        let story = &self.0.urls[url].story;
        let mut story = story.lock().unwrap_or_else(PoisonError::into_inner);
        story.push_back(format!("{ms:>7} ms: {what}"));
        if story.len() > STORY_MAX {
            story.pop_front();
        }
    }

    pub(crate) fn tell_all(&self, what: &str) {
        for url in 0..URLS {
            self.tell(url, what);
        }
    }

    fn story(&self, url: usize) -> String {
        let story = &self.0.urls[url].story;
        let story = story.lock().unwrap_or_else(PoisonError::into_inner);
        story.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The origin's answer.
    pub(crate) fn answer(&self, received: &Received) -> Answer {
        let last = received.target.rsplit('/').next().unwrap_or_default();
        let Some(url) = last.parse().ok().filter(|url: &usize| *url < URLS) else {
            return Answer::status(404).no_store();
        };
        if received.method == "POST" {
            return Answer::ok("done").no_store();
        }
        let version = self.0.urls[url].version.load(Ordering::SeqCst);
        let entity = Entity::new(Content::of(url, version).all())
            .field("ETag", format!("\"{url}-{version}\""))
            .field("X-Version", version.to_string())
            .field("Cache-Groups", format!("\"group-{}\"", place_of(url)))
            .field("Cache-Control", "max-age=6000");
        let is_plain = ["Range", "If-None-Match"]
            .iter()
            .all(|name| received.field(name).is_none());
        match url % 8 {
            7 if is_plain => entity.whole().chunked(&[1000, 70_000]),
            _ => entity.answer(received),
        }
    }

    /// Fails unless the reply, broken off or not, is what this URL was at a version from `floor` on.
    /// Gives that version.
    #[track_caller]
    pub(crate) fn check(&self, url: usize, floor: u32, reply: &Reply) -> Option<u32> {
        if reply.status == 416 {
            return None;
        }
        let told = reply.field("Cache-Status").unwrap_or_default();
        let status = reply.status;
        if !matches!(status, 200 | 206 | 304) {
            self.fail(url, &format!("{status} [{told}]"));
        }
        let tag = reply.field("ETag").unwrap_or_default();
        let version = tag.trim_matches('"').strip_prefix(&format!("{url}-"));
        let Some(version) = version.and_then(|version| version.parse().ok()) else {
            self.fail(url, &format!("tag {tag}, with {status} [{told}]"));
        };
        self.tell(url, &format!("seen {version}: {status} [{told}]"));
        let last = self.0.urls[url].version.load(Ordering::SeqCst);
        if !(floor..=last).contains(&version) {
            self.fail(
                url,
                &format!("version {version} is none of {floor} to {last}"),
            );
        }
        let stated = reply.field("X-Version");
        if status != 304 && stated != Some(version.to_string()) {
            self.fail(url, &format!("head of {version} and {stated:?}"));
        }
        self.check_content(url, version, reply);
        self.count(reply, &told);
        if status == 200 && reply.complete {
            self.0.urls[url].stored.store(true, Ordering::Relaxed);
        }
        Some(version)
    }

    #[track_caller]
    fn check_content(&self, url: usize, version: u32, reply: &Reply) {
        let content = Content::of(url, version);
        let len = content.len();
        let part = match reply.status {
            200 => 0..len,
            206 => match part_of(reply, len) {
                Some(part) => part,
                None => self.fail(url, &format!("{:?}", reply.field("Content-Range"))),
            },
            _ => return,
        };
        let got = &reply.body;
        if got.len() > part.len() || (reply.complete && got.len() != part.len()) {
            let (got, want) = (got.len(), part.len());
            self.fail(url, &format!("{got} bytes of {want}, version {version}"));
        }
        let want = content.bytes(part.start..part.start + got.len());
        if *got != want {
            let same = got.iter().zip(&want).take_while(|(a, b)| a == b).count();
            let (from, len) = (part.start, got.len());
            self.fail(
                url,
                &format!(
                    "wrong byte {same} of {len} from {from}, version {version} of {len} bytes"
                ),
            );
        }
    }

    fn count(&self, reply: &Reply, told: &str) {
        let add = |count: &AtomicU64, number: u64| {
            count.fetch_add(number, Ordering::Relaxed);
        };
        add(&self.0.replies, 1);
        add(&self.0.bytes, reply.body_bytes);
        add(&self.0.hits, u64::from(told.contains("hit")));
        add(&self.0.from_disk, u64::from(told.contains("detail=disk")));
    }

    /// Tells the whole story.
    #[track_caller]
    pub(crate) fn fail(&self, url: usize, what: &str) -> ! {
        let (path, story) = (self.path(url), self.story(url));
        panic!("{path}: {what}\n{story}");
    }
}

/// The prefix that a URL is under.
pub(crate) fn place_of(url: usize) -> usize {
    url % PLACES
}

/// The bytes that a 206 says it has, of a content of `len`.
fn part_of(reply: &Reply, len: usize) -> Option<std::ops::Range<usize>> {
    let range = reply.field("Content-Range")?;
    let (part, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = part.split_once('-')?;
    let part = first.parse().ok()?..last.parse::<usize>().ok()? + 1;
    (whole.parse() == Ok(len) && part.start < part.end && part.end <= len).then_some(part)
}

impl fmt::Display for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let inner = &self.0;
        write!(
            out,
            "{} replies, {} MiB: {} hits, {} of them from disk; {} floors by purges, {} by reloads",
            read(&inner.replies),
            read(&inner.bytes) >> 20,
            read(&inner.hits),
            read(&inner.from_disk),
            read(&inner.purges),
            read(&inner.reloads)
        )
    }
}
