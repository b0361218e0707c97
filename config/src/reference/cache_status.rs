//! The options of `[cache_status]`.

use super::*;

pub(crate) static SECTION: Section = Section {
    name: "cache_status",
    header: "[cache_status]",
    meaning: "The Cache-Status field of responses (RFC 9211), which says what this cache did; its \
              name there is the one of `[proxy]`.",
    options: &[&TO, &KEY, &DETAIL],
    later: &[],
};
/// Which clients, where it is all or none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Everyone {
    Is,
    IsNot,
}
pub(crate) static TO: Opt<WordOr<Everyone, List<Net>>> = Opt {
    key: "to",
    kind: WordOr(
        OneOf(&[("all", Everyone::Is), ("none", Everyone::IsNot)]),
        List {
            name: "a list of addresses and nets",
            of: Text {
                name: "an IP address, and perhaps `/` and the length of a prefix",
                parse: names::net,
                show: Net::to_string,
            },
            length: SOME,
        },
    ),
    default: || Or::Word(Everyone::Is),
    meaning: "Clients that get it, by the address they connect from. The others get none from \
              here, but what the origin sent.",
    example: "[\"10.0.0.0/8\", \"::1\"]",
};
pub(crate) static KEY: Opt<Flag> = Opt {
    key: "key",
    kind: Flag,
    default: || false,
    meaning: "Name the cache key in it.",
    example: "true",
};
pub(crate) static DETAIL: Opt<Flag> = Opt {
    key: "detail",
    kind: Flag,
    default: || true,
    meaning: "Give the reason in it, in the words of the access log and of `ringside explain`.",
    example: "false",
};
