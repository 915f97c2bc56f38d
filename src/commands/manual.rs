//! `hostready completions SHELL` and `hostready man [VERB]`: what a package installs beside the program.

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::{usage, write};
use crate::exit::Exit;
use crate::texts;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Clone, Debug, Args)]
pub struct Completions {
    /// Whose words to print
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Debug, Args)]
pub struct Man {
    /// The page of this verb [default: that of the program]
    verb: Option<String>,
}

impl Completions {
    pub fn run(&self) -> anyhow::Result<u8> {
        show(match self.shell {
            Shell::Bash => "hostready.bash",
            Shell::Zsh => "_hostready",
            Shell::Fish => "hostready.fish",
        })
    }
}

impl Man {
    pub fn run(&self) -> anyhow::Result<u8> {
        let Some(verb) = &self.verb else { return show("hostready.1") };
        let name = format!("hostready-{verb}.1");
        if texts::printed(&name).is_none() {
            return Err(usage(format!("there is no page of `{verb}`"), "`hostready --help` lists the verbs"));
        }
        show(&name)
    }
}

/// Prints a text as it is.
pub fn show(name: &str) -> anyhow::Result<u8> {
    write::print(&texts::printed(name).with_context(|| format!("{name} is not in the program"))?)?;
    Ok(Exit::Ready.code())
}
