//! One line of a rules file.

use super::Named;
use crate::facts::link_files::Device;
use crate::facts::wildcard;
use crate::model::answer::Nic;

/// What drives the PCI devices above a NIC.
const DRIVERS_ABOVE: [&str; 3] = ["virtio-pci", "pcieport", "shpchp"];
/// Buses that no PCI device hangs on.
const NEVER_ABOVE_PCI: [&str; 9] = ["usb", "xen", "mmc", "sdio", "pcmcia", "bcma", "ssb", "firewire", "ccwgroup"];
/// What only a USB device says of itself.
const OF_USB: [&str; 6] = ["idVendor", "idProduct", "bcdDevice", "manufacturer", "product", "serial"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    Yes,
    No,
    /// It depends on this, which is not known beforehand.
    Perhaps(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    conditions: Vec<Condition>,
    pub name: Option<String>,
    pub goto: Option<String>,
    pub label: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    key: String,
    attribute: String,
    negated: bool,
    patterns: String,
    /// It runs something, or looks at something that we do not know.
    is_opaque: bool,
}

/// What makes no sense is passed over, as udev does.
pub fn parse(text: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut pending = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with('#') {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(start) => pending.push_str(start),
            None => {
                pending.push_str(line);
                rules.extend(rule(&std::mem::take(&mut pending)));
            }
        }
    }
    rules.extend(rule(&pending));
    rules
}

fn rule(line: &str) -> Option<Rule> {
    let mut rule = Rule::default();
    let mut rest = line.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (token, after) = token(rest)?;
        rule.take(token);
        rest = after.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    Some(rule)
}

struct Token {
    key: String,
    attribute: String,
    operator: &'static str,
    value: String,
}

