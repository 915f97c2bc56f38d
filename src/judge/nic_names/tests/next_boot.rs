//! What of today's files the next boot will have.

use super::*;
use crate::catalog::kind::boot::GRUB;

#[test]
fn what_lies_in_run_is_gone_after_the_next_boot() {
    let mut host = Host::new();
    let rule = "SUBSYSTEM==\"net\", ACTION==\"add\", ATTR{address}==\"52:54:00:a0:00:07\", NAME=\"ens7\"\n";
    host.files("/run/udev/rules.d", "rules", &[("70-mine.rules", rule), ("99-netplan-ens7.rules", rule)]);
    for name in ["00-mine.link", "10-netplan-ens7.link", "70-ens7.link"] {
        host.files(RUN_LINKS, "link", &[(name, BY_ADDRESS)]);
        assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens7")), "{name}");
    }
    // Made again at every boot.
    host.text(COMMAND_LINE, "quiet ifname=ens7:52:54:00:a0:00:07\n");
    assert_eq!(host.told(Intent::Os), (Status::Pass, None, some("ens7")));
    host.text(COMMAND_LINE, "quiet ifname=ens8:52:54:00:a0:00:08\n");
    assert_eq!(host.told(Intent::Os).1, NOT_PINNED);
}

#[test]
fn netplan_s_own_files_say_what_it_will_write() {
    let mut host = Host::new();
    let pinned = "network: {ethernets: {x: {match: {macaddress: '52:54:00:a0:00:07'}, set-name: ens7}}}\n";
    host.files("/etc/netplan", "yaml", &[("50-cloud-init.yaml", pinned)]);
    assert_eq!(host.told(Intent::Os).1, NOT_PINNED, "netplan is not installed");
    host.with_netplan();
    let outcome = host.judge(Intent::Os).remove(0);
    assert_eq!(
        (outcome.status, &outcome.observed["pinned_by"]),
        (Status::Pass, &json!("/etc/netplan/50-cloud-init.yaml"))
    );
    assert_eq!(outcome.detail, "set-name in /etc/netplan/50-cloud-init.yaml pins the name");
    // What it wrote before says otherwise.
    host.files(RUN_LINKS, "link", &[("10-netplan-x.link", &BY_ADDRESS.replace("ens7", "lan0"))]);
    assert_eq!(host.told(Intent::Os), (Status::Pass, None, some("ens7")));
    host.files("/etc/netplan", "yaml", &[("50-cloud-init.yaml", &pinned.replace("ens7", "lan0"))]);
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, WILL_RENAME, some("lan0")));
    // One in /run hides the one of its name.
    host.files("/run/netplan", "yaml", &[("50-cloud-init.yaml", "network: {version: 2}\n")]);
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens7")));
    // Of a configuration that it refuses it makes nothing.
    host.files("/run/netplan", "yaml", &[]).files(
        "/etc/netplan",
        "yaml",
        &[("a.yaml", pinned), ("b.yaml", "network: [")],
    );
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens7")));
}

/// A common setting, for which netplan writes a file that hides udev's own from the device of that name.
#[test]
fn a_file_that_only_sets_the_mtu_leaves_the_name_as_it_is() {
    let mut host = Host::new();
    host.with_netplan().files("/etc/netplan", "yaml", &[("a.yaml", "network: {ethernets: {ens7: {mtu: 9000}}}\n")]);
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens7")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens7")));
    host.renamed("eth7").files("/etc/netplan", "yaml", &[("a.yaml", "network: {ethernets: {eth7: {mtu: 9000}}}\n")]);
    assert_eq!(host.told(Intent::Reboot).0, Status::Fail);
}

#[test]
fn the_boot_menu_says_what_the_next_kernel_is_told() {
    let mut host = Host::new();
    let [menu, environment, custom] = GRUB;
    host.answers.insert(Query::File(environment.to_owned()), Reading::Absent);
    host.answers.insert(Query::File(custom.to_owned()), Reading::Absent);
    host.text(menu, "menuentry 'Debian' {\n linux /boot/vmlinuz-6.1 root=/dev/sda net.ifnames=0\n}\n");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, WILL_RENAME, None), "the running kernel was told otherwise");
    host.text(menu, "menuentry 'Debian' {\n linux /boot/vmlinuz-6.1 root=/dev/sda\n}\n");
    host.text(COMMAND_LINE, "quiet net.ifnames=0\n");
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens7")), "and will be no more");
}
