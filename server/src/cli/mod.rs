//! One file a command.

use clap::{Parser, Subcommand};

/// One line of a secret.
mod ask;
/// Who may do what.
pub mod can;
/// Drops a request that waits.
pub mod cancel;
/// Says what is wrong in the configuration.
pub mod check;
/// Talking to a running server.
pub mod client;
/// Runs commands of builds inside their fence (hidden).
pub mod exec;
/// Follows a request to its end.
mod follow;
/// Forces a build.
pub mod force;
/// Writes a sample configuration.
pub mod init;
/// What commands on the server's machine need.
mod local;
/// Saves a token for a server.
pub mod login;
/// Makes the hash of a password.
pub mod password;
/// What authors of plugins do with them.
pub mod plugin;
/// Builds what an ended build built once more.
pub mod rebuild;
/// Puts the files in force.
pub mod reload;
/// Logins that were saved.
mod saved;
/// The server.
pub mod serve;
/// Ends a running build.
pub mod stop;
/// What a build printed, made fit for a terminal.
mod terminal;
/// Issues, lists and revokes tokens.
pub mod token;

/// Weir: many Waterfalls on one port.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a commented sample configuration that works
    Init(init::Init),
    /// Checks the configuration: every error with file, line, column and what to write instead. Exits 0 or 1
    Check(check::Check),
    /// Runs the server: web pages, distribution of builds, the embedded workers.
    Serve(serve::Serve),
    /// Starts a build's command inside its fence; the server calls this, people do not.
    #[command(hide = true)]
    Exec(exec::Exec),
    /// Looks at plugins and tries them
    Plugin(plugin::Plugin),
    /// Says whether somebody may do something, and which rule in which file and line decides
    Can(can::Can),
    /// Makes, shows and ends tokens, and replaces keys
    Token(token::TokenCommand),
    /// Makes the hash of a password, for somebody who signs in with one
    Password(password::Password),
    /// Saves a token for a server, so that commands need no WEIR_TOKEN
    Login(login::Login),
    /// Forces a build
    Force(force::Force),
    /// Builds what an ended build built once more
    Rebuild(rebuild::Rebuild),
    /// Ends a running build; exits 1 where it has ended already
    Stop(stop::Stop),
    /// Puts the configuration's files in force in a running server, and says what follows
    Reload(reload::Reload),
    /// Drops a build request that waits; exits 1 where it does not wait any more
    Cancel(cancel::Cancel),
}

/// Runs the command and says how to exit: 0 good, 1 the build or check failed, 2 usage, 3 could not reach or not allowed.
///
/// # Errors
/// What went wrong, for `main` to print; exits 1.
pub fn run(arguments: Arguments) -> anyhow::Result<std::process::ExitCode> {
    match arguments.command {
        Command::Init(init) => init.run(),
        Command::Check(check) => check.run(),
        Command::Serve(serve) => serve.run(),
        Command::Exec(exec) => exec.run(),
        Command::Plugin(plugin) => plugin.run(),
        Command::Can(can) => can.run(),
        Command::Token(token) => token.run(),
        Command::Password(password) => password.run(),
        Command::Login(login) => login.run(),
        Command::Force(force) => force.run(),
        Command::Rebuild(rebuild) => rebuild.run(),
        Command::Reload(reload) => reload.run(),
        Command::Stop(stop) => stop.run(),
        Command::Cancel(cancel) => cancel.run(),
    }
}
