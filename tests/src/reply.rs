//! One response as the client got it, and what a script may expect of it.
//!
//! The expectations chain, and name the response in their failure.

use crate::status::CacheStatus;
use crate::wire::{text, values, Head};

/// A response as it came.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1` or what was said.
    pub version: String,
    /// The field lines.
    pub fields: Vec<(String, String)>,
    /// The content, as far as it came (empty when a sink took it).
    pub body: Vec<u8>,
    /// How many bytes of content came.
    pub body_bytes: u64,
    /// The trailer fields.
    pub trailers: Vec<(String, String)>,
    /// The sizes of the chunks.
    pub chunks: Vec<u64>,
    /// The interim responses before it.
    pub informational: Vec<Informational>,
    /// How its end was told.
    pub framing: Framing,
    /// It ended where its framing says. Content until close counts as complete when the connection
    /// ended in order, since nothing else can tell.
    pub complete: bool,
}

/// An interim response.
#[derive(Clone, Debug)]
pub struct Informational {
    /// 100, 102, 103 ...
    pub status: u16,
    /// Its field lines.
    pub fields: Vec<(String, String)>,
}

/// How the end of a response is told (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// It has no content: 1xx, 204, 304, or a response to HEAD.
    None,
    /// By Content-Length.
    Length,
    /// By the chunked coding.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

impl Reply {
    /// The status line and fields of `head`; fails on what is no status line (RFC 9112, 4).
    pub(crate) fn new(head: &Head, framing: Framing) -> Self {
        let (version, status) = status_line(&head.first);
        Reply {
            status,
            version,
            fields: head.fields.clone(),
            body: Vec::new(),
            body_bytes: 0,
            trailers: Vec::new(),
            chunks: Vec::new(),
            informational: Vec::new(),
            framing,
            complete: framing == Framing::None,
        }
    }

    /// The value of the field `name`: its lines joined by commas (RFC 9110, 5.3).
    pub fn field(&self, name: &str) -> Option<String> {
        let lines: Vec<&str> = values(&self.fields, name).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The content as text.
    pub fn text(&self) -> String {
        text(&self.body)
    }

    /// Age, 0 when there is none.
    #[track_caller]
    pub fn age(&self) -> u64 {
        let age = self.field("Age");
        age.map_or(0, |age| age.parse().expect("Age is a number"))
    }

    /// What Ringside says it did: the parameters of its member of Cache-Status (RFC 9211), such as
    /// `hit` or `fwd=uri-miss`.
    #[track_caller]
    pub fn cache_status(&self) -> String {
        let field = self.field("Cache-Status").unwrap_or_default();
        let member = field.rsplit(',').map(str::trim).find_map(|member| {
            let (name, parameters) = member.split_once(';')?;
            (name.trim() == "ringside").then(|| parameters.trim().to_string())
        });
        match member {
            Some(member) => member,
            None => panic!("no Cache-Status of ringside in {}", self.short()),
        }
    }

    /// True when the cache answered without asking the origin.
    #[track_caller]
    pub fn is_hit(&self) -> bool {
        self.cache_status()
            .split(';')
            .any(|part| part.trim() == "hit")
    }

    /// Every member of Cache-Status (RFC 9211) in order, ours the last; fails on what is no list of
    /// them.
    #[track_caller]
    pub fn statuses(&self) -> Vec<CacheStatus> {
        let field = self.field("Cache-Status").unwrap_or_default();
        match CacheStatus::list(&field) {
            Some(members) => members,
            None => panic!("no Cache-Status of RFC 9211: {}", self.short()),
        }
    }

    /// What Ringside says it did; fails unless it does, once, as the last member.
    #[track_caller]
    pub fn status_told(&self) -> CacheStatus {
        let mut members = self.statuses();
        let ours = |member: &CacheStatus| member.name == "ringside";
        let count = members.iter().filter(|member| ours(member)).count();
        match members.pop().filter(|last| ours(last) && count == 1) {
            Some(last) => last,
            None => panic!("ringside should be the last member, once: {}", self.short()),
        }
    }

    /// How many lines the field `name` has.
    pub fn lines(&self, name: &str) -> usize {
        values(&self.fields, name).count()
    }

    /// Will the server keep this connection (RFC 9112, 9.3)?
    pub fn keeps_alive(&self) -> bool {
        let says = |token: &str| {
            let options = self.field("Connection").unwrap_or_default();
            options
                .split(',')
                .any(|option| option.trim().eq_ignore_ascii_case(token))
        };
        self.framing != Framing::UntilClose
            && !says("close")
            && (self.version == "HTTP/1.1" || says("keep-alive"))
    }

    /// Fails unless the response is whole and has this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "status of {}", self.short());
        assert!(self.complete, "the content broke off: {}", self.short());
        self
    }

    /// Fails unless this is the content.
    #[track_caller]
    pub fn expect_body(&self, body: impl AsRef<[u8]>) -> &Self {
        let body = body.as_ref();
        if self.body == body {
            return self;
        }
        let same = self
            .body
            .iter()
            .zip(body)
            .take_while(|(a, b)| a == b)
            .count();
        panic!(
            "content should be {} bytes, is {}, differs from byte {same}: {}",
            body.len(),
            self.body.len(),
            self.short()
        );
    }

    /// Fails unless the field `name` has exactly this value.
    #[track_caller]
    pub fn expect_field(&self, name: &str, value: &str) -> &Self {
        let found = self.field(name);
        assert_eq!(found.as_deref(), Some(value), "{name} of {}", self.short());
        self
    }

    /// Fails if there is a field `name`.
    #[track_caller]
    pub fn expect_no_field(&self, name: &str) -> &Self {
        assert!(self.field(name).is_none(), "{name} in {}", self.short());
        self
    }

    /// Fails unless the cache answered by itself.
    #[track_caller]
    pub fn expect_hit(&self) -> &Self {
        assert!(self.is_hit(), "should be a hit: {}", self.short());
        self
    }

    /// Fails if the cache answered by itself.
    #[track_caller]
    pub fn expect_forwarded(&self) -> &Self {
        assert!(!self.is_hit(), "should not be a hit: {}", self.short());
        self
    }

    /// Fails unless this is how the end was told.
    #[track_caller]
    pub fn expect_framing(&self, framing: Framing) -> &Self {
        assert_eq!(self.framing, framing, "framing of {}", self.short());
        self
    }

    /// Fails if anybody could take this for a whole response.
    #[track_caller]
    pub fn expect_broken(&self) -> &Self {
        assert!(
            !self.complete,
            "the content looks complete: {}",
            self.short()
        );
        self
    }

    /// The response without most of its content, for failure messages.
    fn short(&self) -> String {
        let mut out = format!("\n{} {}\n", self.version, self.status);
        for (name, value) in &self.fields {
            out += &format!("{name}: {value}\n");
        }
        let start = text(&self.body[..self.body.len().min(200)]);
        out + &format!("[{} bytes, {:?}] {start:?}", self.body_bytes, self.framing)
    }
}

/// Version and status of a status line; fails on what is none (RFC 9112, 4).
pub(crate) fn status_line(line: &str) -> (String, u16) {
    let mut parts = line.splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    let status = parts.next().unwrap_or_default();
    assert!(
        version.starts_with("HTTP/1.") && status.len() == 3 && parts.next().is_some(),
        "not a status line: {line:?}"
    );
    let status = status.parse().expect("a status is three digits");
    (version.into(), status)
}
