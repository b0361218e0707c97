//! `ringside` without arguments: a demo origin on loopback and Ringside before it.

mod origin;

use crate::crew;
use crate::store::disk::progress::Console;
use ringside_config::Plan;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::net::SocketAddr;

/// Five lines worth trying, and what they show.
const TRY: &[(&str, &str)] = &[
    ("curl -i http://LISTEN/", "run it twice: the second answer has Age and `Cache-Status: ringside; hit`"),
    ("curl -si http://LISTEN/slow & curl -si http://LISTEN/slow; wait", "the page takes a second to make; both wait for one fetch (`collapsed`)"),
    ("curl -si http://LISTEN/private | grep -i cache-", "a private answer is passed on and never stored"),
    ("curl -si http://LISTEN/brief | grep -iE 'http/|age|cache-status'", "fresh for 5 s, then validated with the origin, whose 304 renews it"),
    ("curl -so /dev/null -w '%{http_code} %{size_download} bytes in %{time_total} s\\n' http://LISTEN/large", "16 MiB, streamed while it arrives, from memory the second time"),
];

/// Shows the main job working until Ctrl-C.
pub fn demo(listen: SocketAddr) -> u8 {
    let signals = match Signals::new([SIGINT, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("ringside: signals can't be watched: {error}");
            return super::HOST;
        }
    };
    let origin = match origin::start() {
        Ok(origin) => origin,
        Err(error) => {
            eprintln!("ringside: the demo origin can't start: {error}");
            return super::HOST;
        }
    };
    let plan = match plan(listen, origin) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let crew = match crew::start(plan, &mut Console::new(|| false)) {
        Ok(crew) => crew,
        Err(fault) => {
            eprintln!("ringside: {fault}");
            eprintln!("ringside: `ringside demo --listen 127.0.0.1:PORT` takes another port");
            return super::HOST;
        }
    };
    let listening = crew.listening.first().copied().unwrap_or(listen);
    println!("Ringside is running: {}.", super::run::shards_line(&crew));
    println!("  clients    http://{listening}/");
    println!("  origin     http://{origin}/ (built in; prints nothing, counts its requests)");
    if let Some(admin) = crew.admin {
        println!("  admin      http://{admin}/metrics");
    }
    println!("\nTry, in another terminal:");
    for (line, shows) in TRY {
        println!(
            "  {}\n      {shows}",
            line.replace("LISTEN", &listening.to_string())
        );
    }
    println!("\nCtrl-C ends it.");
    super::run::wait(signals);
    println!();
    super::run::summarise(crew);
    super::OK
}

/// The demo's configuration, by the same way as any other.
fn plan(listen: SocketAddr, origin: SocketAddr) -> Result<Plan, u8> {
    let text = format!(
        "[memory]\nsize = \"128MiB\"\n\n[[listen]]\naddress = \"{listen}\"\n\n\
         [origins.demo]\nservers = [\"{origin}\"]\n\n[admin]\naddress = \"127.0.0.1:0\"\n"
    );
    ringside_config::read(&text, "(demo)").map_err(|faults| {
        eprintln!("{faults}");
        super::CONFIG
    })
}