/// `ATTR{address}=="52:54:00:*"`, and what follows it.
fn token(text: &str) -> Option<(Token, &str)> {
    let end = text.find(['=', '!', '+', '-', ':', '{']).filter(|end| *end > 0)?;
    let (key, mut rest) = text.split_at(end);
    let mut attribute = "";
    if let Some(inner) = rest.strip_prefix('{') {
        (attribute, rest) = inner.split_once('}')?;
    }
    rest = rest.trim_start();
    let operator = ["==", "!=", "+=", "-=", ":=", "="].into_iter().find(|operator| rest.starts_with(operator))?;
    let rest = rest[operator.len()..].trim_start();
    // `e` before a value has its escapes read, `i` has its case not matter.
    let rest = rest.trim_start_matches(['e', 'i']).strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = rest.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let (key, attribute) = (key.trim().to_owned(), attribute.to_owned());
                return Some((Token { key, attribute, operator, value }, &rest[at + 1..]));
            }
            '\\' => match characters.next()? {
                (_, '"') => value.push('"'),
                (_, other) => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

impl Rule {
    fn take(&mut self, token: Token) {
        let Token { key, attribute, operator, value } = token;
        match (key.as_str(), operator) {
            ("NAME", "=" | ":=") => self.name = Some(value),
            ("GOTO", _) => self.goto = Some(value),
            ("LABEL", _) => self.label = Some(value),
            (_, "==" | "!=") => {
                let negated = operator == "!=";
                self.conditions.push(Condition { key, attribute, negated, patterns: value, is_opaque: false });
            }
            // Written as an assignment, and the rule ends here where it fails.
            ("PROGRAM" | "IMPORT", _) => {
                self.conditions.push(Condition { key, attribute, negated: false, patterns: value, is_opaque: true })
            }
            _ => {}
        }
    }

    pub fn holds(&self, device: &Device<'_>, named: &Named) -> Holds {
        let mut all = Holds::Yes;
        for condition in &self.conditions {
            match condition.holds(device, named) {
                Some(true) => {}
                Some(false) => return Holds::No,
                None => all = Holds::Perhaps(condition.open_question(device)),
            }
        }
        all
    }
}

impl Condition {
    fn open_question(&self, device: &Device<'_>) -> String {
        if self.key == "ENV" && device.nic.udev.is_none() {
            return "udev has no record of the device".to_owned();
        }
        let Self { key, attribute, negated, patterns, .. } = self;
        let key = if attribute.is_empty() { key.clone() } else { format!("{key}{{{attribute}}}") };
        let sign = if *negated { "!=" } else { "==" };
        format!("whether {key}{sign}\"{patterns}\" holds is not known beforehand")
    }

    fn holds(&self, device: &Device<'_>, named: &Named) -> Option<bool> {
        if self.is_opaque {
            return None;
        }
        let nic = device.nic;
        // An attribute that nothing has fits no condition, not even one that wants another value.
        if matches!(self.key.as_str(), "ATTR" | "ATTRS") && is_on_pci(nic) && is_of_usb(&self.attribute) {
            return Some(false);
        }
        let is = |value: &str| Some(self.fits(value));
        let is_or = |value: Option<&str>, otherwise| value.map_or(otherwise, |value| Some(self.fits(value)));
        let holds = match (self.key.as_str(), self.attribute.as_str()) {
            ("ACTION", _) => is("add"),
            ("SUBSYSTEM", _) => is("net"),
            // One of those above it is another: its own subsystem and that of its bus are two.
            ("SUBSYSTEMS", _) if self.negated => {
                let is_other = !self.fits("net") || nic.bus.as_deref().is_some_and(|bus| !self.fits(bus));
                return is_other.then_some(true);
            }
            ("SUBSYSTEMS", _) if self.fits("net") || nic.bus.as_deref().is_some_and(|bus| self.fits(bus)) => Some(true),
            ("SUBSYSTEMS", _) if is_on_pci(nic) && self.patterns.split('|').all(|bus| is_never_above(bus, nic)) => {
                Some(false)
            }
            ("KERNEL", _) => {
                let first = self.fits(device.possible_names.first()?);
                device.possible_names.iter().all(|name| self.fits(name) == first).then_some(first)
            }
            ("KERNELS", _) => match nic.pci.as_ref() {
                Some(pci) if self.fits(&pci.address) => Some(true),
                Some(_) if is_pci_address(&self.patterns) => Some(false),
                _ => None,
            },
            ("DRIVERS", _) if nic.driver.as_deref().is_some_and(|driver| self.fits(driver)) => Some(true),
            ("DRIVERS", _) if is_on_pci(nic) && !DRIVERS_ABOVE.iter().any(|it| self.fits(it)) => Some(false),
            ("ATTR" | "ATTRS", "address") => is_or(device.mac, None),
            ("ATTR" | "ATTRS", "type") => is(&nic.hardware_type.to_string()),
            ("ATTR" | "ATTRS", "dev_id") => is(&format!("{:#x}", nic.dev_id)),
            ("ATTR" | "ATTRS", "dev_port") => is(&nic.dev_port.to_string()),
            ("ATTR" | "ATTRS", "phys_port_name") => is(nic.physical_port.as_deref().unwrap_or_default()),
            // What is noted of it by now may have been noted by a later rule.
            ("ENV", key) if !key.starts_with('.') && key != "INTERFACE" => {
                nic.udev.as_ref().filter(|noted| !noted.contains_key(key)).map(|_| self.fits(""))
            }
            ("NAME", _) => match named {
                Named::Not => is(""),
                Named::By { name, .. } => is(name),
                Named::Unclear { .. } => None,
            },
            _ => None,
        };
        holds.map(|holds| holds != self.negated)
    }

    /// Patterns are separated by `|`.
    fn fits(&self, value: &str) -> bool {
        self.patterns.split('|').any(|pattern| wildcard::matches(pattern, value))
    }
}

fn is_on_pci(nic: &Nic) -> bool {
    nic.bus.as_deref() == Some("pci")
}

fn is_of_usb(attribute: &str) -> bool {
    OF_USB.contains(&attribute) || attribute.starts_with("bInterface") || attribute.starts_with("bDevice")
}

/// That a bus is not above the bus of a NIC on PCI.
fn is_never_above(bus: &str, nic: &Nic) -> bool {
    match bus {
        // Boards with a device tree have PCI there.
        "platform" => !nic.has_device_tree_node,
        // What Hyper-V hands through is in a domain of its own.
        "vmbus" => nic.pci.as_ref().is_some_and(|pci| pci.address.starts_with("0000:")),
        _ => NEVER_ABOVE_PCI.contains(&bus),
    }
}

fn is_pci_address(pattern: &str) -> bool {
    let is_wild = pattern.contains(['*', '?', '[', '|']);
    !is_wild && pattern.len() == "0000:00:00.0".len() && pattern.matches(':').count() == 2
}
