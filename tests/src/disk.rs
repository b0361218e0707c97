//! What a script asks of a server with a disk: its numbers, its files, its words about both.

use crate::client::Client;
use crate::command::Command;
use crate::ringside::Ringside;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Output;

impl Ringside {
    /// The answer to `GET /disk`: an object for each disk.
    #[track_caller]
    pub fn disks(&self) -> Vec<Value> {
        let text = Client::connect(self.admin())
            .get("/disk")
            .expect(200)
            .text();
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let disks = json["disks"].as_array();
        disks.expect("an array of disks").clone()
    }

    /// A number of `GET /disk`, summed over the disks; fails where it is none.
    #[track_caller]
    pub fn disk(&self, name: &str) -> u64 {
        let each = |disk: &Value| match disk[name].as_u64() {
            Some(number) => number,
            None => panic!("no number {name} in {disk:#}"),
        };
        self.disks().iter().map(each).sum()
    }

    /// Waits until all that was on the disks when it started is found again.
    #[track_caller]
    pub fn wait_until_recovered(&self) {
        crate::wait::wait_until("the disks to be up", || {
            let disks = self.disks();
            assert!(!disks.is_empty(), "no disk is configured");
            disks.iter().all(|disk| disk["state"] == "up")
        });
    }

    /// The directory of the disk that [`crate::Setup::disk_each`] configures.
    pub fn disk_path(&self) -> PathBuf {
        self.scratch_file("disk")
    }

    /// The store files there, in the order of their names.
    #[track_caller]
    pub fn store_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.disk_path()).expect("the disk's directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let is_store = |path: &PathBuf| path.extension().is_some_and(|end| end == "store");
        let mut files: Vec<PathBuf> = paths.filter(is_store).collect();
        files.sort();
        files
    }

    /// `ringside disk verify` of that directory.
    #[track_caller]
    pub fn verify_disk(&self) -> Output {
        let path = self.disk_path().display().to_string();
        Command::with_config("").run(&["disk", "verify", &path])
    }
}
