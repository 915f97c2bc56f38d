//! How this host's network is built again by hand: what a person types at a console, without us, in the order in which
//! one thing needs the other. What leads out of the host comes first and by itself: whoever has that leaves the
//! console, and types the rest from elsewhere. Guests and what OVN makes come back by themselves and are left out.

mod devices;
mod switch;
mod traffic;

use crate::facts::Facts;
use crate::model::{Reading, Trouble};
use devices::Devices;

/// Commands that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What they are for, and when to leave them out.
    pub comment: String,
    pub commands: Vec<Command>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub argv: Vec<String>,
    pub output: Output,
}

/// Where goes what it prints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Output {
    #[default]
    Shown,
    /// Only the lines with this text are wanted, in whatever case; what is to be seen there may be said beside it.
    Filtered(String, Option<String>),
    /// Into this file, in place of what is there.
    Replaces(String),
    /// At the end of this file.
    Extends(String),
}

/// The name under which the card speaks of whatever name a NIC has by then.
pub const PRESENT_NAME: &str = "NEW";

const REST: &str = "THE REST, which can wait until the host answers over ssh:";

/// What a person can type in a night. What is beyond it takes a file, and is no longer for a card.
const MOST_COMMANDS: usize = 40;
const MOST_OF_PART: usize = 80;

/// Every step; `agents` are the units of the host's agent.
pub fn steps(facts: &Facts<'_>, agents: &[&str]) -> Vec<Step> {
    let devices = Devices::new(facts);
    let unread = match facts.links() {
        Reading::Unreadable(trouble) => {
            Some(Step::unread("the devices of the kernel, with what is on them,", &trouble))
        }
        _ => None,
    };
    let part = |is_first: bool| {
        [
            devices.names(facts, is_first),
            switch::started(facts).filter(|_| is_first).into_iter().collect(),
            devices.built(false, is_first),
            switch::bridges(facts, &devices, is_first),
            devices.built(true, is_first),
            devices.up(is_first),
            traffic::addresses(facts, &devices, is_first),
            traffic::routes(facts, &devices, is_first).into_iter().collect(),
        ]
    };
    let first = vec![unread.into_iter().chain(devices.beyond()).collect()].into_iter().chain(part(true));
    let last = [traffic::resolver(facts).into_iter().chain(agent(agents)).collect(), vec![look_again(facts)]];
    let mut steps: Vec<Step> = first.chain(last).flat_map(shortened).collect();
    let rest = part(false).into_iter().chain([traffic::rules(facts).into_iter().collect()]);
    let rest: Vec<Step> = rest.flat_map(shortened).collect();
    steps.extend((!rest.is_empty()).then(|| Step::new(REST, Vec::new())));
    steps.extend(rest);
    steps
}

/// A part as long as a person can type.
fn shortened(steps: Vec<Step>) -> Vec<Step> {
    let (mut left, mut more, mut short) = (MOST_OF_PART, 0, Vec::new());
    for mut step in steps {
        step.shorten();
        if step.commands.len() > left {
            more += step.commands.len();
            left = 0;
            continue;
        }
        left -= step.commands.len();
        short.push(step);
    }
    short.extend((more > 0).then(|| Step::new(format!("{more} more commands like these are left out"), Vec::new())));
    short
}

impl Step {
    fn new(comment: impl Into<String>, commands: Vec<Command>) -> Self {
        Self { comment: comment.into(), commands }
    }

    /// What is not on the card is said there: nobody takes it for what was not.
    fn unread(what: &str, trouble: &Trouble) -> Self {
        Self::new(format!("{what} could not be read when this was written: {}", trouble.detail), Vec::new())
    }

    /// None where there is nothing to type.
    fn if_any(comment: impl Into<String>, commands: Vec<Command>) -> Option<Self> {
        (!commands.is_empty()).then(|| Self::new(comment, commands))
    }

    fn shorten(&mut self) {
        let more = self.commands.len().saturating_sub(MOST_COMMANDS);
        if more > 0 {
            self.commands.truncate(MOST_COMMANDS);
            self.comment.push_str(&format!(" ({more} more are left out)"));
        }
    }
}

impl Command {
    fn new(words: &[&str]) -> Self {
        Self { argv: words.iter().map(|word| (*word).to_owned()).collect(), output: Output::Shown }
    }

    /// The words of a command that is written as one text.
    fn of(text: &str) -> Self {
        Self { argv: text.split_whitespace().map(str::to_owned).collect(), output: Output::Shown }
    }

    fn into(self, output: Output) -> Self {
        Self { output, ..self }
    }
}

impl From<Vec<String>> for Command {
    fn from(argv: Vec<String>) -> Self {
        Self { argv, output: Output::Shown }
    }
}

fn agent(units: &[&str]) -> Option<Step> {
    let restart = |unit: &&str| Command::new(&["systemctl", "restart", unit]);
    Step::if_any("the agent, once the network is there", units.iter().map(restart).collect())
}

fn look_again(facts: &Facts<'_>) -> Step {
    let mut commands = vec![Command::of("ip -br address"), Command::of("ip route")];
    if facts.ovs().known().is_some() {
        commands.insert(0, Command::of("ovs-vsctl -t 10 show"));
    }
    commands.extend(traffic::gateway(facts).map(|gateway| Command::new(&["ping", "-c", "3", &gateway])));
    commands.push(Command::of("hostready verify"));
    Step::new("is it whole again?", commands)
}
