//! Texts that are right.

use super::plan;
use crate::{
    minimal, AcceptLanguage, Admin, Cache, CacheStatus, ClientDirectives, Control, DiskPlan,
    DiskRule, Forwarded, HostPattern, KeyOptions, Limits, Listen, Log, LogFormat, LogTarget,
    Memory, Net, Origin, Plan, Proxy, Refresh, Route, Server, SetCookie, Shards, Site, StatusTo,
    EXAMPLE,
};
use std::net::Ipv6Addr;
use std::time::Duration;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn cache() -> Cache {
    Cache {
        enabled: true,
        default_lifetime: None,
        heuristic: true,
        refresh: None,
        lifetime_max: None,
        negative: Vec::new(),
        jitter_percent: 0,
        stale_while_revalidate: None,
        stale_if_error: Some(seconds(3600)),
        set_cookie: SetCookie::Explicit,
        accept_language: AcceptLanguage::Normal,
        variants_max: 64,
        no_vary_search: true,
        query_bytes: 64 << 10,
        fragments: true,
        disk: DiskRule::Auto,
        disk_object_bytes_max: 1 << 30,
        disk_uses: 1,
        key: KeyOptions::default(),
    }
}

/// Every default, written out once more by hand.
fn defaults() -> Plan {
    Plan {
        shards: Shards {
            count: None,
            pin: true,
            replicas: 4096,
        },
        memory: Memory {
            size_bytes: 512 << 20,
        },
        disks: Vec::new(),
        listen: vec![Listen {
            address: ([0, 0, 0, 0], 8080).into(),
            backlog: 4096,
        }],
        origins: vec![Origin {
            name: "app".to_owned(),
            servers: vec![Server {
                host: "127.0.0.1".to_owned(),
                port: 8000,
            }],
            keep_alive: true,
            connections_max: 1024,
            idle: seconds(60),
            connect_timeout: seconds(3),
            first_byte_timeout: seconds(60),
            between_bytes_timeout: seconds(30),
            retries: 1,
        }],
        sites: vec![Site {
            hosts: vec![HostPattern::Any],
            client_directives: ClientDirectives::Honour,
            routes: vec![Route {
                path: "/".to_owned(),
                origin: 0,
                cache: cache(),
            }],
        }],
        limits: Limits {
            head_bytes: 32 << 10,
            fields: 100,
            uri_bytes: 8 << 10,
            body_bytes: 1 << 30,
            connections: 10_000,
            idle: seconds(60),
            head: seconds(10),
            body: seconds(30),
            send: seconds(60),
            drain: seconds(30),
        },
        proxy: Proxy {
            name: "ringside".to_owned(),
            via: true,
            forwarded: Forwarded::XForwarded,
        },
        cache_status: CacheStatus {
            to: StatusTo::All,
            key: false,
            detail: true,
        },
        control: Control {
            targets: vec!["CDN-Cache-Control".to_owned()],
            tags: vec!["Surrogate-Key".to_owned(), "xkey".to_owned()],
        },
        log: Log {
            format: LogFormat::Combined,
            target: LogTarget::Off,
        },
        admin: None,
    }
}

#[test]
fn one_origin_is_enough() {
    assert_eq!(plan(minimal()), defaults());
}

#[test]
fn the_example_of_the_design_is_read() {
    let mut expected = defaults();
    expected.memory.size_bytes = 8 << 30;
    expected.listen[0].address = ([0, 0, 0, 0], 80).into();
    expected.origins[0].servers[0] = Server {
        host: "192.168.0.100".to_owned(),
        port: 80,
    };
    expected.origins[0].keep_alive = false;
    expected.sites[0].routes[0].cache.refresh = Some(Refresh {
        min: seconds(1800),
        percent: 20,
        max: seconds(60 * 3600),
    });
    assert_eq!(plan(EXAMPLE), expected);
}

