use super::super::staged::{Told, compared, words};
use super::*;
use crate::model::answer::GuestProcess;
use crate::model::{Answer, TroubleCause};

fn spec() -> Spec {
    let path = |text: &str| text.to_owned().try_into().unwrap();
    let schedulers = vec!["nova-compute.service".to_owned().try_into().unwrap()];
    Spec {
        libvirt_state: path("/run/libvirt/qemu"),
        libvirt_autostart: path("/etc/libvirt/qemu/autostart"),
        schedulers,
    }
}

/// A host where these run, and these start with it.
fn host(running: &[&str], autostart: &[&str], units: &[&str]) -> Vec<Told<'static>> {
    let files =
        |names: &[&str]| Reading::Known(Answer::Names(names.iter().map(|name| format!("{name}.xml")).collect()));
    let guest = |name: &str| GuestProcess { name: name.to_owned(), uuid: None, program_deleted: false };
    let processes = running.iter().enumerate().map(|(pid, name)| (u32::try_from(pid).unwrap(), guest(name)));
    let units = units.iter().map(|unit| ((*unit).to_owned(), "enabled".to_owned())).collect();
    vec![
        ("directory:/run/libvirt/qemu", files(running)),
        ("directory:/etc/libvirt/qemu/autostart", files(autostart)),
        ("guests", Reading::Known(Answer::Guests(processes.collect()))),
        ("unit-files", Reading::Known(Answer::UnitFiles(units))),
    ]
}

fn told(then: &[Told<'_>], now: &[Told<'_>]) -> Vec<String> {
    words(&compared(then, now, |facts, before| judge(&spec(), facts, before)))
}

#[test]
fn a_guest_that_ran_and_starts_with_the_host_must_run() {
    let then = host(&["web-1", "db-1", "test"], &["web-1", "db-1", "spare"], &[]);
    assert_eq!(told(&then, &then), ["pass"]);
    assert_eq!(told(&then, &host(&["web-1", "db-1"], &["web-1", "db-1", "spare"], &[])), ["pass"]);
    assert_eq!(told(&then, &host(&["web-1"], &["web-1", "db-1"], &[])), ["fail db-1"]);
    let outcomes = compared(&then, &host(&[], &["web-1", "db-1"], &[]), |facts, before| judge(&spec(), facts, before));
    assert!(outcomes.iter().all(|it| it.touches.contains(&Part::Unit("libvirtd.service".to_owned()))));
    assert_eq!(told(&then, &host(&["db-1"], &["db-1"], &[])), ["fail web-1 at most info"], "moved away");
}

#[test]
fn a_scheduler_decides_for_itself() {
    let then = host(&["web-1"], &["web-1"], &["nova-compute.service"]);
    assert_eq!(told(&then, &host(&[], &["web-1"], &["nova-compute.service"])), ["skip not-needed"]);
    assert_eq!(told(&then, &host(&[], &["web-1"], &[])), ["skip not-needed"]);
}

#[test]
fn without_guests_there_is_nothing_to_keep_and_what_cannot_be_read_is_unknown() {
    let then = host(&["web-1"], &["web-1"], &[]);
    assert_eq!(told(&host(&[], &[], &[]), &host(&[], &[], &[])), ["skip not-present"]);
    let absent: Vec<Told<'_>> =
        [("directory:/run/libvirt/qemu", Reading::Absent), ("directory:/etc/libvirt/qemu/autostart", Reading::Absent)]
            .into_iter()
            .chain(host(&[], &[], &[]).split_off(2))
            .collect();
    assert_eq!(told(&absent, &absent), ["skip not-present"]);
    for (at, host_at) in [(0, "then"), (1, "then"), (2, "then"), (2, "now")] {
        let (mut then, mut now) = (then.clone(), host(&[], &["web-1"], &[]));
        let side = if host_at == "then" { &mut then } else { &mut now };
        side[at].1 = Reading::unreadable(TroubleCause::Denied, "no");
        // Where one of the two that name a running guest is still read, nothing is lost.
        let expected = if (at, host_at) == (0, "then") { "fail web-1" } else { "unknown denied" };
        assert_eq!(told(&then, &now), [expected], "{at} {host_at}");
    }
}
