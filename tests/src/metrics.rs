//! A strict reader of the Prometheus text format (version 0.0.4), for asserts on `/metrics`.

use std::collections::HashMap;

/// One sample line.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name, with a histogram's `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// Label names and values in the order written.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: f64,
}

impl Sample {
    /// True when every one of `labels` is on this sample.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(n, v)| {
            self.labels
                .iter()
                .any(|(name, value)| name == n && value == v)
        })
    }
}

/// The samples of `text`, or the first line that breaks the format: a sample without HELP and TYPE
/// above it, a bad name, label or value, the same series twice.
pub fn parse_metrics(text: &str) -> Result<Vec<Sample>, String> {
    let mut kinds: HashMap<String, String> = HashMap::new();
    let mut helps: HashMap<String, String> = HashMap::new();
    let mut samples: Vec<Sample> = Vec::new();
    if !text.ends_with('\n') {
        return Err("the last line does not end".into());
    }
    for line in text.lines().filter(|line| !line.is_empty()) {
        let fault = |why: &str| Err(format!("{why}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            if helps.insert(name.into(), help.into()).is_some() {
                return fault("HELP twice");
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, ""));
            if !["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind) {
                return fault("unknown type");
            }
            if kinds.insert(name.into(), kind.into()).is_some() {
                return fault("TYPE twice");
            }
        } else if !line.starts_with('#') {
            let sample = parse_sample(line)?;
            let family = family(&sample.name, &kinds);
            if !helps.contains_key(family) || !kinds.contains_key(family) {
                return fault("a sample before its HELP and TYPE");
            }
            if samples
                .iter()
                .any(|s| s.name == sample.name && s.labels == sample.labels)
            {
                return fault("the same series twice");
            }
            samples.push(sample);
        }
    }
    Ok(samples)
}

/// A histogram's samples belong to the family without their suffix.
fn family<'a>(name: &'a str, kinds: &HashMap<String, String>) -> &'a str {
    for suffix in ["_bucket", "_sum", "_count"] {
        if let Some(stem) = name.strip_suffix(suffix) {
            if kinds.get(stem).is_some_and(|kind| kind == "histogram") {
                return stem;
            }
        }
    }
    name
}

fn parse_sample(line: &str) -> Result<Sample, String> {
    let fault = |why: &str| format!("{why}: {line}");
    let at = line.find(['{', ' ']).ok_or_else(|| fault("no value"))?;
    let name = &line[..at];
    if !is_name(name) {
        return Err(fault("bad name"));
    }
    let mut labels = Vec::new();
    let mut rest = &line[at..];
    if let Some(mut inner) = rest.strip_prefix('{') {
        while !inner.starts_with('}') {
            let (label, after) = inner.split_once("=\"").ok_or_else(|| fault("bad label"))?;
            if !is_name(label) || label.contains(':') {
                return Err(fault("bad label name"));
            }
            let (value, after) = unquote(after).ok_or_else(|| fault("bad label value"))?;
            labels.push((label.to_string(), value));
            inner = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &inner[1..];
    }
    let value = rest.strip_prefix(' ').ok_or_else(|| fault("no value"))?;
    let value = match value {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().map_err(|_| fault("bad value"))?,
    };
    Ok(Sample {
        name: name.into(),
        labels,
        value,
    })
}

/// The quoted text up to its closing quote, and what follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match (escaped, c) {
            (true, 'n') => value.push('\n'),
            (true, '\\' | '"') => value.push(c),
            (true, _) => return None,
            (false, '"') => return Some((value, &text[at + 1..])),
            (false, '\\') => {}
            (false, _) => value.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    None
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

#[cfg(test)]
mod tests {
    use super::parse_metrics;

    const GOOD: &str = "# HELP a_total Things.\n# TYPE a_total counter\n\
        a_total{x=\"1\",y=\"a\\\"b\"} 3\na_total{x=\"2\"} +Inf\n\
        # HELP h Times.\n# TYPE h histogram\nh_bucket{le=\"1\"} 0\nh_sum 0.5\nh_count 1\n";

    #[test]
    fn samples_are_read_with_their_labels() {
        let samples = parse_metrics(GOOD).expect("good text");
        assert_eq!(samples.len(), 5);
        assert!(samples[0].has(&[("y", "a\"b"), ("x", "1")]));
        assert!(!samples[0].has(&[("x", "2")]));
        assert_eq!(samples[0].value, 3.0);
    }

    #[test]
    fn broken_text_is_refused() {
        for bad in [
            "a 1\n",
            "# HELP a b\n# TYPE a counter\na 1",
            "# HELP a b\n# TYPE a counter\na one\n",
            "# HELP a b\n# TYPE a counter\na{x=1} 1\n",
            "# HELP a b\n# TYPE a counter\na{x=\"1} 1\n",
            "# HELP a b\n# TYPE a counter\na 1\na 2\n",
            "# HELP a b\n# TYPE a speed\n",
            "# HELP 1a b\n# TYPE 1a counter\n1a 1\n",
        ] {
            assert!(parse_metrics(bad).is_err(), "{bad:?}");
        }
    }
}
