//! What does a hit cost that is read from the disk?
//!
//! A set far larger than Ringside's memory, each object asked for once in random order, so that
//! memory does not help. See `disk` for what is fair to whom.

use super::client::{self, Tally};
use super::draw::shuffled;
use super::pages::{self, Before};
use super::source::{self, Source};
use super::{fill, metrics, note_disk, note_ratio, row};
use crate::cases::{Effort, Pinned, OURS};
use crate::fault::{check, fault, Result};
use crate::report::{Case, Row};
use crate::scratch::Scratch;
use crate::servers::nginx::{self, Kind, OnDisk};
use crate::servers::ringside::{Disk, Ringside, Setting};
use crate::servers::{squid, trafficserver, Absent, Server, Stage};
use ringside_shards::rt;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// One size of object.
pub(crate) struct Size {
    words: &'static str,
    bytes: usize,
    /// How many, in the full and in the small mode.
    objects: (u32, u32),
    connections: usize,
    /// What nginx gathers of a file before it sends it.
    buffers: &'static str,
    /// Of all memory caches, in the full and in the small mode. Ringside keeps an eighth of it for
    /// writing, into which the largest record must fit.
    memory_mib: (u64, u64),
    at_most: f64,
}

/// Where the read's own cost counts.
pub(crate) const SMALL: Size = Size {
    words: "16 KiB",
    bytes: 16 << 10,
    objects: (32_768, 2048),
    connections: 32,
    buffers: "1 32k",
    memory_mib: (64, 16),
    at_most: 0.6,
};
/// Where moving bytes is all.
pub(crate) const LARGE: Size = Size {
    words: "1 MiB",
    bytes: 1 << 20,
    objects: (3072, 64),
    connections: 16,
    buffers: "1 1m",
    memory_mib: (64, 32),
    at_most: 0.6,
};

/// At most this part may still be fetched when a cache counts as filled.
const MISSED_MOST: f64 = 0.01;

/// A server that has the set, and where it has it.
struct Holder {
    server: Server,
    directory: PathBuf,
    /// How much of the order was asked for.
    at: Rc<Cell<usize>>,
}

/// A row: a server, and what happens before its turn.
struct View {
    holder: usize,
    row: Row,
    before: Before,
}

#[derive(Default)]
struct Field {
    holders: Vec<Holder>,
    views: Vec<View>,
    /// Ringside's admin port.
    admin: Option<u16>,
}

impl Field {
    fn enter(&mut self, server: Server, directory: &Path, views: &[(&str, Before)]) {
        for (name, before) in views {
            self.views.push(View {
                holder: self.holders.len(),
                row: row(name, &server),
                before: *before,
            });
        }
        self.holders.push(Holder {
            server,
            directory: directory.to_owned(),
            at: Rc::default(),
        });
    }
}

/// What every server of a case is started with.
struct Ground<'g> {
    stage: &'g Stage,
    scratch: &'g Scratch,
    source: &'g Source,
    size: &'g Size,
    objects: u32,
    memory_mib: u64,
}

