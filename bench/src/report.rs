//! What was measured: rows of samples, goals, and the two ways to tell them, a table and JSON.
//!
//! It knows no server and no clock; everything here is a pure function of the numbers.

use serde_json::{json, Value};
use std::collections::HashMap;
use std::fmt::Write;

/// Samples of one quantity, one for each round.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; of an even number the mean of the middle two; 0 of none.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.len() % 2, sorted.get(middle)) {
            (_, None) => 0.0,
            (1, Some(value)) => *value,
            (_, Some(value)) => (sorted[middle - 1] + value) / 2.0,
        }
    }

    fn least(&self) -> f64 {
        self.0.iter().copied().min_by(f64::total_cmp).unwrap_or(0.0)
    }

    fn most(&self) -> f64 {
        self.0.iter().copied().max_by(f64::total_cmp).unwrap_or(0.0)
    }

    fn json(&self) -> Value {
        json!({ "median": self.median(), "min": self.least(), "max": self.most(), "rounds": self.0 })
    }
}

/// One server's numbers in a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// What it is called.
    pub(crate) name: String,
    /// As it says of itself.
    pub(crate) version: String,
    /// The measured quantity, in the case's unit; less is better.
    pub(crate) cost: Samples,
    /// The part of the CPU time that was not in the kernel, 0 to 1.
    pub(crate) user_share: Samples,
    /// Responses per second.
    pub(crate) rate: Samples,
    /// Median latency, microseconds.
    pub(crate) p50_us: Samples,
    /// 99th percentile of the latency, microseconds.
    pub(crate) p99_us: Samples,
    /// What else a case has to tell, by name and unit.
    pub(crate) more: Vec<(&'static str, Samples)>,
}

impl Row {
    /// Adds one sample of something else.
    pub(crate) fn more(&mut self, name: &'static str, value: f64) {
        match self.more.iter_mut().find(|(known, _)| *known == name) {
            Some((_, samples)) => samples.push(value),
            None => self.more.push((name, Samples(vec![value]))),
        }
    }

    /// The median of something else; 0 when it is not known.
    pub(crate) fn more_median(&self, name: &str) -> f64 {
        let found = self.more.iter().find(|(known, _)| *known == name);
        found.map_or(0.0, |(_, samples)| samples.median())
    }
}

/// A figure that the project set itself, and what it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Goal {
    /// What is compared: `Ringside / nginx`.
    pub(crate) what: String,
    /// What it came to.
    pub(crate) value: f64,
    /// What it must not exceed.
    pub(crate) at_most: f64,
}

impl Goal {
    fn is_met(&self) -> bool {
        self.value <= self.at_most
    }
}

/// One case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    /// As on the command line.
    pub(crate) name: String,
    /// The one question it answers.
    pub(crate) question: String,
    /// Unit of [`Row::cost`].
    pub(crate) unit: &'static str,
    /// Every server that took part.
    pub(crate) rows: Vec<Row>,
    /// What was to be reached.
    pub(crate) goals: Vec<Goal>,
    /// What the reader should know: servers left out, counts that were checked.
    pub(crate) notes: Vec<String>,
    /// Why it could not be measured to its end.
    pub(crate) fault: Option<String>,
}

impl Case {
    /// The row of this name.
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Adds the goal that `ours` costs at most `at_most` times what `theirs` does; nothing when
    /// one of them did not take part.
    pub(crate) fn compare(&mut self, ours: &str, theirs: &str, at_most: f64) {
        let (Some(mine), Some(other)) = (self.row(ours), self.row(theirs)) else {
            return;
        };
        let value = mine.cost.median() / other.cost.median();
        if value.is_finite() {
            self.goals.push(Goal {
                what: format!("{ours} / {theirs}"),
                value,
                at_most,
            });
        }
    }

    /// The same against the cheapest of these that took part.
    pub(crate) fn compare_best(&mut self, ours: &str, theirs: &[&str], at_most: f64) {
        let rows = theirs.iter().filter_map(|name| self.row(name));
        let best = rows.min_by(|a, b| a.cost.median().total_cmp(&b.cost.median()));
        if let Some(name) = best.map(|row| row.name.clone()) {
            self.compare(ours, &name, at_most);
        }
    }

    fn json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "name": row.name, "version": row.version, "cost": row.cost.json(),
                "user_share": row.user_share.json(), "requests_per_second": row.rate.json(),
                "p50_us": row.p50_us.json(), "p99_us": row.p99_us.json(),
                "more": row.more.iter().map(|(name, samples)| (*name, samples.json()))
                    .collect::<HashMap<_, _>>(),
            })
        };
        let goal = |goal: &Goal| {
            json!({
                "what": goal.what, "value": goal.value, "at_most": goal.at_most,
                "met": goal.is_met(),
            })
        };
        json!({
            "name": self.name, "question": self.question, "unit": self.unit,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
            "goals": self.goals.iter().map(goal).collect::<Vec<_>>(),
            "notes": self.notes, "fault": self.fault,
        })
    }

    /// The case as text.
    pub(crate) fn table(&self) -> String {
        let mut out = format!("{}: {}\n", self.name, self.question);
        if !self.rows.is_empty() {
            let unit = self.unit;
            let _ = writeln!(
                out,
                "  {:<14} {unit:>16} {:>17} {:>6} {:>9} {:>9} {:>9}",
                "", "min .. max", "user", "req/s", "p50 us", "p99 us"
            );
        }
        for row in &self.rows {
            let cost = &row.cost;
            let range = format!("{:.1} .. {:.1}", cost.least(), cost.most());
            let _ = write!(
                out,
                "  {:<14} {:>16.1} {range:>17}",
                row.name,
                cost.median()
            );
            let share = 100.0 * row.user_share.median();
            let _ = write!(out, "{}", cell(&row.user_share, format!("{share:.0} %"), 7));
            for samples in [&row.rate, &row.p50_us, &row.p99_us] {
                let _ = write!(
                    out,
                    "{}",
                    cell(samples, format!("{:.0}", samples.median()), 10)
                );
            }
            out.push('\n');
            for (name, samples) in &row.more {
                let _ = write!(out, "{:>16}{name} {:.2}", "", samples.median());
                let _ = writeln!(out, " ({:.2} .. {:.2})", samples.least(), samples.most());
            }
        }
        for goal in &self.goals {
            let word = if goal.is_met() { "met" } else { "MISSED" };
            let (what, value, at_most) = (&goal.what, goal.value, goal.at_most);
            let _ = writeln!(
                out,
                "  {what:<32} {value:>8.2}   to reach <= {at_most:<6} {word}"
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "  note: {note}");
        }
        if let Some(fault) = &self.fault {
            let _ = writeln!(out, "  NOT MEASURED: {fault}");
        }
        out
    }
}

