//! Is the initial ramdisk of the kernel that boots next there, and whole?

use super::next_kernel::{about, initrds_of, name, next_kernel, without_kernel};
use super::outcome::{Outcome, command};
use crate::catalog::Level;
use crate::catalog::kind::boot::BOOT;
use crate::facts::Facts;
use crate::facts::kernels::{ChosenBy, Found, NextKernel, initrd_of};
use crate::facts::packages::Package;
use crate::model::answer::Initrd;
use crate::model::{Query, Reading, TroubleCause};
use crate::units::Bytes;

const UPDATE_MENU: [&str; 1] = ["update-grub"];

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let next = match next_kernel(facts) {
        Reading::Known(next) => next,
        Reading::Absent => return vec![without_kernel("")],
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble)],
    };
    let outcomes = match (next.found, initrds_of(&next)) {
        (Found::Kernel, paths) if paths.is_empty() => vec![without_initrd(&next)],
        (Found::Kernel, paths) => judge_files(&next, paths, facts),
        (found, _) => vec![without_image(&next, found)],
    };
    outcomes.into_iter().map(|outcome| about(outcome, &next)).collect()
}

fn without_image(next: &NextKernel, found: Found) -> Outcome {
    let image = next.image.as_str();
    let starts = match next.chosen_by {
        ChosenBy::Grub(_) => format!("the boot menu starts {image}"),
        ChosenBy::Newest => format!("the newest kernel is {image}"),
    };
    match found {
        Found::Unseen => {
            let detail = format!("{starts}, and where that is cannot be told: look whether it is there");
            Outcome::undetermined(image, "not-found", detail).at_most(Level::Warn)
        }
        Found::Nothing => no_kernel(image, format!("{starts}, which is not there")),
        _ => no_kernel(image, format!("{starts}, which is empty or leads nowhere")),
    }
}

fn no_kernel(image: &str, detail: String) -> Outcome {
    Outcome::fail(image, Some("no-kernel"), detail).by_hand(vec![command(&["ls", "-l", BOOT]), command(&UPDATE_MENU)])
}

fn without_initrd(next: &NextKernel) -> Outcome {
    Outcome::pass("", format!("the boot menu starts {} without an initial ramdisk", name(next)))
}

/// The boot loader hands all of them to the kernel as one.
fn judge_files(next: &NextKernel, paths: Vec<String>, facts: &Facts<'_>) -> Vec<Outcome> {
    let is_early = |path: &String| {
        let initrd = facts.reading::<Initrd>(&Query::Initrd(path.clone()));
        initrd.known().is_some_and(|initrd| initrd.early_only)
    };
    if next.initrds.is_empty() || !paths.iter().all(is_early) {
        return paths.into_iter().map(|path| judge_file(next, path, facts)).collect();
    }
    // Of files that are not made for the processor, one was cut off behind that part.
    let cut = paths.iter().rev().find(|path| !is_of_the_processor(path));
    if cut.is_none() && !is_packaged(next, facts) {
        return vec![without_initrd(next)];
    }
    let asked = paths.iter().cloned().map(Query::Initrd);
    let outcome = match cut {
        Some(path) => {
            let detail = format!("{path} is not whole: it ends behind its first part, which holds no system");
            Outcome::fail(path.clone(), Some("truncated"), detail)
        }
        None => {
            let detail =
                format!("the boot menu starts {} with {}, which holds no system", name(next), paths.join(" and "));
            let own = next.version.as_deref().map(initrd_of).unwrap_or_default();
            Outcome::fail(own, Some("missing"), detail)
        }
    };
    vec![asked.fold(outcome, Outcome::asking)]
}

/// The names that grub-mkconfig loads first, whatever the kernel.
fn is_of_the_processor(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    matches!(
        name,
        "intel-uc.img" | "intel-ucode.img" | "amd-uc.img" | "amd-ucode.img" | "early_ucode.cpio" | "microcode.cpio"
    )
}