/// Fills in the case.
pub(crate) fn measure(case: &mut Case, stage: &Stage, effort: &Effort, size: &Size) -> Result<()> {
    let (objects, memory_mib) = match effort.small {
        true => (size.objects.1, size.memory_mib.1),
        false => (size.objects.0, size.memory_mib.0),
    };
    case.question = format!(
        "what does a hit of {} from disk cost? {objects} objects, {} MiB, memory {memory_mib} MiB, \
         {} connections, one core",
        size.words,
        (u64::from(objects) * size.bytes as u64) >> 20,
        size.connections
    );
    case.unit = "CPU us/request";
    let scratch = Scratch::below(&stage.disk)?;
    let source = Source::start(stage)?;
    let _pinned = Pinned::to(stage.client_core)?;
    let mut field = Field::default();
    let ground = Ground {
        stage,
        scratch: &scratch,
        source: &source,
        size,
        objects,
        memory_mib,
    };
    enter_ours(case, &ground, &mut field)?;
    enter_rivals(case, &ground, &mut field)?;
    pages::settle(&stage.disk)?;
    let order = Rc::new(shuffled(objects, 42));
    for round in 1..=effort.rounds {
        for view in &mut field.views {
            let Some(holder) = field.holders.get(view.holder) else {
                continue;
            };
            if !pages::prepare(&holder.directory, view.before)? {
                continue;
            }
            let turned = turn(effort, size, &source, &order, holder, &mut view.row);
            let cost = turned.inspect_err(|_| {
                if let Some(Ok(text)) = field.admin.map(metrics) {
                    note_disk(case, OURS, &text);
                }
            })?;
            let name = &view.row.name;
            eprintln!(
                "{} {round}/{} {name}: {cost:.1} us",
                case.name, effort.rounds
            );
        }
    }
    if let Some(admin) = field.admin {
        note_disk(case, OURS, &metrics(admin)?);
    }
    let asked = |view: &View| view.row.cost != crate::report::Samples::default();
    case.rows
        .extend(field.views.into_iter().filter(asked).map(|view| view.row));
    case.compare(OURS, "nginx", size.at_most);
    note_ratio(
        case,
        OURS,
        "nginx direct",
        "both around the page cache; nginx here serves files and has no cache",
    );
    note_ratio(
        case,
        OURS,
        "nginx kept",
        "nginx has all in the page cache and reads nothing",
    );
    Ok(())
}

fn turn(
    effort: &Effort,
    size: &Size,
    source: &Source,
    order: &Rc<Vec<u32>>,
    holder: &Holder,
    row: &mut Row,
) -> Result<f64> {
    let heard = source.heard()?;
    let before = holder.server.running.cpu();
    let tally: Tally = rt::run(async {
        let clients = client::open(holder.server.port, size.connections).await?;
        let end = client::end_us(Duration::from_secs(effort.seconds.into()));
        let (at, order, bytes) = (holder.at.clone(), order.clone(), size.bytes);
        let mut asked = 0;
        client::run(&clients, move |request| {
            // Each at most once in a turn; the next turn goes on behind this one.
            if asked == order.len() || rt::now_us() >= end {
                return false;
            }
            let number = order.get(at.get() % order.len()).copied().unwrap_or(0);
            client::write_request(request, &path(bytes, number.into()));
            at.set(at.get() + 1);
            asked += 1;
            true
        })
        .await
    })??;
    let used = holder.server.running.cpu().since(&before);
    let missed = source.heard()?.since(heard).requests as f64 / tally.answered as f64;
    if missed > MISSED_MOST {
        return fault(format!(
            "{:.1} % of {}'s were fetched",
            missed * 100.0,
            row.name
        ));
    }
    let cost = used.seconds * 1e6 / tally.answered as f64;
    row.cost.push(cost);
    row.user_share.push(used.user_share);
    tally.add_to(row);
    row.more("fetched %", missed * 100.0);
    Ok(cost)
}

fn path(bytes: usize, number: u64) -> String {
    format!("/{bytes}/{number}")
}

impl Ground<'_> {
    /// Room for the set with heads, page ends and footers.
    fn disk_mib(&self) -> u64 {
        let each = self.size.bytes as u64 + 8192;
        ((u64::from(self.objects) * each) >> 20) * 5 / 4 + 96
    }

    /// Asks `server` for the set until it has it.
    fn fill(&self, server: &Server) -> Result<()> {
        let (bytes, count) = (self.size.bytes, u64::from(self.objects));
        let path = move |number| path(bytes, number);
        fill(server, self.source, count, MISSED_MOST / 2.0, path)
    }

    fn filled(&self, server: Server) -> Result<Server> {
        self.fill(&server).map(|()| server)
    }

    /// An nginx with a cache in `directory`.
    fn cached(&self, name: &'static str, more: &str, directory: &Path) -> Result<Server> {
        let (bytes, keys) = (self.disk_mib() << 20, self.objects.into());
        let setting = OnDisk {
            name,
            directory,
            directives: more,
            kind: Kind::Cache(self.source.port, bytes, keys, ""),
        };
        self.filled(nginx::on_disk(self.stage, &setting)?)
    }

    /// An nginx that serves the set as files, which are read around the page cache.
    fn direct(&self, directory: &Path) -> Result<Server> {
        write_files(directory, self.size.bytes, self.objects)?;
        let buffers = self.size.buffers;
        let setting = OnDisk {
            name: "nginx direct",
            directory,
            directives: &format!("aio threads; directio 4k; output_buffers {buffers};"),
            kind: Kind::Files,
        };
        nginx::on_disk(self.stage, &setting)
    }
}

