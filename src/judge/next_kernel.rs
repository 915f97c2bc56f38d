//! The kernel that boots next, and what is asked of it.

use crate::catalog::kind::Kind;
use crate::catalog::kind::boot::{BOOT, GRUB};
use crate::facts::Facts;
use crate::facts::grub;
use crate::facts::kernels::{ChosenBy, NextKernel, initrd_of};
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::model::answer::Entry;
use crate::model::{Query, Reading};

/// As the boot menu says it; where there is none, or none that we understand, the newest in /boot.
pub fn next_kernel(facts: &Facts<'_>) -> Reading<NextKernel> {
    let boot = match facts.reading::<Vec<Entry>>(&Query::Listing(BOOT.to_owned())) {
        Reading::Known(entries) => entries.as_slice(),
        Reading::Absent => &[],
        Reading::Unreadable(trouble) => return Reading::Unreadable(trouble),
    };
    let [menu, environment] = GRUB.map(|file| facts.reading::<Vec<u8>>(&Query::File(file.to_owned())));
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    let entry = match (menu, environment) {
        (Reading::Unreadable(trouble), _) | (Reading::Known(_), Reading::Unreadable(trouble)) => {
            return Reading::Unreadable(trouble);
        }
        (Reading::Known(menu), environment) => grub::next_entry(&text(menu), environment.known().map(text).as_deref()),
        (Reading::Absent, _) => None,
    };
    let of_menu = entry.and_then(|entry| NextKernel::of_entry(&entry, boot));
    of_menu.or_else(|| NextKernel::newest(boot)).map_or(Reading::Absent, Reading::Known)
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
