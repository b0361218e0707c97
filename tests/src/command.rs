//! The real binary: built once per test process, and run to its end.

use crate::wait::Deadline;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};

/// The path of the binary, built first with the profile and target directory of this test.
///
/// `RINGSIDE_BIN` names one that is already built.
#[track_caller]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BINARY.get_or_init(|| match std::env::var_os("RINGSIDE_BIN") {
        Some(path) => Ok(path.into()),
        None => build(),
    });
    match built {
        Ok(path) => path,
        Err(why) => panic!("building ringside:\n{why}"),
    }
}

/// TARGET/PROFILE/deps/test-executable says where and how to build.
fn build() -> Result<PathBuf, String> {
    let executable = std::env::current_exe().expect("the path of this test");
    let deps = executable.parent().expect("deps");
    let profile_dir = deps.parent().expect("the profile's directory");
    let target_dir = profile_dir.parent().expect("the target directory");
    let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(other) => other,
        None => panic!("no profile in {}", executable.display()),
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "-p",
            "ringside-shards",
            "--bin",
            "ringside",
        ])
        .args(["--profile", profile, "--target-dir"])
        .arg(target_dir)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    if built.status.success() {
        Ok(profile_dir.join("ringside"))
    } else {
        Err(String::from_utf8_lossy(&built.stderr).into_owned())
    }
}

/// A directory of its own, removed with the value; with `RINGSIDE_KEEP` in the environment that of
/// a script that failed stays.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ringside-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a scratch directory");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() && std::env::var_os("RINGSIDE_KEEP").is_some() {
            eprintln!("left as it was: {}", self.0.display());
            return;
        }
        // Left behind at worst; it is in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One run of the binary that is expected to end by itself (`check`, faulty starts, `--help`).
pub struct Command {
    scratch: Scratch,
}

impl Command {
    /// Writes `config` to a file that [`Command::run`] can name as `CONFIG`.
    pub fn with_config(config: &str) -> Self {
        let scratch = Scratch::new();
        std::fs::write(scratch.0.join("ringside.toml"), config).expect("the config is written");
        Command { scratch }
    }

    /// Runs the binary with these arguments (`CONFIG` stands for the file's path); fails when it
    /// does not end within the kit's patience.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Output {
        let config = self.scratch.0.join("ringside.toml");
        let mut command = std::process::Command::new(binary());
        for argument in arguments {
            match *argument {
                "CONFIG" => command.arg(&config),
                other => command.arg(other),
            };
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ringside starts");
        let deadline = Deadline::soon();
        let stdout = collect(child.stdout.take().expect("piped"));
        let stderr = collect(child.stderr.take().expect("piped"));
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if deadline.is_past() {
                // Ours, and not reaped yet.
                let _ = child.kill();
                let _ = child.wait();
                panic!("ringside {arguments:?} should end by itself");
            }
            thread::sleep(std::time::Duration::from_millis(2));
        };
        Output {
            status,
            stdout: stdout.join().expect("stdout"),
            stderr: stderr.join().expect("stderr"),
        }
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut all = Vec::new();
        // A broken pipe ends the text like its end does.
        let _ = pipe.read_to_end(&mut all);
        all
    })
}
