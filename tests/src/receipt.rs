//! Purges by the admin listener, and the receipts they are answered with.

use crate::ask::Ask;
use crate::client::Client;
use crate::reply::Reply;
use crate::ringside::Ringside;

/// What a purge was answered with, once every shard obeys.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// `url`, `prefix`, `group` or `all`.
    pub purged: String,
    /// `hard` or `soft`.
    pub force: String,
    /// Objects it found; none where it need not look for them.
    pub objects: Option<u64>,
    /// Shards that obey.
    pub shards: u64,
    /// How long that took, in microseconds.
    pub took_us: u64,
}

impl Receipt {
    /// Reads a receipt; fails on what is none.
    #[track_caller]
    pub fn of(reply: &Reply) -> Receipt {
        let text = reply.expect(200).text();
        let read = || {
            let json: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(Receipt {
                purged: json.get("purged")?.as_str()?.into(),
                force: json.get("force")?.as_str()?.into(),
                objects: json.get("objects").and_then(serde_json::Value::as_u64),
                shards: json.get("shards")?.as_u64()?,
                took_us: json.get("took_us")?.as_u64()?,
            })
        };
        read().unwrap_or_else(|| panic!("no receipt of a purge: {text:?}"))
    }
}

impl Ringside {
    /// Purges what these parameters name, such as `[("prefix", "http://a.test/b/"), ("soft", "")]`,
    /// and waits for the receipt. A parameter with an empty value is sent as its name alone.
    #[track_caller]
    pub fn purge_by(&self, parameters: &[(&str, &str)]) -> Receipt {
        Receipt::of(&self.ask_for_purge(parameters))
    }

    /// The same, with whatever answer comes.
    #[track_caller]
    pub fn ask_for_purge(&self, parameters: &[(&str, &str)]) -> Reply {
        let mut target = String::from("/purge");
        for (number, (name, value)) in parameters.iter().enumerate() {
            target.push(if number == 0 { '?' } else { '&' });
            target += name;
            if !value.is_empty() {
                target += &format!("={}", encoded(value));
            }
        }
        Client::connect(self.admin()).ask(&Ask::post(&target, ""))
    }
}

/// Percent-encoded for a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}
