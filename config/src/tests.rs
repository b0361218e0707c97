//! What an operator writes, and what comes of it: Plans, faults, and the table of options.

mod faults;
mod mutations;
mod options;
mod plans;
mod rules;

use crate::{read, Plan};

/// The Plan of a text that has no fault.
fn plan(text: &str) -> Plan {
    match read(text, "ringside.toml") {
        Ok(plan) => plan,
        Err(faults) => panic!("{faults}\nin\n{text}"),
    }
}

/// The faults of a text, one a line, without the name of the file.
fn faults(text: &str) -> Vec<String> {
    match read(text, "f") {
        Ok(plan) => panic!("read as {plan:?}\nfrom\n{text}"),
        Err(faults) => faults.faults.iter().map(ToString::to_string).collect(),
    }
}
