//! `POST /purge`: what is outdated, and the receipt (docs/purge.md).
//!
//! | parameters | what |
//! |---|---|
//! | `url=URL` | one URL, with all variants |
//! | `prefix=URL` | every URL that begins so |
//! | `group=NAME` | what any site has tagged with this name, and any host's group of this name |
//! | `group=NAME&host=HOST` | what the host's site has so tagged, and the host's group of this name |
//! | `all` | everything |
//! | `soft` | beside any of them: stale from now on, and not gone |

use super::{parameters, plain, url_parts, Reply};
use crate::exchange::intent::{self, HostText};
use crate::exchange::purging;
use crate::rt;
use crate::shard::Shard;
use crate::siblings::letter::{Purged, Whom};
use ringside_engine::http::target;
use ringside_engine::purge::{groups, Force};
use std::rc::Rc;

const USAGE: &str = "say what: POST /purge?url=http://host/path, ?prefix=http://host/path, \
                     ?group=NAME&host=HOST or ?all, each with &soft if it is only to be stale\n";

/// What was asked for.
enum Asked {
    Url(Vec<u8>),
    Prefix(Vec<u8>),
    Group(Vec<u8>),
    All,
}

impl Asked {
    fn word(&self) -> &'static str {
        match self {
            Asked::Url(_) => "url",
            Asked::Prefix(_) => "prefix",
            Asked::Group(_) => "group",
            Asked::All => "all",
        }
    }
}

/// Purges, and answers when every shard obeys.
pub(super) async fn carry_out(shard: &Rc<Shard>, query: &[u8]) -> Reply {
    let began_us = rt::now_us();
    let (mut asked, mut force, mut host) = (Vec::new(), Force::Hard, None);
    // A URL that comes unescaped is all that follows, with its own query, up to a last `&soft`.
    let unescaped = query
        .strip_prefix(b"url=")
        .filter(|url| url.starts_with(b"http:"));
    let parameters = match unescaped {
        Some(url) => {
            let bare = url.strip_suffix(b"&soft");
            force = if bare.is_some() { Force::Soft } else { force };
            vec![(b"url".to_vec(), super::decoded(bare.unwrap_or(url)))]
        }
        None => parameters(query),
    };
    for (name, value) in parameters {
        match &*name {
            b"url" => asked.push(Asked::Url(value)),
            b"prefix" => asked.push(Asked::Prefix(value)),
            b"group" => asked.push(Asked::Group(value)),
            b"all" => asked.push(Asked::All),
            b"host" => host = Some(value),
            b"soft" => force = Force::Soft,
            _ => return plain(400, USAGE),
        }
    }
    let (Some(asked), true) = (asked.pop(), asked.is_empty()) else {
        return plain(400, USAGE);
    };
    let purged = match purge(shard, &asked, host.as_deref(), force).await {
        Ok(purged) => purged,
        Err((status, what)) => return plain(status, what),
    };
    // What is found by its group or path is found when it is asked for, and not counted.
    let objects = match asked {
        Asked::Url(_) | Asked::All => purged.objects.to_string(),
        Asked::Prefix(_) | Asked::Group(_) => "null".to_owned(),
    };
    let forgettable = match purged.forgettable {
        true => ",\"forgettable\":true",
        false => "",
    };
    Reply {
        status: 200,
        kind: "application/json",
        text: format!(
            "{{\"purged\":\"{}\",\"force\":\"{}\",\"objects\":{objects},\"shards\":{},\"took_us\":{}{forgettable}}}\n",
            asked.word(),
            if force == Force::Soft { "soft" } else { "hard" },
            shard.count,
            rt::now_us().saturating_sub(began_us),
        )
        .into_bytes(),
    }
}

async fn purge(
    shard: &Rc<Shard>,
    asked: &Asked,
    host: Option<&[u8]>,
    force: Force,
) -> Result<Purged, (u16, &'static str)> {
    let no_site = (404, "no site is configured for this host and path\n");
    match asked {
        Asked::Url(url) => {
            let (host, path, query) = url_parts(url).map_err(|what| (400, what))?;
            let keys = intent::keys_of(shard, host, path, query);
            if keys.is_empty() {
                return Err(no_site);
            }
            let mut sum = Purged::default();
            for key in keys {
                let purged = purging::purge_anywhere(shard, key, force).await;
                sum.objects += purged.objects;
                sum.forgettable |= purged.forgettable;
            }
            Ok(sum)
        }
        Asked::Prefix(url) => {
            let (host, path, query) = match url.first() {
                // On every host.
                Some(b'/') => {
                    let (path, query) = target::split_query(url);
                    (&b""[..], path, query)
                }
                _ => url_parts(url).map_err(|what| (400, what))?,
            };
            if !host.is_empty() && site_of(shard, host).is_none() {
                return Err(no_site);
            }
            let mut normal = Vec::new();
            target::normal_path(path, &mut normal);
            if let Some(query) = query {
                normal.push(b'?');
                normal.extend_from_slice(query);
            }
            let whom = vec![Whom::Prefix {
                host: HostText::of(host).as_ref().into(),
                path: normal.into(),
            }];
            Ok(purging::decree_everywhere(shard, whom, force).await)
        }
        Asked::Group(name) if name.is_empty() => Err((400, "the group has no name\n")),
        Asked::Group(name) => {
            let named = groups_named(shard, name, host).ok_or(no_site)?;
            let whom = named.into_iter().map(Whom::Group).collect();
            Ok(purging::decree_everywhere(shard, whom, force).await)
        }
        Asked::All => Ok(purging::decree_everywhere(shard, vec![Whom::All], force).await),
    }
}

/// What may be meant by a group's name: a tag of the host's site, and a group of the host itself
/// (RFC 9875, 2.1). Without a host: of any site and host.
fn groups_named(shard: &Shard, name: &[u8], host: Option<&[u8]>) -> Option<Vec<u64>> {
    let seed = shard.setting.seed;
    let Some(host) = host else {
        let mut sites: Vec<u16> = shard
            .setting
            .routes
            .iter()
            .map(|route| route.site)
            .collect();
        sites.dedup();
        let both = |site| {
            [
                groups::of_tag(seed, site, name),
                groups::of_any_host(seed, site, name),
            ]
        };
        return Some(sites.into_iter().flat_map(both).collect());
    };
    let site = site_of(shard, host)?;
    let own = HostText::of(host);
    Some(vec![
        groups::of_tag(seed, site, name),
        groups::of_name(seed, site, own.as_ref(), name),
    ])
}

/// The site of a host, by any of its routes.
fn site_of(shard: &Shard, host: &[u8]) -> Option<u16> {
    let routes = shard
        .setting
        .plan
        .sites
        .iter()
        .flat_map(|site| &site.routes);
    let mut found = routes.filter_map(|route| {
        let route = intent::route_of(shard, host, route.path.as_bytes())?;
        Some(shard.setting.route(route)?.site)
    });
    found.next()
}
