//! A block device, where this process may have one: a file behind the kernel's loop device.

use super::*;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

/// A loop device, and the file behind it.
struct Loop {
    device: PathBuf,
    _directory: Directory,
}

impl Loop {
    /// None where it is not allowed: that takes the right to administer the machine.
    fn new(name: &str, mib: u64) -> Option<Loop> {
        let directory = Directory::new(name);
        let path = directory.0.join("image");
        let file = File::create(&path).unwrap();
        file.set_len(mib * MIB).unwrap();
        let made = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&path)
            .output();
        let made = made.ok().filter(|output| output.status.success());
        let Some(output) = made else {
            eprintln!("no loop device here: not looked at");
            return None;
        };
        let device = String::from_utf8(output.stdout).unwrap();
        Some(Loop {
            device: device.trim().into(),
            _directory: directory,
        })
    }

    fn disk(&self, size_mib: Option<u64>) -> [DiskPlan; 1] {
        [DiskPlan {
            path: self.device.clone(),
            size_bytes: size_mib.map(|mib| mib * MIB),
        }]
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup")
            .arg("--detach")
            .arg(&self.device)
            .status();
    }
}

#[test]
fn a_device_is_divided_among_the_shards() {
    let Some(device) = Loop::new("device", 100) else {
        return;
    };
    let disks = device.disk(None);
    let (first, notes) = ready(&disks, 2, 5);
    assert_eq!(new_logs(&first), [true, true]);
    assert_eq!(notes.works.len(), 2);
    let bases: Vec<u64> = first.logs.iter().map(|log| log.base).collect();
    assert_eq!(bases, [0, 50 * MIB]);
    for (n, log) in (1..).zip(&first.logs) {
        write_segment(log, 0, n);
    }
    check_refused(&disks, 2, &["in use", "running already"]);
    // Nor can anybody who asks for it alone, as mkfs and mount do.
    let mut alone = File::options();
    alone.read(true).custom_flags(libc::O_EXCL);
    let busy = alone.open(&device.device).map(drop).unwrap_err();
    assert_eq!(busy.kind(), std::io::ErrorKind::ResourceBusy);
    drop(first);
    let (second, notes) = ready(&disks, 2, 6);
    assert_eq!(notes.works, []);
    assert_eq!(segments(&second.logs[0]), [1]);
    assert_eq!(segments(&second.logs[1]), [2]);
    drop(second);
    // Slices that lie elsewhere begin anew, whatever stands there now.
    for (shards, size_mib) in [(2, Some(80)), (3, Some(80)), (2, None)] {
        let (other, notes) = ready(&device.disk(size_mib), shards, 7);
        assert!(notes.has("divided otherwise"), "{shards} {:?}", notes.said);
        assert_eq!(new_logs(&other), vec![true; shards]);
        assert!(other.logs.iter().all(|log| segments(log).is_empty()));
        other.logs.iter().for_each(|log| write_segment(log, 0, 1));
    }
}

#[test]
fn a_device_of_one_shard_grows() {
    let Some(device) = Loop::new("device-grows", 100) else {
        return;
    };
    let (first, _) = ready(&device.disk(Some(64)), 1, 5);
    write_segment(&first.logs[0], 0, 1);
    drop(first);
    let (second, notes) = ready(&device.disk(None), 1, 6);
    assert!(notes.has("grows from"), "{:?}", notes.said);
    assert_eq!(segments(&second.logs[0]), [1]);
    drop(second);
    check_refused(&device.disk(Some(101)), 1, &["has 104857600 bytes"]);
}

#[test]
fn what_was_begun_on_a_device_is_gone_on_with() {
    let Some(device) = Loop::new("device-stop", 100) else {
        return;
    };
    let mut notes = Notes {
        stop_after: Some(4),
        ..Notes::default()
    };
    assert!(attempt(&device.disk(None), 2, chance(5), false, &mut notes).is_err());
    // In the second slice stands what was there before.
    let file = File::options().write(true).open(&device.device).unwrap();
    file.write_all_at(b"once upon a time", 50 * MIB).unwrap();
    file.sync_all().unwrap();
    let (prepared, notes) = ready(&device.disk(None), 2, 6);
    assert_eq!(new_logs(&prepared), [true, true]);
    assert_eq!(notes.works[0].0, 16 * MIB + 2 * PAGE as u64);
}

#[test]
fn a_device_with_something_on_it_is_refused() {
    let Some(device) = Loop::new("device-foreign", 100) else {
        return;
    };
    let file = File::options().write(true).open(&device.device).unwrap();
    // Only where the second slice begins.
    file.write_all_at(b"once upon a time", 50 * MIB).unwrap();
    file.sync_all().unwrap();
    check_refused(&device.disk(None), 2, &["for shard 1 holds something"]);
    let made = Command::new("mkfs.ext4")
        .args(["-q", "-F"])
        .arg(&device.device)
        .status();
    if made.is_ok_and(|status| status.success()) {
        check_refused(&device.disk(None), 2, &["for shard 0 looks like ext4"]);
    }
    let (prepared, _) = forced(&device.disk(None), 2);
    assert_eq!(new_logs(&prepared), [true, true]);
}
