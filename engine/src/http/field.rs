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

/// Longest name in the list.
const NAME_BYTES_MAX: usize = 25;

/// By length of the name: where in `BY_LENGTH_NAMES` those of that length lie.
const fn count_of(length: usize) -> usize {
    let mut n = 0;
    let mut at = 0;
    while at < Name::ALL.len() {
        if Name::ALL[at].1.len() == length {
            n += 1;
        }
        at += 1;
    }
    n
}

const STARTS: [usize; NAME_BYTES_MAX + 2] = {
    let mut starts = [0; NAME_BYTES_MAX + 2];
    let mut length = 0;
    while length <= NAME_BYTES_MAX {
        starts[length + 1] = starts[length] + count_of(length);
        length += 1;
    }
    starts
};

static SORTED: [(Name, &str); Name::ALL.len()] = {
    let mut sorted = [(Name::Other, ""); Name::ALL.len()];
    let mut at = 0;
    let mut length = 0;
    while length <= NAME_BYTES_MAX {
        let mut one = 0;
        while one < Name::ALL.len() {
            if Name::ALL[one].1.len() == length {
                sorted[at] = Name::ALL[one];
                at += 1;
            }
            one += 1;
        }
        length += 1;
    }
    assert!(at == Name::ALL.len());
    sorted
};

impl Name {
    /// The name of this text, in any case.
    #[must_use]
    pub fn from_bytes(text: &[u8]) -> Name {
        let (Some(from), Some(to)) = (STARTS.get(text.len()), STARTS.get(text.len() + 1)) else {
            return Name::Other;
        };
        SORTED
            .get(*from..*to)
            .unwrap_or_default()
            .iter()
            .find(|(_, known)| known.as_bytes().eq_ignore_ascii_case(text))
            .map_or(Name::Other, |(name, _)| *name)
    }
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

    /// The values of all lines whose name is `text`, in any case.
    pub fn all_by_text<'a>(self, text: &'a [u8]) -> impl Iterator<Item = &'b [u8]> + 'a
    where
        'b: 'a,
    {
        self.iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(text))
            .map(|field| field.value)
    }

    /// The members of a comma-separated list over all lines of this name, trimmed; empty members
    /// are skipped (RFC 9110, 5.6.1.2).
    pub fn members(self, name: Name) -> impl Iterator<Item = &'b [u8]> + 'b {
        self.all(name).flat_map(members)
    }

    /// Is `token` a member of the list, in any case?
    #[must_use]
    pub fn has_token(self, name: Name, token: &str) -> bool {
        self.members(name).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
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

/// Where the first comma outside of quotes is.
fn separator(value: &[u8]) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in value.iter().enumerate() {
        match (byte, quoted) {
            (_, true) if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => quoted = !quoted,
            (b',', false) => return Some(at),
            _ => {}
        }
    }
    None
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
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (name, text) in Name::ALL {
            assert_eq!(Name::from_bytes(text.as_bytes()), *name);
            assert_eq!(Name::from_bytes(text.to_ascii_uppercase().as_bytes()), *name);
            assert_eq!(name.as_str(), *text);
        }
        for other in ["", "X", "Hostt", "Content-Lengtx", "a-name-longer-than-any-that-is-known"] {
            assert_eq!(Name::from_bytes(other.as_bytes()), Name::Other);
        }
    }

    #[test]
    fn list_members() {
        let cases: &[(&str, &[&str])] = &[
            ("a, b ,c", &["a", "b", "c"]),
            (", ,a,,", &["a"]),
            ("\"a,b\", c", &["\"a,b\"", "c"]),
            (r#""a\",b", c"#, &[r#""a\",b""#, "c"]),
            ("", &[]),
            ("W/\"x\"", &["W/\"x\""]),
            // An unclosed quote swallows the rest: nothing after it can be trusted.
            ("\"a, b", &["\"a, b"]),
        ];
        for (value, want) in cases {
            let got: Vec<&str> =
                members(value.as_bytes()).map(|m| core::str::from_utf8(m).unwrap()).collect();
            assert_eq!(&got, want, "{value}");
        }
    }
}
