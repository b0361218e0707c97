//! `ringside disk`: the disks before, during and after a server's run. One file for each.

pub mod prepare;
pub mod status;
pub mod verify;

/// What is to be done about the disks.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Make the store of a configuration's disks, without serving
    Prepare(prepare::Arguments),
    /// Say how the disks of a running server are doing
    Status(status::Arguments),
    /// Check every record of a store that no server is using
    Verify(verify::Arguments),
}

/// Does it; returns the exit code.
pub fn disk(command: &Command) -> u8 {
    match command {
        Command::Prepare(arguments) => prepare::prepare(arguments),
        Command::Status(arguments) => status::status(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
    }
}
