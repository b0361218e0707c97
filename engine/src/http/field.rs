//! Field lines of a head, as positions in its bytes.

macro_rules! names {
    ($($name:ident $text:literal,)*) => {
        /// A field name that somebody here asks for. Others are [`Name::Other`] and are found by
        /// their text.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum Name { #[default] Other = 0, $($name,)* }

        impl Name {
            const ALL: &'static [(Name, &'static str)] = &[$((Name::$name, $text),)*];

            /// The usual spelling; empty for [`Name::Other`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { Name::Other => "", $(Name::$name => $text,)* }
            }
        }
    };
}

names! {
    Accept "Accept",
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    Age "Age",
    Allow "Allow",
    Authorization "Authorization",
    CacheControl "Cache-Control",
    CacheStatus "Cache-Status",
    CdnCacheControl "CDN-Cache-Control",
    Connection "Connection",
    ContentEncoding "Content-Encoding",
    ContentLength "Content-Length",
    ContentLocation "Content-Location",
    ContentRange "Content-Range",
    ContentType "Content-Type",
    Cookie "Cookie",
    Date "Date",
    ETag "ETag",
    Expect "Expect",
    Expires "Expires",
    Forwarded "Forwarded",
    Host "Host",
    IfMatch "If-Match",
    IfModifiedSince "If-Modified-Since",
    IfNoneMatch "If-None-Match",
    IfRange "If-Range",
    IfUnmodifiedSince "If-Unmodified-Since",
    KeepAlive "Keep-Alive",
    LastModified "Last-Modified",
    Location "Location",
    MaxForwards "Max-Forwards",
    Pragma "Pragma",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthenticationInfo "Proxy-Authentication-Info",
    ProxyAuthorization "Proxy-Authorization",
    ProxyConnection "Proxy-Connection",
    Range "Range",
    Referer "Referer",
    Server "Server",
    SetCookie "Set-Cookie",
    SurrogateControl "Surrogate-Control",
    Te "TE",
    Trailer "Trailer",
    TransferEncoding "Transfer-Encoding",
    Upgrade "Upgrade",
    UserAgent "User-Agent",
    Vary "Vary",
    Via "Via",
    Warning "Warning",
    XForwardedFor "X-Forwarded-For",
    XForwardedProto "X-Forwarded-Proto",
}

/// Where in `BY_ENDS` a name belongs: by its length and its ends, in any case. The factors are ones
/// that give every known name a place of its own, which is checked at compile time.
#[inline]
const fn place(len: usize, first: u8, last: u8) -> u8 {
    let (first, last) = ((first | 0x20) as usize, (last | 0x20) as usize);
    (len + first * 20 + last * 26) as u8
}

/// Known names by `place`; what is no name's place has the empty text.
static BY_ENDS: [(Name, &str); 256] = {
    let mut table = [(Name::Other, ""); 256];
    let mut at = 0;
    while at < Name::ALL.len() {
        let text = Name::ALL[at].1.as_bytes();
        let place = place(text.len(), text[0], text[text.len() - 1]) as usize;
        assert!(
            table[place].1.is_empty(),
            "two names in one place: choose other factors"
        );
        table[place] = Name::ALL[at];
        at += 1;
    }
    table
};

impl Name {
    /// The name of this text, in any case (RFC 9110, 5.1).
    #[must_use]
    #[inline]
    pub fn from_bytes(text: &[u8]) -> Name {
        let [first, .., last] = text else {
            return Name::Other;
        };
        // One place to look at, so one comparison, whatever the name.
        let (name, known) = BY_ENDS[usize::from(place(text.len(), *first, *last))];
        if known.len() == text.len() && is_same(known.as_bytes(), text) {
            name
        } else {
            Name::Other
        }
    }
}

/// Are two texts of one length the same in any case? Without a branch for each byte, because most
/// that come here are.
#[inline]
fn is_same(known: &[u8], text: &[u8]) -> bool {
    let differ = known.iter().zip(text).fold(0, |differ, (a, b)| {
        differ | (a.to_ascii_lowercase() ^ b.to_ascii_lowercase())
    });
    differ == 0
}

/// One field line: which, and where its name and value lie in the head's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSpan {
    /// The name, if it is a known one.
    pub name: Name,
    /// Length of the name in bytes.
    pub name_len: u16,
    /// Position of the name.
    pub name_at: u32,
    /// Position of the value, without surrounding white space.
    pub value_at: u32,
    /// Length of the value.
    pub value_len: u32,
}

const _: () = assert!(core::mem::size_of::<FieldSpan>() <= 16);

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'b> {
    /// The name, if it is a known one.
    pub id: Name,
    /// The name as it was sent.
    pub name: &'b [u8],
    /// The value without surrounding white space.
    pub value: &'b [u8],
}

