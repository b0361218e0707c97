//! What a client saw of a step, and whether that is what the model allows.

use super::cache::Outcome;
use ringside_tests::Reply;

/// What a client saw.
pub(crate) struct Seen<'a> {
    pub(crate) reply: &'a Reply,
    /// The content whose tag it asked with.
    pub(crate) condition: Option<&'a str>,
}

impl Seen<'_> {
    pub(crate) fn is(&self, outcome: &Outcome) -> bool {
        let Some(content) = &outcome.content else {
            return self.reply.status == outcome.status;
        };
        if outcome.tagged && self.condition == Some(content) {
            let tag = format!("\"{content}\"");
            return self.reply.status == 304 && self.reply.field("ETag") == Some(tag);
        }
        self.reply.status == outcome.status && self.reply.text() == *content
    }
}

impl std::fmt::Display for Seen<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let reply = self.reply;
        let told = reply.field("Cache-Status").unwrap_or_default();
        let content = match reply.status {
            304 => reply.field("ETag").unwrap_or_default(),
            status if status >= 500 => String::new(),
            _ => reply.text(),
        };
        write!(out, "{} {content:?} [{told}]", reply.status)
    }
}
