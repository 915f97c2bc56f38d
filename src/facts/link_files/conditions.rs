//! The `[Match]` section: all that it asks must hold.

use super::Device;
use super::ini::words;
use crate::facts::wildcard;
use crate::model::sorted::SortedMap;

/// Whether it holds, or why that is not known beforehand.
pub type Told = Result<bool, String>;

const NO_RECORD: &str = "udev has no record of the device";

#[derive(Clone, Debug, Default)]
pub struct Conditions {
    macs: Vec<String>,
    permanent_macs: Vec<String>,
    names: Vec<String>,
    paths: Vec<String>,
    drivers: Vec<String>,
    types: Vec<String>,
    kinds: Vec<String>,
    properties: Vec<String>,
    /// Conditions on the system, each with its last value.
    of_system: SortedMap<String, String>,
}

const OF_SYSTEM: [&str; 7] =
    ["Host", "Virtualization", "KernelCommandLine", "KernelVersion", "Credential", "Architecture", "Firmware"];

impl Conditions {
    pub fn set(&mut self, key: &str, value: &str) {
        match key {
            "MACAddress" => set_macs(&mut self.macs, value),
            "PermanentMACAddress" => set_macs(&mut self.permanent_macs, value),
            "OriginalName" => set_patterns(&mut self.names, value, false),
            "Path" => set_patterns(&mut self.paths, value, true),
            "Driver" => set_patterns(&mut self.drivers, value, true),
            "Type" => set_patterns(&mut self.types, value, true),
            "Kind" => set_patterns(&mut self.kinds, value, true),
            "Property" => set_patterns(&mut self.properties, value, true),
            key if OF_SYSTEM.contains(&key) && value.is_empty() => drop(self.of_system.remove(key)),
            key if OF_SYSTEM.contains(&key) => drop(self.of_system.insert(key.to_owned(), value.to_owned())),
            _ => {}
        }
    }

    /// A file that asks for nothing counts for nothing.
    pub fn hold(&self, device: &Device<'_>) -> Told {
        let lists = [
            &self.macs,
            &self.permanent_macs,
            &self.names,
            &self.paths,
            &self.drivers,
            &self.types,
            &self.kinds,
            &self.properties,
        ];
        if lists.iter().all(|list| list.is_empty()) && self.of_system.is_empty() {
            return Ok(false);
        }
        let nic = device.nic;
        let noted = |key: &str| nic.udev.as_ref().map(|noted| noted.get(key).map(String::as_str));
        let kind_of_hardware = nic.device_type.as_deref().or(match nic.hardware_type {
            1 => Some("ether"),
            32 => Some("infiniband"),
            772 => Some("loopback"),
            _ => None,
        });
        let driver = noted("ID_NET_DRIVER").flatten().or(nic.driver.as_deref());
        all([
            is_one_of(&self.macs, device.mac),
            is_one_of(&self.permanent_macs, device.permanent_mac),
            agreed(device.possible_names.iter().map(|name| fits(&self.names, Some(name)))).ok_or_else(|| {
                format!("OriginalName={} fits some of the names that the kernel may give it", self.names.join(" "))
            }),
            told(&self.paths, noted("ID_PATH")).ok_or_else(|| NO_RECORD.to_owned()),
            told(&self.drivers, Some(driver)).ok_or_else(|| NO_RECORD.to_owned()),
            told(&self.types, kind_of_hardware.map(Some))
                .ok_or_else(|| format!("Type={} asks for what is not known of the device", self.types.join(" "))),
            // Hardware has none.
            Ok(fits(&self.kinds, None) || self.kinds.is_empty()),
            all(self.properties.iter().map(|property| property_holds(property, device))),
            all(self.of_system.iter().map(|(key, value)| system_is(key, value, device))),
        ])
    }
}

