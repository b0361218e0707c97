//! `ringside purge`: takes objects out of the cache of a running server, and shows the receipt.

use super::ask::{self, Place};
use super::url::{push_parameter, Host, Prefix, Url};
use clap::builder::NonEmptyStringValueParser;

/// What to purge, how, and where the server is.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The answer comes once every shard obeys: from then on nobody gets what was purged, and no answer
that was under way can bring it back.

Examples:
  ringside purge http://www.example.org/a           one URL with all its variants
  ringside purge --prefix http://www.example.org/a/ all that begins so
  ringside purge --prefix /static/                  the same on every host
  ringside purge --group article-17 --soft          what has this tag, checked before its next use
  ringside purge --all --config ringside.toml       everything

Exit codes: 0 purged; 1 the server can't be reached, or refused; 2 the arguments or the
configuration are wrong.")]
pub struct Arguments {
    #[command(flatten)]
    what: What,
    /// With --group: only on the site of this host
    #[arg(long, value_name = "HOST", conflicts_with_all = ["url", "prefix", "all"])]
    host: Option<Host>,
    /// Leave it stored, but stale: it is validated before it is used again, and may stand in for
    /// an error
    #[arg(long)]
    soft: bool,
    /// Print the receipt as JSON, as the server gave it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// The URL, as clients ask for it: http://host/path
    #[arg(value_name = "URL")]
    url: Option<Url>,
    /// All URLs that begin so; a path alone is on every host
    #[arg(long, value_name = "URL|/PATH")]
    prefix: Option<Prefix>,
    /// All that has this tag or is a member of this group
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    group: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

/// Asks the server, and prints its receipt.
pub fn purge(arguments: &Arguments) -> u8 {
    let text = match arguments.place.ask("POST", &arguments.target()) {
        Ok(text) => text,
        Err(code) => return code,
    };
    let text = text.trim_end();
    let Some(receipt) = Receipt::read(text) else {
        eprintln!("ringside: this is no receipt: {text}");
        eprintln!("ringside: is the server of another version than this command?");
        return super::HOST;
    };
    match arguments.json {
        true => ask::print(&format!("{text}\n")),
        false => ask::print(&format!("{}\n", arguments.line(&receipt))),
    }
    super::OK
}

impl Arguments {
    /// The target of the question.
    fn target(&self) -> String {
        let mut target = "/purge".to_owned();
        let What {
            url,
            prefix,
            group,
            all,
        } = &self.what;
        if let Some(url) = url {
            push_parameter(&mut target, "url", url);
        }
        if let Some(prefix) = prefix {
            push_parameter(&mut target, "prefix", prefix);
        }
        if let Some(group) = group {
            push_parameter(&mut target, "group", group);
        }
        if *all {
            target.push_str("?all");
        }
        if let Some(host) = &self.host {
            push_parameter(&mut target, "host", host);
        }
        if self.soft {
            target.push_str("&soft");
        }
        target
    }

    /// The receipt as a person reads it.
    fn line(&self, receipt: &Receipt) -> String {
        let What {
            url, prefix, group, ..
        } = &self.what;
        let of = match (url, prefix, group, &self.host) {
            (Some(url), ..) => format!(" of {url}"),
            (_, Some(prefix), ..) => format!(" under {prefix}"),
            (_, _, Some(group), Some(host)) => format!(" in group {group:?} of {host}"),
            (_, _, Some(group), None) => format!(" in group {group:?}"),
            _ => String::new(),
        };
        let what = match receipt.objects {
            Some(1) => "1 object".to_owned(),
            Some(objects) => format!("{objects} objects"),
            None => "everything".to_owned(),
        };
        let who = match receipt.shards {
            1 => "its only shard obeys".to_owned(),
            shards => format!("all {shards} shards obey"),
        };
        let force = &receipt.force;
        let ms = receipt.took_us as f64 / 1000.0;
        format!("purged {what}{of}, {force}; {who} ({ms:.1} ms)")
    }
}

/// What the server did: one flat JSON object whose values hold no comma and no colon.
#[derive(Debug, PartialEq)]
struct Receipt {
    force: String,
    /// `None` where they are not counted: such a purge takes no longer for many than for one.
    objects: Option<u64>,
    shards: u64,
    took_us: u64,
}

impl Receipt {
    fn read(text: &str) -> Option<Receipt> {
        let pairs = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        let value = |name: &str| {
            let mut pairs = pairs.split(',').filter_map(|pair| pair.split_once(':'));
            let (_, value) = pairs.find(|(key, _)| key.trim().trim_matches('"') == name)?;
            Some(value.trim())
        };
        let force = value("force")?.strip_prefix('"')?.strip_suffix('"')?;
        Some(Receipt {
            force: force.to_owned(),
            objects: match value("objects") {
                None | Some("null") => None,
                Some(number) => Some(number.parse().ok()?),
            },
            shards: value("shards")?.parse().ok()?,
            took_us: value("took_us")?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
