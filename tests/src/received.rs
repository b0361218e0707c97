//! One request as the origin received it.

use crate::wire::{values, Head};

/// A request on record at the origin.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The connection it came on, counted from 0.
    pub connection: usize,
    /// The head, byte for byte (latin-1 as text), with its empty line.
    pub head: String,
    /// The method.
    pub method: String,
    /// The target as sent.
    pub target: String,
    /// The field lines.
    pub fields: Vec<(String, String)>,
    /// The content so far; whole once `arrived`.
    pub body: Vec<u8>,
    /// The trailer fields, once `arrived`.
    pub trailers: Vec<(String, String)>,
    /// The sizes of the chunks, when it was chunked.
    pub chunks: Vec<u64>,
    /// The whole request was read.
    pub arrived: bool,
    /// The whole answer was handed to the kernel.
    pub answered: bool,
    /// The connection it came on has ended: nothing can be sent to this peer any more.
    pub ended: bool,
}

impl Received {
    /// The record of a request whose head just came.
    pub(crate) fn new(connection: usize, head: &Head) -> Result<Self, String> {
        let parts: Vec<&str> = head.first.split(' ').collect();
        let [method, target, "HTTP/1.1"] = parts[..] else {
            return Err(format!("not an HTTP/1.1 request line: {:?}", head.first));
        };
        if values(&head.fields, "host").count() != 1 {
            return Err(format!("not exactly one Host: {:?}", head.fields));
        }
        Ok(Received {
            connection,
            head: crate::wire::text(&head.raw),
            method: method.into(),
            target: target.into(),
            fields: head.fields.clone(),
            ..Received::default()
        })
    }

    /// The value of the field `name`: its lines joined by commas (RFC 9110, 5.3).
    pub fn field(&self, name: &str) -> Option<String> {
        let lines: Vec<&str> = values(&self.fields, name).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// The content as text.
    pub fn text(&self) -> String {
        crate::wire::text(&self.body)
    }

    /// Fails unless the field `name` came with exactly this value.
    #[track_caller]
    pub fn expect_field(&self, name: &str, value: &str) -> &Self {
        assert_eq!(
            self.field(name).as_deref(),
            Some(value),
            "field {name} at the origin, in\n{}",
            self.head
        );
        self
    }

    /// Fails if the field `name` came.
    #[track_caller]
    pub fn expect_no_field(&self, name: &str) -> &Self {
        assert!(
            self.field(name).is_none(),
            "the origin should not see {name}, in\n{}",
            self.head
        );
        self
    }

    /// Fails unless this content came.
    #[track_caller]
    pub fn expect_body(&self, body: impl AsRef<[u8]>) -> &Self {
        assert!(
            self.body == body.as_ref(),
            "the origin got {} bytes, not the {} expected",
            self.body.len(),
            body.as_ref().len()
        );
        self
    }
}
