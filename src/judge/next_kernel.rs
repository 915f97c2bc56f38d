//! The kernel that boots next, and what is asked of it.

use crate::catalog::kind::Kind;
use crate::catalog::kind::boot::{BOOT, GRUB, ROOT_LINK};
use crate::facts::Facts;
use crate::facts::grub;
use crate::facts::kernels::{ChosenBy, NextKernel, initrd_of};
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::model::answer::Entry;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Trouble, TroubleCause};

/// As the boot menu says it; where there is none, or none that we understand, the newest in /boot.
pub fn next_kernel(facts: &Facts<'_>) -> Reading<NextKernel> {
    kernel(facts, Boot::Next)
}

/// The same for the boot after that: what `grub-reboot` chose is started once.
pub fn default_kernel(facts: &Facts<'_>) -> Reading<NextKernel> {
    kernel(facts, Boot::Later)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boot {
    Next,
    Later,
}

fn kernel(facts: &Facts<'_>, which: Boot) -> Reading<NextKernel> {
    let boot = match facts.reading::<Vec<Entry>>(&Query::Listing(BOOT.to_owned())) {
        Reading::Known(entries) => entries.as_slice(),
        Reading::Absent => &[],
        Reading::Unreadable(trouble) => return Reading::Unreadable(trouble),
    };
    let entry = match menu_entry(facts, which) {
        Reading::Known(entry) => Some(entry),
        Reading::Absent => None,
        Reading::Unreadable(trouble) => return Reading::Unreadable(trouble),
    };
    let of_menu = entry.and_then(|entry| NextKernel::of_entry(&entry, &seen_by_grub(boot, facts)));
    of_menu.or_else(|| NextKernel::newest(boot)).map_or(Reading::Absent, Reading::Known)
}

/// The files by their paths: those in /boot, and the link in the root where that is the same filesystem.
fn seen_by_grub<'f>(boot: &'f [Entry], facts: &Facts<'f>) -> SortedMap<String, &'f Entry> {
    let is_separate = facts.space(BOOT).known().is_some_and(|space| space.mount_point == BOOT);
    let link = facts.reading::<Vec<Entry>>(&Query::Listing(ROOT_LINK.to_owned()));
    let links = link.known().filter(|_| !is_separate).into_iter().flat_map(|entries| entries.iter());
    let in_root = links.map(|entry| (format!("/{}", entry.name), entry));
    boot.iter().map(|entry| (format!("{BOOT}/{}", entry.name), entry)).chain(in_root).gather()
}

/// What the kernel that boots next is told, word by word; absent where no menu says it.
pub fn next_kernel_arguments(facts: &Facts<'_>) -> Reading<Vec<String>> {
    menu_entry(facts, Boot::Next).map(|entry| entry.arguments)
}

/// The entry that starts by itself; absent where there is no menu, or none that we understand.
fn menu_entry(facts: &Facts<'_>, which: Boot) -> Reading<grub::Entry> {
    let read = |file: &str| match facts.reading::<Vec<u8>>(&Query::File(file.to_owned())) {
        Reading::Known(bytes) => Ok(Some(String::from_utf8_lossy(bytes).into_owned())),
        Reading::Absent => Ok(None),
        Reading::Unreadable(trouble) => Err(trouble),
    };
    let entry = || -> Result<Option<grub::Entry>, Trouble> {
        let [menu, environment, custom] = GRUB;
        let Some(menu) = read(menu)? else { return Ok(None) };
        let chosen_once = |line: &&str| which == Boot::Later && line.starts_with("next_entry=");
        let without = |text: String| text.lines().filter(|line| !chosen_once(line)).collect::<Vec<_>>().join("\n");
        let environment = read(environment)?.map(without);
        let custom = match read(custom) {
            // Recordings of earlier versions lack it; hardly any host has one.
            Err(trouble) if trouble.cause == TroubleCause::NotRecorded => None,
            custom => custom?,
        };
        Ok(grub::next_entry(grub::Files {
            menu: &menu,
            environment: environment.as_deref(),
            custom: custom.as_deref(),
        }))
    };
    match entry() {
        Ok(entry) => entry.map_or(Reading::Absent, Reading::Known),
        Err(trouble) => Reading::Unreadable(trouble),
    }
}

/// What is asked once it is known which kernel that is.
pub fn open_questions(kind: &Kind, facts: &Facts<'_>) -> Vec<Query> {
    let Reading::Known(next) = next_kernel(facts) else { return Vec::new() };
    match kind {
        Kind::KernelModule(spec) => module_of(&next, &spec.module).into_iter().collect(),
        Kind::Initrd(_) => initrds_of(&next).into_iter().map(Query::Initrd).collect(),
        _ => Vec::new(),
    }
}

pub fn module_of(next: &NextKernel, module: &str) -> Option<Query> {
    next.version.as_ref().map(|version| Query::Module(format!("{version}/{module}")))
}

/// What the boot loader loads; where it loads none, the one that the kernel's package makes.
pub fn initrds_of(next: &NextKernel) -> Vec<String> {
    match next.initrds.is_empty() {
        true => next.version.iter().map(|version| initrd_of(version)).collect(),
        false => next.initrds.clone(),
    }
}

/// What is said of a host that keeps no kernel: a container, or a machine that others start.
pub fn without_kernel(subject: &str) -> Outcome {
    Outcome::skip(subject, NOT_PRESENT, format!("there is no kernel in {BOOT}: this host is started with another's"))
}

/// Which kernel an outcome is about, and who says so.
pub fn about(outcome: Outcome, next: &NextKernel) -> Outcome {
    let (chosen_by, entry) = match &next.chosen_by {
        ChosenBy::Grub(title) => (GRUB[0].to_owned(), Some(title.clone())),
        ChosenBy::Newest => (format!("the newest in {BOOT}"), None),
    };
    outcome
        .observing("kernel", next.version.clone())
        .observing("image", next.image.clone())
        .observing("chosen_by", chosen_by)
        .observing("menu_entry", entry)
}

/// `6.1.0-50-amd64`, or the path of a kernel whose name does not tell.
pub fn name(next: &NextKernel) -> &str {
    next.version.as_deref().unwrap_or(&next.image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Settings;
    use crate::facts::Run;
    use crate::model::answer::Asked;
    use crate::model::report::Intent;
    use crate::model::{Answer, Answers};

    const MENU: &str = "menuentry a {\n linux /boot/vmlinuz-6.1 root=/dev/sda1 ro net.ifnames=0 console=ttyS0\n}\n\
        source $prefix/custom.cfg\n";

    fn arguments(files: [Reading<&str>; 3]) -> Reading<Vec<String>> {
        let answer = |text: &str| Answer::Text(text.as_bytes().to_vec());
        let asked = |reading: Reading<&str>| Asked { reading: reading.map(answer), micros: 0 };
        let queries = GRUB.map(|file| Query::File(file.to_owned()));
        let answers = Answers(SortedMap::from_iter(queries.into_iter().zip(files.map(asked))));
        let run = Run { intent: Intent::Reboot, asked_at: "2026-11-20T09:14:02Z" };
        next_kernel_arguments(&Facts::new(&answers, &Settings::default(), run))
    }

    #[test]
    fn what_the_next_kernel_is_told_is_what_its_entry_says() {
        let told = |words: &[&str]| Reading::Known(words.iter().map(|word| (*word).to_owned()).collect());
        let ours = ["root=/dev/sda1", "ro", "net.ifnames=0", "console=ttyS0"];
        assert_eq!(arguments([Reading::Known(MENU), Reading::Absent, Reading::Absent]), told(&ours));
        let custom = "set default=b\nmenuentry b {\n linux /boot/vmlinuz-6.1 quiet\n}\n";
        assert_eq!(arguments([Reading::Known(MENU), Reading::Absent, Reading::Known(custom)]), told(&["quiet"]));
        assert_eq!(arguments([Reading::Absent, Reading::Absent, Reading::Absent]), Reading::Absent);
        for denied in 0..GRUB.len() {
            let mut files = [Reading::Known(MENU), Reading::Absent, Reading::Absent];
            files[denied] = Reading::unreadable(TroubleCause::Denied, "denied");
            assert!(matches!(arguments(files), Reading::Unreadable(_)), "{}", GRUB[denied]);
        }
        // A recording of an earlier version.
        let files = [Reading::Known(MENU), Reading::Absent, Reading::unreadable(TroubleCause::NotRecorded, "")];
        assert_eq!(arguments(files), told(&ours));
    }
}
