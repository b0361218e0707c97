//! `ringside check`: is this configuration fit to run?

use std::path::Path;

/// Prints every fault, or a summary of what would run.
pub fn check(path: &Path) -> u8 {
    let plan = match super::read_plan(path) {
        Ok(plan) => plan,
        Err(code) => return code,
    };
    let routes: usize = plan.sites.iter().map(|site| site.routes.len()).sum();
    println!(
        "{}: ok: {} listener(s), {} origin(s), {} site(s) with {routes} route(s), {} bytes of memory",
        path.display(),
        plan.listen.len(),
        plan.origins.len(),
        plan.sites.len(),
        plan.memory.size_bytes,
    );
    super::OK
}
