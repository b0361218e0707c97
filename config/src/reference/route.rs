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
        &SET_COOKIE,
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
pub(crate) static SET_COOKIE: Opt<OneOf<SetCookie>> = Opt {
    key: "cache.set_cookie",
    kind: OneOf(&[
        ("explicit", SetCookie::Explicit),
        ("never", SetCookie::Never),
    ]),
    default: || SetCookie::Explicit,
    meaning: "Whether a response with Set-Cookie may be stored: only when it says `public` or \
              `s-maxage`, or never.",
    example: "\"never\"",
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
