//! The options of `[disk]`.

use super::*;
use std::path::PathBuf;

/// More disks than this are better one volume: each costs every shard a writer of its own.
pub(crate) const DISKS_MAX: usize = 8;

pub(crate) static SECTION: Section = Section {
    name: "disk",
    header: "[[disk]]",
    meaning: "Where objects are kept on disk that memory has no room for: a directory or a block \
              device, once for each. One alone may be written `[disk]`. Objects are spread over all \
              of them by share of size, and what is there is served again after a restart. Write \
              `[shards] count` with it: what is on disk belongs to a shard. Without any, all is in \
              memory.",
    options: &[&PATH, &SIZE],
    later: &[],
};
pub(crate) static PATH: Opt<Required<Text<PathBuf>>> = Opt {
    key: "path",
    kind: Required(Text {
        name: "the absolute path of a directory or block device",
        parse: names::disk,
        show: |path| path.display().to_string(),
    }),
    default: || None,
    meaning: "A directory, which is made when it is not there, or a block device, which is used \
              without a file system. Nothing is overwritten that is not this server's: `ringside \
              disk prepare --force` does that.",
    example: "\"/var/cache/ringside\"",
};
pub(crate) static SIZE: Opt<Optional<Size>> = Opt {
    key: "size",
    kind: Optional(
        Size {
            min: 64 * MIB,
            max: 64 * TIB,
        },
        "a whole device",
    ),
    default: || None,
    meaning: "Bytes that it takes, over all shards; they are written once before they are used. A \
              directory needs it.",
    example: "\"500GiB\"",
};