/// The field lines of a head, in order. Borrows; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'b> {
    bytes: &'b [u8],
    spans: &'b [FieldSpan],
}

fn cut(bytes: &[u8], at: u32, len: u32) -> &[u8] {
    let at = at as usize;
    bytes.get(at..at + len as usize).unwrap_or_default()
}

impl<'b> Fields<'b> {
    /// The lines at `spans` in `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8], spans: &'b [FieldSpan]) -> Self {
        Fields { bytes, spans }
    }

    /// How many lines.
    #[must_use]
    pub fn len(self) -> usize {
        self.spans.len()
    }

    /// No lines.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.spans.is_empty()
    }

    fn field(self, span: &FieldSpan) -> Field<'b> {
        Field {
            id: span.name,
            name: cut(self.bytes, span.name_at, u32::from(span.name_len)),
            value: cut(self.bytes, span.value_at, span.value_len),
        }
    }

    /// All lines.
    pub fn iter(self) -> impl Iterator<Item = Field<'b>> + 'b {
        self.spans.iter().map(move |span| self.field(span))
    }

    /// The values of all lines of this name.
    pub fn all(self, name: Name) -> impl Iterator<Item = &'b [u8]> + 'b {
        self.spans
            .iter()
            .filter(move |span| span.name == name)
            .map(move |span| cut(self.bytes, span.value_at, span.value_len))
    }

    /// The value of the first line of this name.
    #[must_use]
    pub fn get(self, name: Name) -> Option<&'b [u8]> {
        self.all(name).next()
    }

    /// How many lines have this name.
    #[must_use]
    pub fn count(self, name: Name) -> usize {
        self.spans.iter().filter(|span| span.name == name).count()
    }

    /// Is there such a line?
    #[must_use]
    pub fn has(self, name: Name) -> bool {
        self.spans.iter().any(|span| span.name == name)
    }

    /// The values of all lines whose name is `text`, in any case; a known name or any other.
    pub fn all_by_text<'a>(self, text: &'a [u8]) -> impl Iterator<Item = &'b [u8]> + 'a
    where
        'b: 'a,
    {
        let id = Name::from_bytes(text);
        self.spans
            .iter()
            .filter(move |span| {
                span.name == id
                    && (id != Name::Other || self.field(span).name.eq_ignore_ascii_case(text))
            })
            .map(move |span| self.field(span).value)
    }

    /// The value of the first line whose name is `text`, in any case.
    #[must_use]
    pub fn get_by_text(self, text: &[u8]) -> Option<&'b [u8]> {
        self.all_by_text(text).next()
    }

    /// The members of a comma-separated list over all lines of this name, trimmed; empty members
    /// are skipped (RFC 9110, 5.6.1.2).
    pub fn members(self, name: Name) -> impl Iterator<Item = &'b [u8]> + 'b {
        self.all(name).flat_map(members)
    }

    /// Is `token` a member of the list, in any case?
    #[must_use]
    pub fn has_token(self, name: Name, token: &str) -> bool {
        self.members(name)
            .any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The members of one list value. A comma within a quoted string does not separate.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    core::iter::from_fn(move || loop {
        let here = rest?;
        let end = separator(here);
        rest = end.and_then(|end| here.get(end + 1..));
        let member = trim(here.get(..end.unwrap_or(here.len())).unwrap_or_default());
        if !member.is_empty() {
            return Some(member);
        }
    })
}

/// Where the first comma outside of quoted strings is (RFC 9110, 5.6.4). A string that never ends
/// runs to the end of the value: nothing within it can be trusted to be a member.
fn separator(value: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b',', b'"', value.get(from..)?)?;
        if value.get(at) == Some(&b',') {
            return Some(at);
        }
        from = at + 1 + quoted_len(value.get(at + 1..)?)?;
    }
}

/// Bytes of a quoted string after its opening quote, with the closing one.
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'\\', b'"', text.get(from..)?)?;
        if text.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        // The escaped byte, whatever it is, is part of the string.
        from = at + 2;
    }
}

/// Does every quoted string in a value end? Otherwise what is appended to the value would be
/// read as part of the string.
#[must_use]
pub fn is_balanced(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let Some(len) = rest.get(at + 1..).and_then(quoted_len) else {
            return false;
        };
        rest = rest.get(at + 1 + len..).unwrap_or_default();
    }
    true
}

/// A character of a token (RFC 9110, 5.6.2).
#[must_use]
pub const fn is_token(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`'
        | b'|' | b'~' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Without spaces and tabs at both ends (RFC 9110, 5.6.3).
#[must_use]
pub fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests;
