//! GRUB's menu: which entry starts by itself.
//!
//! The file is a shell script. Of it we understand what `grub-mkconfig` writes: variables, conditions about them, and
//! entries. <https://www.gnu.org/software/grub/manual/grub/html_node/Shell_002dlike-scripting.html>

mod script;

use std::cell::Cell;

use script::{Command, Word};

use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;

/// An entry that starts a kernel, or another menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub title: String,
    id: Option<String>,
    /// The kernel, as it is written.
    pub linux: Option<String>,
    /// What the kernel is told. A word that only GRUB knows stands as it is written.
    pub arguments: Vec<String>,
    pub initrds: Vec<String>,
    /// The entries of a submenu.
    below: Vec<Entry>,
}

/// The value of a variable; none where only GRUB knows it.
type Value = Option<String>;

/// No value that anybody wrote is longer: one that doubles itself must not take all memory.
const LONGEST: usize = 64 << 10;
/// What all values together may take beyond what is written.
const ROOM: usize = 4 << 20;

/// What the boot loader reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    /// `grub.cfg`
    pub menu: &'a str,
    /// `grubenv`: what `grub-reboot` and `grub-set-default` wrote.
    pub environment: Option<&'a str>,
    /// `custom.cfg`, which the menu reads where it is there.
    pub custom: Option<&'a str>,
}

/// The entry that the next boot starts. None where the scripts are none that we understand.
pub fn next_entry(files: Files<'_>) -> Option<Entry> {
    let custom = match files.custom {
        Some(text) => Some(script::commands(text)?),
        None => None,
    };
    let mut menu = Menu::new(files.environment, custom.as_deref());
    menu.run(&script::commands(files.menu)?);
    let default = menu.value("default")?;
    chosen(&menu.entries, &default).cloned()
}

/// `1>2`, `gnulinux-advanced-…>gnulinux-6.1.0-9-amd64-…`, a title, or nothing for the first. In a name, `>` is
/// written twice. What names nothing starts the first entry, as GRUB does.
fn chosen<'e>(entries: &'e [Entry], default: &str) -> Option<&'e Entry> {
    const ESCAPED: &str = "\u{0}";
    let default = default.replace(">>", ESCAPED);
    let (here, below) = default.split_once('>').unwrap_or((&default, ""));
    let here = here.replace(ESCAPED, ">");
    let named = entries.iter().find(|entry| entry.id.as_deref() == Some(&*here) || entry.title == here);
    let numbered = here.trim().parse().ok().and_then(|number: usize| entries.get(number));
    let entry = named.or(numbered).or(entries.first())?;
    match entry.below.is_empty() {
        true => Some(entry),
        false => chosen(&entry.below, &below.replace(ESCAPED, ">>")),
    }
}

struct Menu<'c> {
    variables: SortedMap<String, Value>,
    /// What `load_env` reads.
    environment: Option<SortedMap<String, Value>>,
    /// The commands of `custom.cfg`.
    custom: Option<&'c [Command<'c>]>,
    /// It is being read: it does not read itself.
    is_in_custom: bool,
    entries: Vec<Entry>,
    room: Cell<usize>,
}