fn enter_ours(case: &mut Case, ground: &Ground<'_>, field: &mut Field) -> Result<()> {
    if ground.stage.ringside.is_none() {
        case.notes
            .push(format!("{OURS} left out: --without-ringside"));
        return Ok(());
    }
    let directory = ground.scratch.directory("ringside")?;
    let setting = Setting {
        memory_mib: ground.memory_mib,
        disk: Some(Disk {
            path: directory.clone(),
            mib: ground.disk_mib(),
            rule: "always",
        }),
        ..Setting::single(ground.stage)
    };
    let ringside = Ringside::start(ground.stage, ground.source.port, &setting)?;
    field.admin = Some(ringside.admin);
    ground.fill(&ringside.server).inspect_err(|_| {
        if let Ok(text) = metrics(ringside.admin) {
            note_disk(case, OURS, &text);
        }
    })?;
    let server = ringside.server;
    field.enter(server, &directory, &[(OURS, Before::Nothing)]);
    Ok(())
}

fn enter_rivals(case: &mut Case, ground: &Ground<'_>, field: &mut Field) -> Result<()> {
    type Views<'v> = &'v [(&'v str, Before)];
    let mut rival = |installed: std::result::Result<PathBuf, Absent>,
                     views: Views<'_>,
                     start: &dyn Fn(&Path) -> Result<Server>|
     -> Result<()> {
        let name = views.first().map_or("", |view| view.0);
        let directory = ground.scratch.directory(&name.replace(' ', "-"))?;
        match installed {
            Ok(_) => match start(&directory) {
                Ok(server) => field.enter(server, &directory, views),
                Err(fault) => case.notes.push(format!("{name} left out: {fault}")),
            },
            Err(Absent { name, package }) => case.notes.push(format!(
                "{name} left out: not installed (apt-get install {package})"
            )),
        }
        check()
    };
    let three = [
        ("nginx", Before::Drop),
        ("nginx cold", Before::DropAll),
        ("nginx kept", Before::Keep),
    ];
    let (port, memory_mib, disk_mib) = (ground.source.port, ground.memory_mib, ground.disk_mib());
    rival(nginx::installed(), &three, &|directory| {
        ground.cached("nginx", "", directory)
    })?;
    rival(
        nginx::installed(),
        &[("nginx aio", Before::Drop)],
        &|directory| ground.cached("nginx aio", "aio threads;", directory),
    )?;
    rival(
        nginx::installed(),
        &[("nginx direct", Before::Drop)],
        &|directory| ground.direct(directory),
    )?;
    rival(
        squid::installed(),
        &[("Squid", Before::Drop)],
        &|directory| {
            let stage = ground.stage;
            ground.filled(squid::cache(stage, port, directory, memory_mib, disk_mib)?)
        },
    )?;
    rival(
        trafficserver::installed(),
        &[("ATS", Before::Drop)],
        &|directory| {
            let stage = ground.stage;
            ground.filled(trafficserver::cache(
                stage, port, directory, memory_mib, disk_mib,
            )?)
        },
    )
}

/// The set as files.
fn write_files(directory: &Path, bytes: usize, objects: u32) -> Result<()> {
    std::fs::create_dir_all(directory.join(bytes.to_string()))?;
    for number in 0..objects {
        let path = path(bytes, number.into());
        let range = source::place(path.as_bytes()).unwrap_or_default();
        let content = source::all_content().get(range).unwrap_or_default();
        std::fs::write(directory.join(path.trim_start_matches('/')), content)?;
        if number % 256 == 0 {
            check()?;
        }
    }
    Ok(())
}
