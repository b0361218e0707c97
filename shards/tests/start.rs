//! When a server can be reached: not before it serves.

#![allow(clippy::unwrap_used)]

use ringside_shards::crew;
use ringside_shards::store::disk::progress::Watcher;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let exe = std::env::current_exe().unwrap();
        let path = exe.with_file_name(format!("start-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Does this while the disks are prepared.
struct Meanwhile<F> {
    act: F,
    begun: usize,
}

impl<F: FnMut()> Watcher for Meanwhile<F> {
    fn say(&mut self, _: &str) {}

    fn begin(&mut self, _: &str, _: u64, _: u64) {
        self.begun += 1;
        (self.act)();
    }

    fn reached(&mut self, _: u64) {}

    fn end(&mut self) {}
}

/// Ports that nobody uses.
fn free() -> [SocketAddr; 2] {
    let bound = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|listener| listener.local_addr().unwrap())
}

fn plan(directory: &Directory, [address, admin]: [SocketAddr; 2]) -> ringside_config::Plan {
    let disk = directory.0.display();
    let text = format!(
        "[shards]\ncount = 2\npin = false\n[memory]\nsize = \"32MiB\"\n\
         [disk]\npath = \"{disk}\"\nsize = \"64MiB\"\n\
         [[listen]]\naddress = \"{address}\"\n[admin]\naddress = \"{admin}\"\n\
         [origins.one]\nservers = [\"127.0.0.1:9\"]\n"
    );
    ringside_config::read(&text, "test").unwrap()
}

#[test]
fn clients_are_refused_until_the_disks_are_prepared() {
    let directory = Directory::new("refused");
    let addresses = free();
    let mut watcher = Meanwhile {
        act: || {
            for address in addresses {
                let refused = TcpStream::connect(address).unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            }
        },
        begun: 0,
    };
    let crew = crew::start(plan(&directory, addresses), &mut watcher).unwrap();
    assert_eq!(watcher.begun, 2, "both files were written");
    for address in addresses {
        TcpStream::connect(address).unwrap();
    }
    crew.stop();
}

#[test]
fn a_port_that_another_took_meanwhile_is_told() {
    for number in [0, 1] {
        let directory = Directory::new(&format!("taken-{number}"));
        let addresses = free();
        let mut taken = None;
        let mut watcher = Meanwhile {
            act: || {
                taken = taken
                    .take()
                    .or_else(|| TcpListener::bind(addresses[number]).ok())
            },
            begun: 0,
        };
        let Err(fault) = crew::start(plan(&directory, addresses), &mut watcher) else {
            panic!("it started");
        };
        assert!(taken.is_some(), "nobody listened there yet");
        let told = fault.to_string();
        assert!(told.contains("in use by another"), "{told}");
        assert!(told.contains(&addresses[number].to_string()), "{told}");
    }
}