impl<'c> Menu<'c> {
    fn new(environment: Option<&str>, custom: Option<&'c [Command<'c>]>) -> Self {
        // A word for an option that old versions did not have.
        let variables = SortedMap::from([("menuentry_id_option".to_owned(), Some("--id".to_owned()))]);
        let (environment, entries) = (environment.map(block), Vec::new());
        Self { variables, environment, custom, is_in_custom: false, entries, room: Cell::new(ROOM) }
    }

    /// What was never set is empty, but for what GRUB sets itself.
    fn value(&self, name: &str) -> Value {
        let is_grubs_own = matches!(
            name,
            "prefix" | "root" | "cmdpath" | "config_directory" | "grub_platform" | "grub_cpu" | "?" | "lang"
        );
        match self.variables.get(name) {
            Some(value) => value.clone(),
            None if is_grubs_own => None,
            None if name.starts_with("feature_") => Some("y".to_owned()),
            None => Some(String::new()),
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.variables.insert(name.to_owned(), value);
    }

    fn expand(&self, word: &Word<'_>) -> Value {
        let longest = LONGEST.min(word.text().len() + self.room.get());
        let expanded = word.expand(longest, |name| self.value(name))?;
        self.room.set(self.room.get() - expanded.len().saturating_sub(word.text().len()));
        Some(expanded)
    }

    fn words(&self, command: &Command<'_>) -> Vec<Value> {
        command.words.iter().map(|word| self.expand(word)).collect()
    }

    fn run(&mut self, commands: &[Command<'_>]) {
        for command in commands {
            let words = self.words(command);
            let Some(Some(name)) = words.first() else { continue };
            match name.as_str() {
                "if" => self.run_branches(command),
                "menuentry" => self.entries.push(self.entry(&words, &command.block, false)),
                "submenu" => self.entries.push(self.entry(&words, &command.block, true)),
                "load_env" => {
                    let block = self.environment.clone().unwrap_or_default();
                    self.variables.extend(block);
                }
                "source" | "." if is_custom(command.words.get(1)) => self.read_custom(),
                // Of what it does, nothing is known.
                "source" | "." | "configfile" => self.set("default", None),
                "set" => self.assign(command, 1),
                _ if name.contains('=') => self.assign(command, 0),
                _ => {}
            }
        }
    }

    fn read_custom(&mut self) {
        if let (Some(commands), false) = (self.custom, self.is_in_custom) {
            self.is_in_custom = true;
            self.run(commands);
            self.is_in_custom = false;
        }
    }

    fn assign(&mut self, command: &Command<'_>, at: usize) {
        let Some(word) = command.words.get(at) else { return };
        // The name is plain; what only GRUB knows may stand in the value.
        if let Some((name, _)) = word.text().split_once('=') {
            let value = self.expand(word);
            self.set(name, value.and_then(|whole| Some(whole.split_once('=')?.1.to_owned())));
        }
    }

    /// Where a condition is not understood, any of the branches may run: what they set is then not known.
    fn run_branches(&mut self, command: &Command<'_>) {
        let mut is_sure = true;
        for (condition, body) in &command.branches {
            let holds = condition.as_ref().map_or(Some(true), |condition| self.holds(condition));
            if holds == Some(true) && is_sure {
                return self.run(body);
            }
            if holds != Some(false) {
                is_sure = false;
                self.run_perhaps(body);
            }
        }
    }

    fn run_perhaps(&mut self, body: &[Command<'_>]) {
        let before = self.variables.clone();
        self.run(body);
        for (name, value) in &mut self.variables {
            if before.get(name) != Some(value) {
                *value = None;
            }
        }
    }

    /// `[ A ]`, `[ A = B ]`, `[ -s $prefix/grubenv ]`
    fn holds(&self, condition: &Command<'_>) -> Option<bool> {
        let words = self.words(condition);
        let [Some(open), inner @ .., Some(close)] = &words[..] else { return None };
        if (open.as_str(), close.as_str()) != ("[", "]") {
            return None;
        }
        match inner {
            [Some(text)] => Some(!text.is_empty()),
            [Some(test), Some(text)] if test == "-n" => Some(!text.is_empty()),
            [Some(test), Some(text)] if test == "-z" => Some(text.is_empty()),
            [Some(test), _] if matches!(test.as_str(), "-s" | "-e" | "-f") => {
                let word = condition.words.get(2);
                if is_custom(word) {
                    return Some(self.custom.is_some());
                }
                let file = word?.text();
                file.ends_with("/grubenv").then_some(self.environment.is_some())
            }
            [Some(one), Some(how), Some(other)] if matches!(how.as_str(), "=" | "==") => Some(one == other),
            [Some(one), Some(how), Some(other)] if how == "!=" => Some(one != other),
            _ => None,
        }
    }

    /// `menuentry 'TITLE' --class x $menuentry_id_option 'ID' { … }`
    fn entry(&self, words: &[Value], block: &[Command<'_>], is_submenu: bool) -> Entry {
        let word = |at: usize| words.get(at).cloned().flatten();
        let id = words.iter().position(|word| word.as_deref() == Some("--id")).and_then(|at| word(at + 1));
        let title = word(1).unwrap_or_default();
        let mut entry = Entry { title, id, ..Entry::default() };
        if is_submenu {
            let (variables, environment) = (self.variables.clone(), self.environment.clone());
            let mut menu = Self { variables, environment, entries: Vec::new(), room: self.room.clone(), ..*self };
            menu.run(block);
            self.room.set(menu.room.get());
            entry.below = menu.entries;
        } else {
            self.load(&mut entry, block);
        }
        entry
    }

    /// What an entry loads, in whichever branch: Ubuntu's cloud images try a kernel without its initial ramdisk first.
    fn load(&self, entry: &mut Entry, block: &[Command<'_>]) {
        for command in block {
            let words = command.words.iter().map(|word| self.expand(word).unwrap_or_else(|| word.text().to_owned()));
            let words: Vec<String> = words.collect();
            let mut rest =
                words.iter().skip(1).filter(|word| !word.is_empty()).skip_while(|word| word.starts_with("--"));
            match words.first().map(String::as_str) {
                Some("linux" | "linuxefi" | "linux16") if entry.linux.is_none() => {
                    entry.linux = rest.next().map(|file| without_device(file));
                    entry.arguments = rest.cloned().collect();
                }
                Some("initrd" | "initrdefi" | "initrd16") => {
                    let files = rest.map(|file| without_device(file));
                    let new: Vec<String> = files.filter(|file| !entry.initrds.contains(file)).collect();
                    entry.initrds.extend(new);
                }
                Some("if") => command.branches.iter().for_each(|(_, body)| self.load(entry, body)),
                _ => {}
            }
        }
    }
}

/// `($root)/boot/vmlinuz` → `/boot/vmlinuz`
fn without_device(path: &str) -> String {
    let path_alone = path.strip_prefix('(').and_then(|path| path.split_once(')'));
    path_alone.map_or(path, |(_, path)| path).to_owned()
}

/// Which directory it is in, GRUB knows.
fn is_custom(file: Option<&Word<'_>>) -> bool {
    file.is_some_and(|file| file.text().ends_with("/custom.cfg"))
}

/// The lines `name=value` of an environment block, which is filled up with `#`.
fn block(text: &str) -> SortedMap<String, Value> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), Some(value.replace("\\\\", "\\")))).gather()
}

#[cfg(test)]
mod tests;