/// All must hold. One that does not settles it, whatever the others are.
fn all(conditions: impl IntoIterator<Item = Told>) -> Told {
    let told: Vec<Told> = conditions.into_iter().collect();
    if told.contains(&Ok(false)) {
        return Ok(false);
    }
    told.into_iter().find(Result::is_err).unwrap_or(Ok(true))
}

/// What is the same for every possibility; nothing to ask of is nothing known.
fn agreed(mut possibilities: impl Iterator<Item = bool>) -> Option<bool> {
    let first = possibilities.next()?;
    possibilities.all(|next| next == first).then_some(first)
}

fn set_patterns(list: &mut Vec<String>, value: &str, unquote: bool) {
    if value.is_empty() {
        return list.clear();
    }
    // A `!` stands before the first word and counts for all of them.
    let (negation, rest) = value.strip_prefix('!').map_or(("", value), |rest| ("!", rest));
    list.extend(words(rest, unquote).into_iter().map(|word| format!("{negation}{word}")));
}

fn set_macs(list: &mut Vec<String>, value: &str) {
    if value.is_empty() {
        return list.clear();
    }
    list.extend(value.split_whitespace().filter_map(canonical_mac));
}

/// `AA-BB-CC-DD-EE-FF` and `aabb.ccdd.eeff` are written with colons.
fn canonical_mac(text: &str) -> Option<String> {
    let digits: String =
        text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect::<String>().to_ascii_lowercase();
    let is_whole = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs: Vec<&str> = (0..6).filter_map(|at| digits.get(at * 2..at * 2 + 2)).collect();
    is_whole.then(|| pairs.join(":"))
}

fn is_one_of(list: &[String], mac: Option<&str>) -> Told {
    Ok(list.is_empty() || mac.is_some_and(|mac| list.iter().any(|one| one.eq_ignore_ascii_case(mac))))
}

/// `value` is none where it is not known, and holds none where the device has none.
fn told(patterns: &[String], value: Option<Option<&str>>) -> Option<bool> {
    if patterns.is_empty() {
        return Some(true);
    }
    value.map(|value| fits(patterns, value))
}

/// One that is wanted must fit, and none that is not.
fn fits(patterns: &[String], value: Option<&str>) -> bool {
    let fits = |pattern: &str| value.is_some_and(|value| wildcard::matches(pattern, value));
    let (unwanted, wanted): (Vec<&String>, Vec<&String>) = patterns.iter().partition(|word| word.starts_with('!'));
    !unwanted.iter().any(|word| fits(&word[1..])) && (wanted.is_empty() || wanted.iter().any(|word| fits(word)))
}

fn property_holds(property: &str, device: &Device<'_>) -> Told {
    let (negated, property) = property.strip_prefix('!').map_or((false, property), |rest| (true, rest));
    let (key, pattern) = property.split_once('=').ok_or_else(|| format!("Property={property} has no value"))?;
    // These are what comes of the files, and of no use to choose among them.
    if matches!(key, "ID_NET_LINK_FILE" | "ID_NET_NAME" | "INTERFACE") {
        return Err(format!("Property={property} asks for what udev sets by these files"));
    }
    let value = device.nic.udev.as_ref().ok_or(NO_RECORD)?.get(key);
    Ok(value.is_some_and(|value| wildcard::matches(pattern, value)) != negated)
}

fn system_is(key: &str, value: &str, device: &Device<'_>) -> Told {
    let (negated, wanted) = value.strip_prefix('!').map_or((false, value), |rest| (true, rest.trim_start()));
    let holds = match key {
        "KernelCommandLine" => {
            let line = device.command_line.ok_or("the kernel's command line is not known")?;
            let mut words = line.split_whitespace();
            words.any(|word| word == wanted || (!wanted.contains('=') && word.split('=').next() == Some(wanted)))
        }
        // The next boot may have another kernel, and nobody asked which host this is.
        _ => return Err(format!("{key}={value} asks about the system of the next boot")),
    };
    Ok(holds != negated)
}
