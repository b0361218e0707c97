//! The options of `[[sites.routes]]`, most of which say how a route caches.

use super::*;

pub(crate) static SECTION: Section = Section {
    name: "sites.routes",
    header: "[[sites.routes]]",
    meaning: "The routes of the site above. Without any, and with one origin: one route for every \
              path. The longest path that fits wins.",
    options: &[
        &PATH,
        &ORIGIN,
        &ENABLED,
        &DEFAULT,
        &HEURISTIC,
        &REFRESH_MIN,
        &REFRESH_PERCENT,
        &REFRESH_MAX,
        &LIFETIME_MAX,
        &NEGATIVE,
        &JITTER,
        &STALE_WHILE_REVALIDATE,
        &STALE_IF_ERROR,
        &SET_COOKIE,
        &ACCEPT_LANGUAGE,
        &VARIANTS,
        &NO_VARY_SEARCH,
        &QUERY_BYTES,
        &FRAGMENTS,
        &DISK,
        &DISK_OBJECT_MAX,
        &DISK_USES,
        &KEY_IGNORE,
        &KEY_KEEP,
        &KEY_SORT,
    ],
    later: &[("files", "static files")],
};
pub(crate) static PATH: Opt<Text<String>> = Opt {
    key: "path",
    kind: Text {
        name: "a path that begins with /, percent-encoded where a URI needs it",
        parse: names::path,
        show: String::clone,
    },
    default: || "/".to_owned(),
    meaning: "Requests whose path begins so. `/a/` is what is below it; `/a` is also `/ab`.",
    example: "\"/static/\"",
};
pub(crate) static ORIGIN: Opt<Optional<Text<String>>> = Opt {
    key: "origin",
    kind: Optional(
        Text {
            name: "the name of an origin",
            parse: names::origin,
            show: String::clone,
        },
        "the only origin",
    ),
    default: || None,
    meaning: "The origin that answers, by name.",
    example: "\"app\"",
};
pub(crate) static ENABLED: Opt<Flag> = Opt {
    key: "cache.enabled",
    kind: Flag,
    default: || true,
    meaning: "Whether this route caches; otherwise every request passes. `cache = false` is short \
              for it.",
    example: "false",
};
pub(crate) static DEFAULT: Opt<Optional<Time>> = Opt {
    key: "cache.default",
    kind: Optional(lifetime(SECOND), "none"),
    default: || None,
    meaning: "Lifetime of a response that states none and has no heuristic one.",
    example: "\"5m\"",
};
pub(crate) static HEURISTIC: Opt<Flag> = Opt {
    key: "cache.heuristic",
    kind: Flag,
    default: || true,
    meaning: "A response that states no lifetime gets 10 % of the time since its Last-Modified, \
              at most a day (RFC 9111, 4.2.2).",
    example: "false",
};
pub(crate) static REFRESH_MIN: Opt<Required<Time>> = Opt {
    key: "cache.refresh.min",
    kind: Required(lifetime(Duration::ZERO)),
    default: || None,
    meaning:
        "With `cache.refresh = { min, percent, max }`, Squid's `refresh_pattern`, in place of \
              `cache.heuristic` and `cache.default`: a response that states no lifetime is fresh \
              at least this long.",
    example: "\"30m\"",
};
pub(crate) static REFRESH_PERCENT: Opt<Required<Count>> = Opt {
    key: "cache.refresh.percent",
    kind: Required(Count {
        min: 0,
        max: 1000,
        of: "percent",
    }),
    default: || None,
    meaning: "Then for this share of the time since its Last-Modified.",
    example: "20",
};
pub(crate) static REFRESH_MAX: Opt<Required<Time>> = Opt {
    key: "cache.refresh.max",
    kind: Required(lifetime(SECOND)),
    default: || None,
    meaning: "But never longer than this; not below `min`.",
    example: "\"60h\"",
};
pub(crate) static LIFETIME_MAX: Opt<Optional<Time>> = Opt {
    key: "cache.lifetime_max",
    kind: Optional(lifetime(SECOND), "none"),
    default: || None,
    meaning: "No lifetime is longer than this, whether the response states it or not.",
    example: "\"7d\"",
};
pub(crate) static NEGATIVE: Opt<Optional<Time>> = Opt {
    key: "cache.negative.STATUS",
    kind: Optional(lifetime(SECOND), "none"),
    default: || None,
    meaning:
        "With `cache.negative = { 404 = \"10s\", 5xx = \"1s\" }`: lifetime of a response with \
              this status that states none, which may be stored for it. STATUS is from 300 to 599, \
              or `3xx`, `4xx`, `5xx` for those that are not named; 304, 412, 416, 417, 428, 429, 431 and 511 never.",
    example: "\"10s\"",
};
pub(crate) static JITTER: Opt<Count> = Opt {
    key: "cache.jitter",
    kind: Count {
        min: 0,
        max: 50,
        of: "percent",
    },
    default: || 0,
    meaning: "Lifetimes are shortened by up to this share, by key, so that what was stored at one \
              time does not expire at one time.",
    example: "10",
};
pub(crate) static STALE_WHILE_REVALIDATE: Opt<WordOr<(), Time>> = Opt {
    key: "cache.stale_while_revalidate",
    kind: stale(),
    default: || Or::Word(()),
    meaning: "How long after its lifetime a response that says nothing about it is served while \
              one request validates it (RFC 5861, 3).",
    example: "\"30s\"",
};
pub(crate) static STALE_IF_ERROR: Opt<WordOr<(), Time>> = Opt {
    key: "cache.stale_if_error",
    kind: stale(),
    default: || Or::Value(HOUR),
    meaning:
        "How long after its lifetime a response that says nothing about it is served in place \
              of an error: 500, 502, 503, 504, or an origin that can't be reached, is too slow or \
              hangs up (RFC 5861, 4).",
    example: "\"1d\"",
};
pub(crate) static SET_COOKIE: Opt<OneOf<SetCookie>> = Opt {
    key: "cache.set_cookie",
    kind: OneOf(&[
        ("explicit", SetCookie::Explicit),
        ("never", SetCookie::Never),
        ("strip", SetCookie::Strip),
    ]),
    default: || SetCookie::Explicit,
    meaning: "Whether a response with Set-Cookie may be stored: only when it says `public` or \
              `s-maxage`, never, or without the field, which then no client gets.",
    example: "\"strip\"",
};
pub(crate) static ACCEPT_LANGUAGE: Opt<OneOf<AcceptLanguage>> = Opt {
    key: "cache.accept_language",
    kind: OneOf(&[
        ("exact", AcceptLanguage::Exact),
        ("normal", AcceptLanguage::Normal),
    ]),
    default: || AcceptLanguage::Normal,
    meaning:
        "How `Vary: Accept-Language` compares: letter by letter, or by the languages that are \
              preferred and their order, where a response whose Content-Language is among the most \
              preferred serves everyone who prefers it most.",
    example: "\"exact\"",
};
pub(crate) static VARIANTS: Opt<Count> = Opt {
    key: "cache.variants",
    kind: Count {
        min: 1,
        max: 1024,
        of: "responses",
    },
    default: || 64,
    meaning: "Most responses stored for one URL, where Vary tells them apart; the least used goes \
              first.",
    example: "8",
};
pub(crate) static NO_VARY_SEARCH: Opt<Flag> = Opt {
    key: "cache.no_vary_search",
    kind: Flag,
    default: || true,
    meaning: "Honour No-Vary-Search, with which an origin says which query parameters make no \
              difference.",
    example: "false",
};
pub(crate) static QUERY_BYTES: Opt<Size> = Opt {
    key: "cache.query_bytes",
    kind: Size { min: 0, max: MIB },
    default: || 64 * KIB,
    meaning: "Answers to QUERY requests are cached, with the content of the request in the key, \
              where it is no longer than this; 0 caches none.",
    example: "\"8KiB\"",
};
pub(crate) static FRAGMENTS: Opt<Flag> = Opt {
    key: "cache.fragments",
    kind: Flag,
    default: || true,
    meaning:
        "A range request that finds nothing stored asks the origin for the fragments of 1 MiB \
              that it needs; otherwise for the whole.",
    example: "false",
};
pub(crate) static DISK: Opt<OneOf<DiskRule>> = Opt {
    key: "cache.disk",
    kind: OneOf(&[
        ("auto", DiskRule::Auto),
        ("always", DiskRule::Always),
        ("never", DiskRule::Never),
    ]),
    default: || DiskRule::Auto,
    meaning:
        "What goes to disk, where there is a `[disk]`: what memory gives up after it was used \
              `cache.disk_uses` times, all that is stored and at once, or nothing.",
    example: "\"always\"",
};
pub(crate) static DISK_OBJECT_MAX: Opt<Size> = Opt {
    key: "cache.disk_object_max",
    kind: Size {
        min: 0,
        max: 64 * TIB,
    },
    default: || GIB,
    meaning: "No response whose content is larger than this goes to disk.",
    example: "\"16MiB\"",
};
pub(crate) static DISK_USES: Opt<Count> = Opt {
    key: "cache.disk_uses",
    kind: Count {
        min: 0,
        max: 15,
        of: "uses",
    },
    default: || 1,
    meaning:
        "With `cache.disk = \"auto\"`: how often a response must have been served from memory \
              to go to disk when memory gives it up; 0 brings all there that is given up, as 1 does \
              until the disk has been full.",
    example: "3",
};
pub(crate) static KEY_IGNORE: Opt<Optional<List<String>>> = Opt {
    key: "cache.key.ignore",
    kind: Optional(
        List {
            name: "a list of query parameters",
            of: Text {
                name: "the name of a query parameter, perhaps with a \"*\" at its end",
                parse: names::parameters,
                show: String::clone,
            },
            length: SOME,
        },
        "none",
    ),
    default: || None,
    meaning: "Query parameters that are left out of the key; a `*` at the end matches any ending. \
              Not together with `keep`.",
    example: "[\"utm_*\", \"fbclid\"]",
};
pub(crate) static KEY_KEEP: Opt<Optional<List<String>>> = Opt {
    key: "cache.key.keep",
    kind: Optional(
        List {
            name: "a list of query parameters",
            of: Text {
                name: "the whole name of a query parameter",
                parse: names::parameter,
                show: String::clone,
            },
            length: SOME,
        },
        "every parameter",
    ),
    default: || None,
    meaning: "The only query parameters in the key. To keep none, write `ignore = [\"*\"]`.",
    example: "[\"page\", \"id\"]",
};
pub(crate) static KEY_SORT: Opt<Flag> = Opt {
    key: "cache.key.sort",
    kind: Flag,
    default: || false,
    meaning: "Sort the parameters in the key by name, keeping the order of equal names.",
    example: "true",
};
