//! How this host's network is built again by hand: what a person types at a console, without us, in the order in which
//! one thing needs the other. Guests and what OVN makes come back by themselves and are left out.

mod devices;
mod switch;
mod traffic;

use crate::facts::Facts;
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
    /// Only the lines with this text are wanted, in whatever case.
    Filtered(String),
    /// Into this file, in place of what is there.
    Replaces(String),
    /// At the end of this file.
    Extends(String),
}

/// The name under which the card speaks of whatever name a NIC has by then.
pub const PRESENT_NAME: &str = "NEW";

/// What a person can type in a night. What is beyond it takes a file, and is no longer for a card.
const MOST_COMMANDS: usize = 40;

/// Every step; `agents` are the units of the host's agent.
pub fn steps(facts: &Facts<'_>, agents: &[&str]) -> Vec<Step> {
    let devices = Devices::new(facts);
    let mut steps = devices.names(facts);
    steps.extend(switch::started(facts));
    steps.extend(devices.built());
    steps.extend(switch::bridges(facts));
    steps.extend(devices.up());
    steps.extend(traffic::addresses(facts, &devices));
    steps.extend(traffic::routes(facts, &devices));
    steps.extend(traffic::rules(facts));
    steps.extend(traffic::resolver(facts));
    steps.extend(agent(agents));
    steps.push(look_again(facts));
    for step in &mut steps {
        step.shorten();
    }
    steps
}

impl Step {
    fn new(comment: impl Into<String>, commands: Vec<Command>) -> Self {
        Self { comment: comment.into(), commands }
    }

    /// None where there is nothing to type.
    fn if_any(comment: impl Into<String>, commands: Vec<Command>) -> Option<Self> {
        (!commands.is_empty()).then(|| Self::new(comment, commands))
    }

    fn shorten(&mut self) {
        let more = self.commands.len().saturating_sub(MOST_COMMANDS);
        if more > 0 {
            self.commands.truncate(MOST_COMMANDS);
            self.comment.push_str(&format!(" ({more} more are in the snapshot)"));
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