fn judge_file(next: &NextKernel, path: String, facts: &Facts<'_>) -> Outcome {
    let asked = Query::Initrd(path.clone());
    let is_named = !next.initrds.is_empty();
    let kernel = name(next);
    let outcome = match facts.reading::<Initrd>(&asked) {
        Reading::Known(initrd) if is_named => judge_content(&path, initrd),
        Reading::Absent if is_named => {
            let who = match next.chosen_by {
                ChosenBy::Grub(_) => "the boot menu loads it",
                ChosenBy::Newest => "its kernel is there",
            };
            Outcome::fail(path.clone(), Some("missing"), format!("{path} is missing: {who}, and {kernel} boots next"))
        }
        // Where none was there when the menu was written, the menu loads none.
        Reading::Absent if is_packaged(next, facts) => {
            let detail = format!("{path} is missing: the boot menu starts {kernel} without an initial ramdisk");
            Outcome::fail(path.clone(), Some("missing"), detail)
        }
        Reading::Known(_) if is_packaged(next, facts) => {
            let detail =
                format!("the boot menu starts {kernel} without {path}: it was not there when the menu was written");
            Outcome::fail(path.clone(), Some("missing"), detail)
        }
        Reading::Known(_) | Reading::Absent => without_initrd(next),
        // A large one that must be walked through code by code, on a slow host.
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut => {
            Outcome::unknown(path.clone(), &trouble).at_most(Level::Warn)
        }
        Reading::Unreadable(trouble) => Outcome::unknown(path.clone(), &trouble),
    };
    let repair = repair(&outcome, next, matches!(facts.reading::<Initrd>(&asked), Reading::Known(_)));
    outcome.by_hand(repair).asking(asked)
}

/// What is looked at, and then how such a file is usually made again; nothing where the commands of the check will do.
fn repair(outcome: &Outcome, next: &NextKernel, is_there: bool) -> Vec<Vec<String>> {
    let path = outcome.subject.as_str();
    // The tools make the file of a version, and none of another name.
    let Some(version) = next.version.as_deref().filter(|version| initrd_of(version) == path) else {
        return Vec::new();
    };
    let boot = command(&["ls", "-l", BOOT]);
    let content = command(&["lsinitramfs", path]);
    let menu = command(&UPDATE_MENU);
    match outcome.cause {
        // It is only the menu that does not know of it.
        Some("missing") if is_there => vec![boot, content, menu],
        // `-u` makes none where there is none.
        Some("missing") => {
            let made = command(&["update-initramfs", "-c", "-k", version]);
            let has_menu = matches!(next.chosen_by, ChosenBy::Grub(_));
            [boot, made].into_iter().chain(has_menu.then_some(menu)).collect()
        }
        Some("empty" | "truncated") => vec![boot, content, command(&["update-initramfs", "-u", "-k", version])],
        _ => Vec::new(),
    }
}

/// Kernels of the distribution come with drivers as modules, and need them before they have a root.
fn is_packaged(next: &NextKernel, facts: &Facts<'_>) -> bool {
    let Some(version) = &next.version else { return false };
    let names = [format!("linux-image-{version}"), format!("linux-image-unsigned-{version}")];
    let packages = facts.packages().known();
    packages.is_some_and(|packages| names.iter().any(|name| packages.find(name).is_some_and(Package::is_there)))
}

fn judge_content(path: &str, initrd: &Initrd) -> Outcome {
    let size = Bytes(initrd.bytes);
    let outcome = match (&initrd.fault, &initrd.not_followed) {
        _ if initrd.bytes == 0 => Outcome::fail(path, Some("empty"), format!("{path} is empty")),
        (Some(fault), _) => Outcome::fail(path, Some("truncated"), format!("{path} is not whole: {fault}")),
        (None, Some(why)) => {
            let detail = format!("whether {path} ({size}) is whole cannot be told: {why}");
            Outcome::undetermined(path, "unknown-format", detail).at_most(Level::Warn)
        }
        (None, None) if initrd.early_only => {
            Outcome::pass(path, format!("{path} is whole ({size}), and only there for the processor"))
        }
        (None, None) => Outcome::pass(path, format!("{path} is whole ({size}, {})", initrd.formats.join(" and "))),
    };
    outcome.observing("bytes", initrd.bytes).observing("formats", initrd.formats.clone())
}

#[cfg(test)]
mod tests;
