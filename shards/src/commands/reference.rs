//! `ringside config reference`: every option, as docs/config.md has them.

/// Prints the reference.
pub fn reference() -> u8 {
    print!("{}", ringside_config::reference());
    super::OK
}
