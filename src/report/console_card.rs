//! `console.txt`: what a person types at a remote console to rebuild this host's network without us.

use super::layout::{command_line, paragraph, printable};
use crate::judge::recovery::{Command, Output, Step};
use crate::model::Snapshot;

/// A remote console has 80 columns, and often no way to paste.
const WIDTH: usize = 78;

/// Lines of commands and, behind `#`, of words: as a whole it is a script, in which each part can be left out.
pub fn render(snapshot: &Snapshot, steps: &[Step]) -> String {
    let host = snapshot.host.hostname.as_deref().unwrap_or("this host");
    let mut out = paragraph("# ", &format!("{host} as of {}: its network, by hand at a console", snapshot.taken_at));
    out.push_str(HEADING);
    for step in steps {
        out.push('\n');
        out.push_str(&paragraph("# ", &step.comment));
        for command in &step.commands {
            out.push_str(&typed(command));
        }
    }
    out
}

const HEADING: &str = "\
#
# Type what is missing, from the top. \"File exists\" is a fine answer, and so is
# any that an altname gets: it need not be there. What netplan, ifupdown or
# networkd configure is to be mended there, too: the next boot takes this away.
# NEW stands for a name that you see. Where another NIC has the name that NEW is
# to have, give that one a third name first.
";

/// A command on as many lines as it takes.
fn typed(command: &Command) -> String {
    let words: Vec<String> = command.argv.iter().map(|word| command_line(std::slice::from_ref(word))).collect();
    let quoted = |word: &String| command_line(std::slice::from_ref(word));
    let tail = match &command.output {
        Output::Shown => Vec::new(),
        Output::Filtered(text, said) => {
            let said = said.iter().flat_map(|said| ["#".to_owned(), quoted(said)]);
            ["|", "grep", "-i"].map(str::to_owned).into_iter().chain([quoted(text)]).chain(said).collect()
        }
        Output::Replaces(path) => vec![">".to_owned(), quoted(path)],
        Output::Extends(path) => vec![">>".to_owned(), quoted(path)],
    };
    let (mut out, mut line) = (String::new(), String::new());
    for word in words.into_iter().chain(tail) {
        let word = printable(&word);
        // Two for the ` \` at the end.
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() + 2 > WIDTH {
            out.push_str(&line);
            out.push_str(" \\\n");
            line = "  ".to_owned();
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    out + &line + "\n"
}

#[cfg(test)]
mod tests;
