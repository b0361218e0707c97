//! What an operator sees of long work on a disk: a bar with rate and time left on a terminal, a
//! line now and then elsewhere: when it begins and after a tenth, and no sooner than some seconds
//! after the last.
//!
//! Knows nothing of the work but bytes done and bytes in all.

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Who is told how work on a disk goes, and may end it.
pub trait Watcher {
    /// Something to know, in a line.
    fn say(&mut self, line: &str);

    /// Work on `what` begins, where `done` of `all` bytes had been done before.
    fn begin(&mut self, what: &str, done: u64, all: u64);

    /// So many bytes are done.
    fn reached(&mut self, done: u64);

    /// The work is done.
    fn end(&mut self);

    /// Whether to leave off. What was done until then is done.
    fn is_stopped(&mut self) -> bool {
        false
    }
}

/// Lines are no closer to each other than that, whatever they are about.
const LINES_EVERY: Duration = Duration::from_secs(5);

/// Tells on standard error.
pub struct Console<S> {
    stop: S,
    is_terminal: bool,
    /// The last line.
    told_at: Option<Instant>,
    work: Option<Work>,
}

struct Work {
    what: String,
    from: u64,
    all: u64,
    begun: Instant,
    /// Tenths that have been told; none: not even that it was begun.
    tenths: Option<u64>,
    bar: ProgressBar,
}

impl<S: FnMut() -> bool> Console<S> {
    /// `stop` is asked now and then whether to leave off.
    pub fn new(stop: S) -> Console<S> {
        Console {
            stop,
            is_terminal: std::io::stderr().is_terminal(),
            told_at: None,
            work: None,
        }
    }

    fn tell(&mut self, done: u64) {
        if !self.is_terminal {
            if let Some(line) = self.line(done, Instant::now()) {
                eprintln!("ringside: {line}");
            }
        }
    }

    /// What there is to tell where no bar can be drawn.
    fn line(&mut self, done: u64, now: Instant) -> Option<String> {
        let work = self.work.as_mut()?;
        let tenths = tenths(done, work.all);
        let is_soon = self.told_at.is_some_and(|at| now < at + LINES_EVERY);
        if is_soon || work.tenths.is_some_and(|told| tenths <= told) {
            return None;
        }
        work.tenths = Some(tenths);
        self.told_at = Some(now);
        Some(line(work, done, now.saturating_duration_since(work.begun)))
    }
}

impl<S: FnMut() -> bool> Watcher for Console<S> {
    fn say(&mut self, line: &str) {
        match &self.work {
            Some(work) => work.bar.suspend(|| eprintln!("ringside: {line}")),
            None => eprintln!("ringside: {line}"),
        }
    }

    fn begin(&mut self, what: &str, done: u64, all: u64) {
        let bar = match self.is_terminal {
            true => bar(what, done, all),
            false => ProgressBar::hidden(),
        };
        self.work = Some(Work {
            what: what.to_owned(),
            from: done,
            all,
            begun: Instant::now(),
            tenths: None,
            bar,
        });
        self.tell(done);
    }

    fn reached(&mut self, done: u64) {
        let Some(work) = &mut self.work else { return };
        work.bar.set_position(done);
        self.tell(done);
    }

    fn end(&mut self) {
        if let Some(work) = self.work.take() {
            work.bar.finish_and_clear();
        }
    }

    fn is_stopped(&mut self) -> bool {
        (self.stop)()
    }
}

fn bar(what: &str, done: u64, all: u64) -> ProgressBar {
    const TEMPLATE: &str =
        "{msg} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {rate}, {eta} left";
    let style =
        ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
    // What had been done before is no rate of today's.
    let begun = Instant::now();
    let rate = move |state: &ProgressState, out: &mut dyn Write| {
        let rate = rate(state.pos().saturating_sub(done), begun.elapsed());
        // A terminal that is gone is no fault of the work.
        let _ = write!(out, "{}/s", BinaryBytes(rate));
    };
    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
    bar.set_style(style.with_key("rate", rate));
    bar.set_message(what.to_owned());
    bar.set_position(done);
    bar.reset_eta();
    bar
}

fn tenths(done: u64, all: u64) -> u64 {
    let tenths = u128::from(done) * 10 / u128::from(all.max(1));
    u64::try_from(tenths).unwrap_or(10)
}

/// Bytes a second.
fn rate(bytes: u64, time: Duration) -> u64 {
    (bytes as f64 / time.as_secs_f64().max(1e-3)) as u64
}

fn line(work: &Work, done: u64, time: Duration) -> String {
    let percent = u128::from(done) * 100 / u128::from(work.all.max(1));
    let mut line = format!(
        "{}: {percent} %, {} of {}",
        work.what,
        BinaryBytes(done),
        BinaryBytes(work.all)
    );
    // Of what was just begun nobody knows how fast it goes.
    if done <= work.from {
        return line;
    }
    let rate = rate(done - work.from, time);
    let left = work.all.saturating_sub(done);
    // Writing to a String cannot fail, here and below.
    let _ = write!(line, ", {}/s", BinaryBytes(rate));
    if left > 0 {
        let _ = write!(line, ", {} s left", left / rate.max(1));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn work(from: u64) -> Work {
        Work {
            what: "/a".to_owned(),
            from,
            all: 10 * GIB,
            begun: Instant::now(),
            tenths: None,
            bar: ProgressBar::hidden(),
        }
    }

    #[test]
    fn a_line_has_rate_and_time_left() {
        let four = Duration::from_secs(4);
        for (from, done, expected) in [
            (
                0,
                4 * GIB,
                "/a: 40 %, 4.00 GiB of 10.00 GiB, 1.00 GiB/s, 6 s left",
            ),
            // Resumed: what was there before came in no time.
            (
                2 * GIB,
                4 * GIB,
                "/a: 40 %, 4.00 GiB of 10.00 GiB, 512.00 MiB/s, 12 s left",
            ),
            (0, 10 * GIB, "/a: 100 %, 10.00 GiB of 10.00 GiB, 2.50 GiB/s"),
            (2 * GIB, 2 * GIB, "/a: 20 %, 2.00 GiB of 10.00 GiB"),
        ] {
            assert_eq!(line(&work(from), done, four), expected);
        }
    }

    #[test]
    fn lines_are_few_however_many_works_there_are() {
        let mut console = Console::new(|| false);
        let begun = Instant::now();
        let mut lines = 0;
        // Twelve works of a second each, of a hundred pieces each, and one that takes long.
        for (works, piece_ms) in [(12, 10), (1, 10_000)] {
            for number in 0..works {
                console.work = Some(work(0));
                for piece in 0..=100_u64 {
                    let at = number * 1000 + piece * piece_ms;
                    let now = begun + Duration::from_millis(at);
                    lines += usize::from(console.line(piece * GIB / 10, now).is_some());
                }
            }
            // One when the first begins, and one each five seconds; that of the long one's beginning
            // comes late.
            let most = if works == 1 { 14 } else { 3 };
            assert!((most - 1..=most).contains(&lines), "{lines}");
        }
    }

    #[test]
    fn nothing_to_do_is_no_division() {
        assert_eq!(tenths(0, 0), 0);
        assert_eq!(tenths(u64::MAX, u64::MAX), 10);
        assert_eq!(rate(0, Duration::ZERO), 0);
    }
}