fn cell(samples: &Samples, text: String, width: usize) -> String {
    let text = if samples.0.is_empty() {
        "-".to_owned()
    } else {
        text
    };
    format!("{text:>width$}")
}

/// All cases of a run, and where and how it was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Kernel and processor.
    pub(crate) machine: String,
    /// Rounds, seconds, and whether it was the small mode, whose numbers say little.
    pub(crate) mode: String,
    /// The cases in the order they ran.
    pub(crate) cases: Vec<Case>,
}

impl Report {
    /// The report as JSON.
    pub(crate) fn json(&self) -> Value {
        let missed = self
            .cases
            .iter()
            .flat_map(|case| &case.goals)
            .filter(|goal| !goal.is_met());
        json!({
            "machine": self.machine, "mode": self.mode, "goals_missed": missed.count(),
            "cases": self.cases.iter().map(Case::json).collect::<Vec<_>>(),
        })
    }

    /// Whether some case could not be measured.
    pub(crate) fn has_faults(&self) -> bool {
        self.cases.iter().any(|case| case.fault.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples(values.to_vec())
    }

    fn row(name: &str, costs: &[f64]) -> Row {
        Row {
            name: name.to_owned(),
            cost: samples(costs),
            ..Row::default()
        }
    }

    fn case() -> Case {
        Case {
            name: "hit-1k".to_owned(),
            question: "what does a hit cost?".to_owned(),
            unit: "CPU us/request",
            rows: vec![
                row("nginx", &[30.0, 20.0, 25.0]),
                row("limit", &[9.0, 10.0]),
                row("Ringside", &[12.0, 11.0, 99.0]),
            ],
            ..Case::default()
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        for (values, median) in [
            (&[][..], 0.0),
            (&[3.0], 3.0),
            (&[9.0, 1.0, 2.0], 2.0),
            (&[4.0, 1.0, 9.0, 2.0], 3.0),
        ] {
            assert_eq!(samples(values).median(), median, "{values:?}");
        }
    }

    #[test]
    fn goals_compare_medians_and_leave_out_who_did_not_take_part() {
        let mut case = case();
        case.compare("Ringside", "nginx", 0.45);
        case.compare("Ringside", "HAProxy", 0.75);
        case.compare_best("Ringside", &["nginx", "HAProxy", "limit"], 1.0);
        assert_eq!(case.goals.len(), 2);
        assert_eq!(case.goals[0].value, 12.0 / 25.0);
        assert!(!case.goals[0].is_met());
        assert_eq!(case.goals[1].what, "Ringside / limit");
        assert_eq!(case.goals[1].value, 12.0 / 9.5);
    }

    #[test]
    fn a_goal_is_met_up_to_its_bound() {
        let goal = |value| Goal {
            what: String::new(),
            value,
            at_most: 1.0,
        };
        assert!(goal(1.0).is_met());
        assert!(!goal(1.000_1).is_met());
        assert!(!goal(f64::NAN).is_met());
    }

    #[test]
    fn a_rival_that_cost_nothing_makes_no_goal() {
        let mut case = case();
        case.rows.push(row("idle", &[0.0]));
        case.compare("Ringside", "idle", 1.0);
        assert!(case.goals.is_empty());
    }

    #[test]
    fn the_json_is_valid_and_complete() {
        let mut case = case();
        case.compare("Ringside", "nginx", 0.45);
        case.notes.push("Varnish: not installed".to_owned());
        let report = Report {
            cases: vec![case],
            ..Report::default()
        };
        let text = serde_json::to_string(&report.json()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["goals_missed"], 1);
        let case = &value["cases"][0];
        assert_eq!(case["name"], "hit-1k");
        assert_eq!(case["rows"][2]["cost"]["median"], 12.0);
        assert_eq!(case["rows"][2]["cost"]["rounds"], json!([12.0, 11.0, 99.0]));
        assert_eq!(case["goals"][0]["met"], false);
        assert_eq!(case["fault"], Value::Null);
        assert!(!report.has_faults());
    }

    #[test]
    fn the_table_shows_every_row_goal_note_and_fault() {
        let mut case = case();
        case.compare("Ringside", "nginx", 0.5);
        case.compare("Ringside", "limit", 1.25);
        case.notes.push("Varnish: not installed".to_owned());
        case.fault = Some("interrupted".to_owned());
        let table = case.table();
        for part in [
            "Ringside / nginx",
            "0.48",
            "met",
            "MISSED",
            "Varnish",
            "interrupted",
            "20.0 .. 30.0",
        ] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
        assert!(Report {
            cases: vec![case],
            ..Report::default()
        }
        .has_faults());
    }
}