#[test]
fn every_option_reaches_its_place() {
    let text = r#"
        [shards]
        count = 3
        pin = false
        replicas = 0
        [memory]
        size = 9000000
        [[disk]]
        path = "/var/cache/ringside"
        size = "64MiB"
        [[disk]]
        path = "/dev/nvme0n1"
        [[listen]]
        address = ":80"
        [[listen]]
        address = "[::1]:8081"
        backlog = 7
        [origins.b]
        servers = ["App.internal", "[::1]:81"]
        keep_alive = false
        connections = 2
        idle = "1s"
        connect_timeout = "2s"
        first_byte_timeout = "3s"
        between_bytes_timeout = "4s"
        retries = 0
        [origins.a]
        servers = ["127.0.0.1:8000"]
        [[sites]]
        hosts = ["WWW.example.org", "*.Example.org"]
        client_directives = "ignore"
        [[sites.routes]]
        path = "/a/"
        origin = "a"
        cache.enabled = false
        cache.default = "5s"
        cache.heuristic = false
        cache.refresh = { min = "0s", percent = 0, max = "1d" }
        cache.lifetime_max = "7d"
        cache.negative = { 404 = "10s", 5xx = "1s", 503 = "2s" }
        cache.jitter = 50
        cache.stale_while_revalidate = "30s"
        cache.stale_if_error = "off"
        cache.set_cookie = "never"
        cache.accept_language = "exact"
        cache.variants = 1
        cache.no_vary_search = false
        cache.query_bytes = 0
        cache.fragments = false
        cache.disk = "never"
        cache.disk_object_max = 0
        cache.disk_uses = 15
        cache.key = { ignore = ["utm_*"], sort = true }
        [[sites.routes]]
        origin = "b"
        cache.key.keep = ["id"]
        [limits]
        head = "1KiB"
        uri = "256B"
        fields = 1
        body = 0
        connections = 1
        idle = "1ms"
        head_timeout = "2ms"
        body_timeout = "3ms"
        send_timeout = "4ms"
        drain = "0s"
        [proxy]
        name = "edge"
        via = false
        forwarded = "none"
        [cache_status]
        to = ["10.0.0.0/8", "::1"]
        key = true
        detail = false
        [control]
        targets = ["Example-CDN-Cache-Control", "CDN-Cache-Control"]
        tags = []
        [log]
        format = "json"
        target = "/var/log/x"
        [admin]
        address = "127.0.0.1:9090"
    "#;
    let ms = Duration::from_millis;
    let expected = Plan {
        shards: Shards {
            count: Some(3),
            pin: false,
            replicas: 0,
        },
        memory: Memory {
            size_bytes: 9_000_000,
        },
        disks: vec![
            DiskPlan {
                path: "/var/cache/ringside".into(),
                size_bytes: Some(64 << 20),
            },
            DiskPlan {
                path: "/dev/nvme0n1".into(),
                size_bytes: None,
            },
        ],
        listen: vec![
            Listen {
                address: ([0, 0, 0, 0], 80).into(),
                backlog: 4096,
            },
            Listen {
                address: "[::1]:8081".parse().unwrap(),
                backlog: 7,
            },
        ],
        origins: vec![
            Origin {
                name: "b".to_owned(),
                servers: vec![
                    Server {
                        host: "app.internal".to_owned(),
                        port: 80,
                    },
                    Server {
                        host: "::1".to_owned(),
                        port: 81,
                    },
                ],
                keep_alive: false,
                connections_max: 2,
                idle: seconds(1),
                connect_timeout: seconds(2),
                first_byte_timeout: seconds(3),
                between_bytes_timeout: seconds(4),
                retries: 0,
            },
            Origin {
                name: "a".to_owned(),
                ..defaults().origins.remove(0)
            },
        ],
        sites: vec![Site {
            hosts: vec![
                HostPattern::Exact("www.example.org".to_owned()),
                HostPattern::Suffix(".example.org".to_owned()),
            ],
            client_directives: ClientDirectives::Ignore,
            routes: vec![
                Route {
                    path: "/a/".to_owned(),
                    origin: 1,
                    cache: Cache {
                        enabled: false,
                        default_lifetime: Some(seconds(5)),
                        heuristic: false,
                        refresh: Some(Refresh {
                            min: seconds(0),
                            percent: 0,
                            max: seconds(86_400),
                        }),
                        lifetime_max: Some(seconds(7 * 86_400)),
                        negative: std::iter::once((404, seconds(10)))
                            .chain(
                                (500..=599)
                                    .filter(|n| *n != 511)
                                    .map(|n| (n, seconds(1 + u64::from(n == 503)))),
                            )
                            .collect(),
                        jitter_percent: 50,
                        stale_while_revalidate: Some(seconds(30)),
                        stale_if_error: None,
                        set_cookie: SetCookie::Never,
                        accept_language: AcceptLanguage::Exact,
                        variants_max: 1,
                        no_vary_search: false,
                        query_bytes: 0,
                        fragments: false,
                        disk: DiskRule::Never,
                        disk_object_bytes_max: 0,
                        disk_uses: 15,
                        key: KeyOptions {
                            ignore: vec!["utm_*".to_owned()],
                            keep: vec![],
                            sort: true,
                        },
                    },
                },
                Route {
                    path: "/".to_owned(),
                    origin: 0,
                    cache: Cache {
                        key: KeyOptions {
                            keep: vec!["id".to_owned()],
                            ..KeyOptions::default()
                        },
                        ..cache()
                    },
                },
            ],
        }],
        limits: Limits {
            head_bytes: 1024,
            fields: 1,
            uri_bytes: 256,
            body_bytes: 0,
            connections: 1,
            idle: ms(1),
            head: ms(2),
            body: ms(3),
            send: ms(4),
            drain: ms(0),
        },
        proxy: Proxy {
            name: "edge".to_owned(),
            via: false,
            forwarded: Forwarded::None,
        },
        cache_status: CacheStatus {
            to: StatusTo::Nets(vec![
                Net {
                    address: [10, 0, 0, 0].into(),
                    prefix: 8,
                },
                Net {
                    address: Ipv6Addr::LOCALHOST.into(),
                    prefix: 128,
                },
            ]),
            key: true,
            detail: false,
        },
        control: Control {
            targets: vec![
                "Example-CDN-Cache-Control".to_owned(),
                "CDN-Cache-Control".to_owned(),
            ],
            tags: vec![],
        },
        log: Log {
            format: LogFormat::Json,
            target: LogTarget::File("/var/log/x".into()),
        },
        admin: Some(Admin {
            address: ([127, 0, 0, 1], 9090).into(),
        }),
    };
    assert_eq!(plan(text), expected);
}

