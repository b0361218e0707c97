//! URLs, fields and methods as an operator types them, made into what clients send (RFC 3986,
//! RFC 9110), and into the query of a question to the admin listener.
//!
//! Knows no site and no key: whether anything answers for a URL is for the server to say.

use std::fmt::{self, Write};
use std::str::FromStr;

/// A URL as clients ask for it: `http`, a host, and a path that a request may carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Url(String);

/// A URL that many begin with; without a host, a path on every host.
#[derive(Clone, Debug, PartialEq)]
pub struct Prefix(String);

/// A host, and perhaps a port.
#[derive(Clone, Debug, PartialEq)]
pub struct Host(String);

/// One field line of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldLine(String);

/// The method of a request.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodName(String);

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scheme_end = text.find("://").filter(|end| !text[..*end].contains('/'));
        let Some(end) = scheme_end else {
            return Err(format!(
                "it has no scheme; write http://{}",
                text.trim_start_matches('/')
            ));
        };
        let (scheme, rest) = (&text[..end], &text[end + 3..]);
        if scheme.eq_ignore_ascii_case("https") {
            return Err(format!(
                "write it as it is asked for here, over plain HTTP: http://{rest}"
            ));
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err("it must begin with http://".to_owned());
        }
        let (host, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let host: Host = host.parse()?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Url(format!("http://{host}{slash}{}", escaped(target))))
    }
}

impl Url {
    /// Host with port, and path with query.
    pub fn parts(&self) -> (&str, &str) {
        let rest = self.0.strip_prefix("http://").unwrap_or(&self.0);
        rest.split_at(rest.find('/').unwrap_or(rest.len()))
    }
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with('/') && !text.starts_with("//") {
            return Ok(Prefix(escaped(text)));
        }
        match text.parse() {
            Ok(Url(url)) => Ok(Prefix(url)),
            Err(fault) => Err(format!("{fault}, or a path that begins with /")),
        }
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the host is missing".to_owned());
        }
        if !text.is_ascii() {
            return Err("write international host names in their xn-- form".to_owned());
        }
        if text.contains('@') {
            return Err("leave out what stands before the @".to_owned());
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        match text.bytes().all(is_plain) {
            true => Ok(Host(text.to_owned())),
            false => Err(format!("{text:?} is no host")),
        }
    }
}

impl FromStr for FieldLine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || "write it as 'Field: value'".to_owned();
        let (name, value) = text.split_once(':').ok_or_else(form)?;
        if !is_token(name) {
            return Err(form());
        }
        let value = value.trim_matches([' ', '\t']);
        if value.contains(|c: char| c != '\t' && c.is_control()) {
            return Err("a value has no line ends or other control characters".to_owned());
        }
        Ok(FieldLine(format!("{name}: {value}")))
    }
}

impl FromStr for MethodName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !is_token(text) {
            return Err("a method is a word, such as HEAD".to_owned());
        }
        // Case matters in methods (RFC 9110, 9.1), and none that is known has small letters.
        match text.bytes().any(|b| b.is_ascii_lowercase()) {
            true => Err(format!(
                "write it in capitals: {}",
                text.to_ascii_uppercase()
            )),
            false => Ok(MethodName(text.to_owned())),
        }
    }
}

macro_rules! shown {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

shown!(Url Prefix Host FieldLine MethodName);

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// A path and query as a browser sends them: what no URI may hold is percent-encoded (RFC 3986,
/// 2), and a fragment is left out, since none is ever sent. What is encoded already stays so.
fn escaped(target: &str) -> String {
    let end = target.find('#').unwrap_or(target.len());
    let mut out = String::with_capacity(target.len());
    for byte in target[..end].bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                push_hex(&mut out, byte)
            }
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => push_hex(&mut out, byte),
        }
    }
    out
}

/// Appends `name=value` to the target of a question, the value percent-encoded so that it comes
/// out of the query as it went in.
pub fn push_parameter(target: &mut String, name: &str, value: impl fmt::Display) {
    target.push(if target.contains('?') { '&' } else { '?' });
    target.push_str(name);
    target.push('=');
    for byte in value.to_string().bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'/' | b':' => target.push(char::from(byte)),
            b if b.is_ascii_alphanumeric() => target.push(char::from(b)),
            b => push_hex(target, b),
        }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(out, "%{byte:02X}");
}

#[cfg(test)]
mod tests;
