//! A strict reader of Cache-Status (RFC 9211): a List of Strings or Tokens with parameters
//! (RFC 9651). What it does not know by name it keeps, what is no such list it refuses.

/// One member: what one cache on the way says it did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CacheStatus {
    /// The cache's name.
    pub name: String,
    /// It answered by itself.
    pub hit: bool,
    /// Why it asked further: `uri-miss`, `stale` ...
    pub fwd: Option<String>,
    /// What the next one answered.
    pub fwd_status: Option<i64>,
    /// Seconds of freshness left; below 0 when stale.
    pub ttl: Option<i64>,
    /// It stored the response.
    pub stored: bool,
    /// The request waited for another one's fetch.
    pub collapsed: bool,
    /// The cache key.
    pub key: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
}

/// A bare item of RFC 9651, as far as Cache-Status has them.
enum Bare {
    Flag(bool),
    Number(i64),
    Word(String),
}

impl CacheStatus {
    /// The members of a field value; `None` when it breaks the grammar, or a parameter has a wrong
    /// type (RFC 9211, 2). An empty value has no members.
    pub fn list(value: &str) -> Option<Vec<CacheStatus>> {
        let mut text = Text(value.trim_matches(' '));
        let mut members = Vec::new();
        while !text.0.is_empty() {
            members.push(member(&mut text)?);
            text.skip_space();
            if text.0.is_empty() {
                break;
            }
            text.expect(',')?;
            text.skip_space();
            if text.0.is_empty() {
                return None;
            }
        }
        Some(members)
    }
}

fn member(text: &mut Text<'_>) -> Option<CacheStatus> {
    let Bare::Word(name) = text.item()? else {
        return None;
    };
    let mut status = CacheStatus {
        name,
        ..CacheStatus::default()
    };
    let mut seen: Vec<String> = Vec::new();
    while text.0.starts_with(';') {
        text.expect(';')?;
        text.skip_space();
        let name = text.name()?;
        let value = match text.expect('=') {
            Some(()) => text.item()?,
            None => Bare::Flag(true),
        };
        match (name.as_str(), value) {
            ("hit", Bare::Flag(is)) => status.hit = is,
            ("stored", Bare::Flag(is)) => status.stored = is,
            ("collapsed", Bare::Flag(is)) => status.collapsed = is,
            ("fwd", Bare::Word(word)) => status.fwd = Some(word),
            ("key", Bare::Word(word)) => status.key = Some(word),
            ("detail", Bare::Word(word)) => status.detail = Some(word),
            ("ttl", Bare::Number(number)) => status.ttl = Some(number),
            ("fwd-status", Bare::Number(number)) => status.fwd_status = Some(number),
            ("hit" | "stored" | "collapsed" | "fwd" | "key" | "detail", _) => return None,
            ("ttl" | "fwd-status", _) => return None,
            _ => {}
        }
        if seen.contains(&name) {
            return None;
        }
        seen.push(name);
    }
    // Only one of them (RFC 9211, 2.1).
    (!(status.hit && status.fwd.is_some())).then_some(status)
}

/// What is left to be read.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn expect(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !wanted(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// The name of a parameter.
    fn name(&mut self) -> Option<String> {
        let name = self.take_while(|c| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '*')
        });
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '*');
        starts.then(|| name.to_string())
    }

    fn item(&mut self) -> Option<Bare> {
        let first = self.0.chars().next()?;
        match first {
            '"' => self.string().map(Bare::Word),
            '?' => {
                self.expect('?')?;
                match self.take_while(|c| c.is_ascii_digit()) {
                    "0" => Some(Bare::Flag(false)),
                    "1" => Some(Bare::Flag(true)),
                    _ => None,
                }
            }
            '-' | '0'..='9' => {
                let minus = self.expect('-').is_some();
                let digits = self.take_while(|c| c.is_ascii_digit());
                let number: i64 = digits.parse().ok().filter(|_| digits.len() <= 15)?;
                Some(Bare::Number(if minus { -number } else { number }))
            }
            'a'..='z' | 'A'..='Z' | '*' => {
                let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:/".contains(c);
                Some(Bare::Word(self.take_while(token).to_string()))
            }
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        self.expect('"')?;
        let mut out = String::new();
        let mut escaped = false;
        for (at, c) in self.0.char_indices() {
            match c {
                '"' | '\\' if escaped => {
                    out.push(c);
                    escaped = false;
                }
                _ if escaped => return None,
                '\\' => escaped = true,
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(out);
                }
                ' '..='~' => out.push(c),
                _ => return None,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::CacheStatus;

    #[test]
    fn members_are_read_with_their_parameters() {
        let text = "Origin; hit; ttl=-5,\t\"the, edge\"; fwd=stale;fwd-status=304; stored=?0; key=\"a\\\"b\"";
        let members = CacheStatus::list(text).expect("good text");
        assert_eq!(members.len(), 2);
        assert_eq!((members[0].hit, members[0].ttl), (true, Some(-5)));
        assert_eq!(members[1].name, "the, edge");
        assert_eq!(members[1].fwd.as_deref(), Some("stale"));
        assert_eq!(
            (members[1].fwd_status, members[1].stored),
            (Some(304), false)
        );
        assert_eq!(members[1].key.as_deref(), Some("a\"b"));
        assert_eq!(CacheStatus::list(""), Some(Vec::new()));
    }

    #[test]
    fn broken_text_is_refused() {
        for bad in [
            "a; hit,",
            ", a; hit",
            "a; ttl=x",
            "a; ttl=\"1\"",
            "a; hit=1",
            "a hit",
            "a; key=\"b",
            "a; hit; hit",
            "a; Hit",
            "a; hit; fwd=stale",
            "a;; hit",
            "1; hit",
        ] {
            assert_eq!(CacheStatus::list(bad), None, "{bad:?}");
        }
    }
}