#[test]
fn one_plan_has_many_spellings() {
    let site = |rest: &str| plan(&format!("{}[[sites]]\n{rest}", minimal()));
    let off = site("[[sites.routes]]\ncache = false");
    assert!(!off.sites[0].routes[0].cache.enabled);
    assert_eq!(off, site("[[sites.routes]]\ncache.enabled = false"));
    assert_eq!(off, site("[[sites.routes]]\ncache = { enabled = false }"));
    assert_eq!(
        off,
        site("[[sites.routes]]\n[sites.routes.cache]\nenabled = false")
    );
    assert_eq!(off, site("routes = [{ cache.enabled = false }]"));
    assert_eq!(site("[[sites.routes]]\ncache = true"), plan(minimal()));
    assert_eq!(
        site(""),
        plan(minimal()),
        "a site without routes has one to the only origin"
    );
    assert_eq!(
        plan("origins = { app = { servers = [\"127.0.0.1:8000\"] } }\nmemory.size = \"1GiB\""),
        plan(&format!("{}[memory]\nsize = 1073741824", minimal())),
    );
    assert_eq!(
        plan(&format!(
            "listen = [{{ address = \"*:80\" }}]\n{}",
            minimal()
        )),
        plan(&format!(
            "{}[[listen]]\naddress = \"0.0.0.0:80\"",
            minimal()
        )),
    );
}

#[test]
fn one_disk_needs_single_brackets_only() {
    let one = plan(&format!(
        "{}[disk]\npath = \"/a\"\nsize = \"1GiB\"",
        minimal()
    ));
    let path = "/a".into();
    let size_bytes = Some(1 << 30);
    assert_eq!(one.disks, [DiskPlan { path, size_bytes }]);
    for same in [
        "[[disk]]\npath = \"/a\"\nsize = \"1GiB\"",
        "disk = { path = \"/a\", size = \"1GiB\" }",
        "disk = [{ path = \"/a\", size = \"1GiB\" }]",
        "disk.path = \"/a/\"\ndisk.size = \"1GiB\"",
    ] {
        assert_eq!(plan(&format!("{same}\n{}", minimal())), one, "{same}");
    }
}

#[test]
fn eight_disks_may_lie_within_each_other() {
    let disk = |n| format!("[[disk]]\npath = \"{}\"\n", "/a".repeat(n));
    let text: String = (1..=8).map(disk).collect();
    assert_eq!(plan(&format!("{}{text}", minimal())).disks.len(), 8);
}

#[test]
fn addresses_collide_only_where_the_kernel_says_so() {
    for rest in [
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"",
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"",
        "[[listen]]\naddress = \"127.0.0.1:80\"\n[admin]\naddress = \"127.0.0.2:80\"",
        "[[listen]]\naddress = \"0.0.0.0:80\"\n[admin]\naddress = \"[::1]:80\"",
        "[[listen]]\naddress = \"0.0.0.0:80\"\n[[listen]]\naddress = \"0.0.0.0:81\"",
    ] {
        plan(&format!("{}{rest}", minimal()));
    }
}

#[test]
fn words_that_differ_only_in_place_do_not_collide() {
    let two_sites = "[[sites]]\nhosts = [\"a.org\"]\n[[sites.routes]]\n[[sites.routes]]\n\
                     path = \"/a\"\n[[sites]]\nhosts = [\"*.a.org\"]\n[[sites.routes]]\n\
                     path = \"/a\"\n[[sites]]";
    let plan = plan(&format!("{}{two_sites}", minimal()));
    assert_eq!(plan.sites.len(), 3);
    assert_eq!(plan.sites[2].hosts, [HostPattern::Any]);
}
