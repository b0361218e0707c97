//! The text format of Prometheus, version 0.0.4.

use super::record::Text;
use alloc::vec::Vec;
use core::fmt::Write;

/// What kind of number a family holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts in buckets, with a sum.
    Histogram,
}

impl Kind {
    /// The format's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Appends the two lines that introduce a family of samples. `name` must be a metric name.
pub fn family(out: &mut Vec<u8>, name: &str, help: &str, kind: Kind) {
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    escape(out, help, false);
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(kind.word().as_bytes());
    out.push(b'\n');
}

/// Appends one sample. Names of labels must be label names; their values may be anything.
pub fn sample(out: &mut Vec<u8>, name: &str, labels: &[(&str, &str)], value: f64) {
    out.extend_from_slice(name.as_bytes());
    for (at, (label, text)) in labels.iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"=\"");
        escape(out, text, true);
        out.push(b'"');
    }
    if !labels.is_empty() {
        out.push(b'}');
    }
    out.push(b' ');
    push_value(out, value);
    out.push(b'\n');
}

fn push_value(out: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        // Writing to a Vec does not fail.
        let _ = write!(Text(out), "{value}");
    }
}

fn escape(out: &mut Vec<u8>, text: &str, quotes: bool) {
    for byte in text.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn families_and_samples() {
        let mut out = Vec::new();
        family(
            &mut out,
            "a_total",
            "Counts\nall \\ of \"it\"",
            Kind::Counter,
        );
        sample(&mut out, "a_total", &[], 3.0);
        sample(
            &mut out,
            "a_total",
            &[("shard", "0"), ("x", "q\"\\\nz")],
            12_345_678_901.0,
        );
        sample(&mut out, "b", &[("le", "+Inf")], 0.000_25);
        sample(&mut out, "b", &[], f64::INFINITY);
        sample(&mut out, "b", &[], f64::NEG_INFINITY);
        sample(&mut out, "b", &[], f64::NAN);
        let want = concat!(
            "# HELP a_total Counts\\nall \\\\ of \"it\"\n",
            "# TYPE a_total counter\n",
            "a_total 3\n",
            "a_total{shard=\"0\",x=\"q\\\"\\\\\\nz\"} 12345678901\n",
            "b{le=\"+Inf\"} 0.00025\n",
            "b +Inf\n",
            "b -Inf\n",
            "b NaN\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }
}
