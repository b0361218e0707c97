//! The options of `[control]`.

use super::*;
use std::ops::RangeInclusive;

/// Each is looked for in every response.
const FIELDS: RangeInclusive<usize> = 0..=8;

pub(crate) static SECTION: Section = Section {
    name: "control",
    header: "[control]",
    meaning: "Response fields that origins control this cache with, besides Cache-Control. An \
              empty list is none.",
    options: &[&TARGETS, &TAGS],
    later: &[],
};
pub(crate) static TARGETS: Opt<List<String>> = Opt {
    key: "targets",
    kind: List {
        name: "a list of at most 8 field names",
        of: Text {
            name: "the name of a targeted field",
            parse: names::targeted_field,
            show: String::clone,
        },
        length: FIELDS,
    },
    default: || written(&["CDN-Cache-Control"]),
    meaning: "Targeted fields (RFC 9213), the most specific first: the first that is present and \
              valid decides alone, in place of Cache-Control and Expires.",
    example: "[\"Example-CDN-Cache-Control\", \"CDN-Cache-Control\"]",
};
pub(crate) static TAGS: Opt<List<String>> = Opt {
    key: "tags",
    kind: List {
        name: "a list of at most 8 field names",
        of: Text {
            name: "the name of a field",
            parse: names::field,
            show: String::clone,
        },
        length: FIELDS,
    },
    default: || written(&["Surrogate-Key", "xkey"]),
    meaning: "Fields that hold tags, with spaces or commas between them: what a purge by group \
              names, as it names members of Cache-Groups (RFC 9875).",
    example: "[\"Cache-Tag\"]",
};

fn written(names: &[&str]) -> Vec<At<String>> {
    names.iter().map(|name| (name.to_string(), 0)).collect()
}
