//! The manual's pages and the words for shells are made here, out of the command line itself, and packed into the program
//! by build.rs: what makes them would be 136 KB of it.

use std::path::Path;

use clap::{Command, CommandFactory};
use clap_complete::Shell as Complete;

use super::Cli;
use crate::texts;

const FILES: &str = ".SH FILES
.TP
/etc/hostready/config.toml, /etc/hostready/checks.d/*.toml
What the operator says; /usr/share/doc/hostready/examples/config.toml shows what may stand there
.TP
/var/lib/hostready/
Snapshots, and what was done to the host with what takes it back
";

/// Without the verbs that are not for typing: a shell would offer them.
fn for_people() -> Command {
    let all = Cli::command().disable_help_subcommand(true);
    Command::new("hostready")
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .after_help(all.get_after_help().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .subcommand_value_name("verb")
        .subcommand_help_heading("VERBS")
        .args(all.get_arguments().cloned())
        .subcommands(all.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}

fn made() -> Vec<(String, Vec<u8>)> {
    let mut command = for_people();
    let mut made = Vec::new();
    for (shell, name) in
        [(Complete::Bash, "hostready.bash"), (Complete::Zsh, "_hostready"), (Complete::Fish, "hostready.fish")]
    {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, "hostready", &mut text);
        made.push((name.to_owned(), text));
    }
    command.build();
    for page in std::iter::once(&command).chain(command.get_subcommands()) {
        let man = clap_mangen::Man::new(page.clone())
            .manual("hostready")
            .source(format!("hostready {}", env!("CARGO_PKG_VERSION")));
        let mut text = Vec::new();
        man.render(&mut text).unwrap();
        if page.get_name() == "hostready" {
            text.extend_from_slice(FILES.as_bytes());
        }
        // What stands below the help is no extra to whoever reads a page.
        let text = String::from_utf8(text).unwrap().replace(".SH EXTRA", ".SH NOTES");
        made.push((man.get_filename(), text.into_bytes()));
    }
    made
}

/// `HOSTREADY_BLESS=1` writes them anew.
#[test]
fn the_pages_are_those_of_the_command_line() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/pages");
    let made = made();
    if std::env::var_os("HOSTREADY_BLESS").is_some() {
        std::fs::remove_dir_all(&home).unwrap();
        std::fs::create_dir(&home).unwrap();
        made.iter().for_each(|(name, text)| std::fs::write(home.join(name), text).unwrap());
        return;
    }
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), made.len(), "a page of what is no more");
    for (name, text) in made {
        let kept = texts::printed(&name).unwrap_or_default();
        assert!(kept.as_bytes() == text, "{name} is an old one: HOSTREADY_BLESS=1 writes it anew");
    }
}
