//! Sites and their routes.
//!
//! Knows the origins of the Plan by name, so that every route names one that is there.

use super::cache::cache;
use super::Again;
use crate::faults::{did_you_mean, one_of, Blame};
use crate::kinds::{quoted, At};
use crate::plan::{HostPattern, Origin, Route, Site};
use crate::reference as options;
use crate::view::View;
use std::collections::HashMap;

/// The sites in the order written; one for everything where there are none.
pub(super) fn sites(root: &View<'_>, origins: &[Origin], blame: &mut Blame<'_>) -> Vec<Site> {
    let tables = root.tables(&options::site::SECTION, "sites", blame);
    let mut seen = HashMap::new();
    let mut all = Vec::new();
    for table in &tables {
        let hosts = table
            .try_read(&options::site::HOSTS, blame)
            .unwrap_or_default();
        refuse_hosts_again(&hosts, table, &mut seen, blame);
        all.push(Site {
            hosts: hosts.into_iter().map(|(host, _)| host).collect(),
            client_directives: table.read(&options::site::CLIENT_DIRECTIVES, blame),
            routes: routes(table, origins, blame),
        });
    }
    if !root.has("sites") {
        if origins.len() > 1 {
            let expected = format!("sites whose routes name {}", origin_names(origins));
            blame.add(0, "[[sites]]", "missing", expected, None);
        }
        let routes = vec![only_route(root, blame)];
        all.push(Site {
            hosts: vec![HostPattern::Any],
            client_directives: (options::site::CLIENT_DIRECTIVES.default)(),
            routes,
        });
    }
    all
}

/// Two sites for one host would leave it to their order which one answers.
fn refuse_hosts_again(
    hosts: &[At<HostPattern>],
    table: &View<'_>,
    seen: &mut HashMap<HostPattern, usize>,
    blame: &mut Blame<'_>,
) {
    for (host, at) in hosts {
        // A list of one `*` that is not written stands where its site does.
        let (at, is_written) = if *at == 0 {
            (table.at(), false)
        } else {
            (*at, true)
        };
        if let Some(first) = seen.get(host) {
            let (key, shown) = (
                options::site::HOSTS.key,
                &(options::site::HOSTS.kind.of.show)(host),
            );
            let expected = "every host in one site only";
            Again {
                key,
                at,
                is_written,
                shown,
                first: *first,
                expected,
            }
            .refuse(table, blame);
        } else {
            seen.insert(host.clone(), at);
        }
    }
}

fn routes(site: &View<'_>, origins: &[Origin], blame: &mut Blame<'_>) -> Vec<Route> {
    let tables = site.tables(&options::route::SECTION, "routes", blame);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut all = Vec::new();
    for table in &tables {
        let key = options::route::PATH.key;
        let path = table
            .try_read(&options::route::PATH, blame)
            .unwrap_or_default();
        let at = table.at_value(key);
        match seen.get(&path) {
            // An empty path has been blamed for something else.
            Some(first) if !path.is_empty() => {
                let (is_written, expected) = (table.has(key), "every path once in a site");
                let again = Again {
                    key,
                    at,
                    is_written,
                    shown: &path,
                    first: *first,
                    expected,
                };
                again.refuse(table, blame);
            }
            _ => {
                seen.insert(path.clone(), at);
            }
        }
        let origin = origin_of(table, origins, blame);
        all.push(Route {
            path,
            origin,
            cache: cache(table, blame),
        });
    }
    if !site.has("routes") {
        if origins.len() > 1 {
            let expected = format!("[[sites.routes]] that name {}", origin_names(origins));
            blame.add(site.at(), site.path("routes"), "missing", expected, None);
        }
        all.push(only_route(site, blame));
    }
    all
}

/// What a site without routes has: everything from the only origin.
fn only_route(at: &View<'_>, blame: &mut Blame<'_>) -> Route {
    let table = at.nothing(&options::route::SECTION);
    Route {
        path: table.read(&options::route::PATH, blame),
        origin: 0,
        cache: cache(&table, blame),
    }
}

/// The index of the origin that a route names. Without any origin there is nothing to say here:
/// that is a fault of its own.
fn origin_of(route: &View<'_>, origins: &[Origin], blame: &mut Blame<'_>) -> usize {
    let option = &options::route::ORIGIN;
    let Some(name) = route.try_read(option, blame) else {
        return 0;
    };
    let index = match &name {
        Some(name) => origins.iter().position(|origin| origin.name == *name),
        None => (origins.len() == 1).then_some(0),
    };
    if index.is_none() && !origins.is_empty() {
        let (found, suggestion) = match &name {
            Some(name) => {
                let names = origins.iter().map(|origin| origin.name.as_str());
                (
                    format!("found {}, which is no origin", quoted(name)),
                    did_you_mean(name, names),
                )
            }
            None => ("missing".to_owned(), None),
        };
        let at = route.at_value(option.key);
        blame.add(
            at,
            route.path(option.key),
            found,
            origin_names(origins),
            suggestion,
        );
    }
    index.unwrap_or(0)
}

fn origin_names(origins: &[Origin]) -> String {
    let names: Vec<&str> = origins.iter().map(|origin| origin.name.as_str()).collect();
    one_of(&names)
}
