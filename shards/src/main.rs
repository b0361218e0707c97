//! The `ringside` command: arguments to one call.

use clap::{Parser, Subcommand};
use ringside_shards::commands;
use std::path::PathBuf;
use std::process::ExitCode;

/// For what lives as long as a request. Stored objects have a heap of their own
/// (`store::arena::Packed`), so that neither leaves holes in the other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A cache in front of HTTP origins: one independent shard per CPU core.
///
/// Without a subcommand it shows itself: a small demo origin on loopback and Ringside before it
/// on 127.0.0.1:8080.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  ringside                                  the demo, with five things to try
  ringside run --config ringside.toml       serve
  ringside check --config ringside.toml     every fault in the file, none applied
  ringside config reference                 all options, their defaults and meaning
  ringside purge http://host/path           take it out of a running server's cache
  ringside explain http://host/path         what a running server would do, and why
  ringside disk status                      how full and how well a running server's disks are
  ringside disk verify /var/cache/ringside  every record checked, while no server runs

Exit codes: 0 stopped cleanly; 1 the host refused (port in use, io_uring disabled, too few
descriptors), the start was stopped while it still wrote its disks, a running server can't be reached
or refused, or a store has damage; 2 the configuration has faults or the arguments are wrong."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a configuration until SIGTERM or SIGINT
    Run {
        /// The configuration file
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// Say everything that is wrong with a configuration, without running it
    Check {
        /// The configuration file
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
    /// About the configuration language
    Config {
        #[command(subcommand)]
        about: About,
    },
    /// Take objects out of the cache of a running server
    Purge(commands::purge::Arguments),
    /// Say what a running server would do with a request now, and why
    Explain(commands::explain::Arguments),
    /// Prepare disks, ask how they are doing, or check what is on them
    Disk {
        #[command(subcommand)]
        command: commands::disk::Command,
    },
    /// Show Ringside with a built-in origin (what happens without a subcommand)
    Demo {
        /// Where Ringside listens
        #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
        listen: std::net::SocketAddr,
    },
}

#[derive(Subcommand)]
enum About {
    /// Print every option with its default, meaning and an example
    Reference,
}

fn main() -> ExitCode {
    let demo = || Command::Demo {
        listen: ([127, 0, 0, 1], 8080).into(),
    };
    let code = match Arguments::parse().command.unwrap_or_else(demo) {
        Command::Run { config } => commands::run::run(&config),
        Command::Check { config } => commands::check::check(&config),
        Command::Config {
            about: About::Reference,
        } => commands::reference::reference(),
        Command::Purge(arguments) => commands::purge::purge(&arguments),
        Command::Explain(arguments) => commands::explain::explain(&arguments),
        Command::Disk { command } => commands::disk::disk(&command),
        Command::Demo { listen } => commands::demo::demo(listen),
    };
    ExitCode::from(code)
}
