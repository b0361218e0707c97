//! HTTP messages: heads, fields, framing, dates, targets, and how they are written (RFC 9110,
//! RFC 9112). Nothing here decides about caching.

pub mod chunked;
pub mod date;
pub mod encode;
pub mod field;
pub mod framing;
pub mod head;
pub mod hop;
pub mod method;
pub mod range;
pub mod structured;
pub mod target;

pub use chunked::{chunk_line, ChunkFault, Decoder as ChunkedDecoder, Step, LAST as LAST_CHUNK};
pub use encode::{Answer, Forward};
pub use field::{Field, FieldSpan, Fields, Name};
pub use framing::{FramingFault, Length};
pub use head::{HeadFault, HeadLimits, Parse, Request, RequestHead, Response, ResponseHead};
pub use method::{Method, Version};
pub use range::{Ranges, Spans, Wanted};
pub use target::{Form, Host, Target, TargetFault};
