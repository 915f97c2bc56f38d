//! Menus and environments that GRUB 2.06 itself wrote (Debian 12): three kernels of the distribution, and one that
//! was put there by hand, without an initial ramdisk.

use super::*;

const SEVERAL: &str = include_str!("../../../tests/fixtures/grub/several.cfg");
/// With GRUB_DISABLE_SUBMENU=y.
const FLAT: &str = include_str!("../../../tests/fixtures/grub/flat.cfg");
const EMPTY: &str = include_str!("../../../tests/fixtures/grub/empty.env");
const SAVED_TITLE: &str = include_str!("../../../tests/fixtures/grub/saved-title.env");
const SAVED_ID: &str = include_str!("../../../tests/fixtures/grub/saved-id.env");
/// `grub-reboot '1>4'` after `grub-set-default`.
const REBOOT_ONCE: &str = include_str!("../../../tests/fixtures/grub/reboot-once.env");

fn in_menu(menu: &str, environment: Option<&str>) -> Option<Entry> {
    next_entry(Files { menu, environment, custom: None })
}

/// GRUB_DEFAULT changes this one line.
fn with_default(default: &str) -> String {
    let line = "set default=\"0\"";
    assert_eq!(SEVERAL.matches(line).count(), 1);
    SEVERAL.replace(line, &format!("set default=\"{default}\""))
}

fn kernel(configuration: &str, environment: Option<&str>) -> String {
    let entry = in_menu(configuration, environment).unwrap();
    entry.linux.unwrap().trim_start_matches("/boot/vmlinuz-").to_owned()
}

#[test]
fn the_first_entry_is_the_default_of_the_default() {
    let entry = in_menu(SEVERAL, None).unwrap();
    assert_eq!(entry.title, "Debian GNU/Linux");
    assert_eq!(entry.linux.as_deref(), Some("/boot/vmlinuz-6.12.3-custom"));
    assert!(entry.initrds.is_empty());
    assert_eq!(kernel(FLAT, Some(EMPTY)), "6.12.3-custom");
}

#[test]
fn numbers_titles_and_ids_lead_into_submenus() {
    for (default, expected) in [
        ("1>2", "6.1.0-50-amd64"),
        ("1>4", "6.1.0-18-amd64"),
        ("1", "6.12.3-custom"),
        ("1>99", "6.12.3-custom"),
        ("77", "6.12.3-custom"),
        ("nothing of this name", "6.12.3-custom"),
        ("Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-9-amd64", "6.1.0-9-amd64"),
        ("1>Debian GNU/Linux, with Linux 6.1.0-18-amd64", "6.1.0-18-amd64"),
        ("1>gnulinux-6.1.0-9-amd64-advanced-45e21ce0-6bef-4261-bfa1-a22e87b5885f", "6.1.0-9-amd64"),
    ] {
        assert_eq!(kernel(&with_default(default), Some(EMPTY)), expected, "{default}");
    }
    let chosen = in_menu(&with_default("1>2"), None).unwrap();
    assert_eq!(chosen.initrds, ["/boot/initrd.img-6.1.0-50-amd64"]);
    assert_eq!(kernel(&FLAT.replace("default=\"0\"", "default=\"2\""), None), "6.1.0-50-amd64");
}

#[test]
fn what_was_saved_and_what_is_wanted_once_come_from_the_environment() {
    let saved = with_default("${saved_entry}");
    assert_eq!(kernel(&saved, Some(SAVED_TITLE)), "6.1.0-9-amd64");
    assert_eq!(kernel(&saved, Some(SAVED_ID)), "6.1.0-18-amd64");
    assert_eq!(kernel(&saved, Some(EMPTY)), "6.12.3-custom");
    assert_eq!(kernel(&saved, None), "6.12.3-custom");
    // Once, whatever else is said.
    assert_eq!(kernel(&with_default("1>2"), Some(REBOOT_ONCE)), "6.1.0-18-amd64");
    assert_eq!(kernel(&with_default("1>2"), Some(SAVED_ID)), "6.1.0-50-amd64");
}

#[test]
fn a_menu_by_hand_is_read_too() {
    let by_hand = "set default=rescue; set timeout=5\n\
        menuentry \"The 'first' \\\"one\\\"\" { linux /vmlinuz-1 root=/dev/sda; initrd /initrd.img-1 }\n\
        menuentry one>two --id rescue --hotkey=r \\\n  --class x {\n search --set=root --label X\n \
        linux ($root)/boot/vmlinuz-2 quiet # the second\n initrd --flag /boot/micro.img /boot/initrd.img-2\n}\n";
    let entry = in_menu(by_hand, None).unwrap();
    assert_eq!(entry.title, "one>two");
    assert_eq!(entry.linux.as_deref(), Some("/boot/vmlinuz-2"));
    assert_eq!(entry.arguments, ["quiet"]);
    assert_eq!(entry.initrds, ["/boot/micro.img", "/boot/initrd.img-2"]);
    assert_eq!(in_menu(&by_hand.replace("=rescue", "0"), None).unwrap().title, "The 'first' \"one\"");
    assert_eq!(in_menu(&by_hand.replace("=rescue", "='one>>two'"), None).unwrap().title, "one>two");
}

/// Ubuntu's cloud images (GRUB_FORCE_PARTUUID).
#[test]
fn a_first_try_without_the_ramdisk_hides_it_not() {
    let text = "menuentry 'Ubuntu' {\nif [ \"${initrdfail}\" = 1 ]; then\n  linux /boot/vmlinuz-6.8 root=UUID=x\n  \
        initrd /boot/initrd.img-6.8\nelse\n  linux /boot/vmlinuz-6.8 root=PARTUUID=y panic=-1\nfi\ninitrdfail\n}\n";
    let entry = in_menu(text, None).unwrap();
    assert_eq!((entry.linux.as_deref(), entry.initrds.len()), (Some("/boot/vmlinuz-6.8"), 1));
}

#[test]
fn what_custom_cfg_says_counts_where_the_menu_reads_it() {
    let with = |menu: &str, custom| next_entry(Files { menu, environment: None, custom: Some(custom) });
    let sets = "set default='1>2'\nmenuentry mine {\n linux /vmlinuz-9\n}\n";
    let chosen = with(SEVERAL, sets).unwrap();
    assert_eq!(chosen.linux.as_deref(), Some("/boot/vmlinuz-6.1.0-50-amd64"));
    assert_eq!(with(SEVERAL, "set default=mine\nmenuentry mine {\n linux /vmlinuz-9\n}\n").unwrap().title, "mine");
    assert_eq!(with("menuentry a { linux /vmlinuz-1\n}\n", sets).unwrap().title, "a", "nobody reads it");
    assert_eq!(with(SEVERAL, "source $prefix/custom.cfg\n").unwrap().title, "Debian GNU/Linux", "it reads itself");
    assert_eq!(with(SEVERAL, "menuentry 'a {\n"), None);
    let elsewhere = "source /boot/grub/other.cfg\nmenuentry a { linux /vmlinuz-1\n}\n";
    assert_eq!(in_menu(elsewhere, None), None, "what it sets is not known");
}

#[test]
fn a_value_that_doubles_itself_ends() {
    let doubling = "set a=0123456789\n".to_owned() + &"set a=\"$a$a\"\n".repeat(100);
    let menu = doubling.clone() + "set default=\"$a\"\nmenuentry x { linux /vmlinuz-1\n}\n";
    assert_eq!(in_menu(&menu, None), None, "it is not known");
    let menu = doubling + "set default=0\nmenuentry x { linux /vmlinuz-1 $a\n}\n";
    assert_eq!(in_menu(&menu, None).unwrap().arguments, ["$a"]);
    // Many that are each as long as one may be.
    let long = "a".repeat(LONGEST - 10);
    let many: String = (0..1000).map(|at| format!("set v{at}=$v\n")).collect();
    let script = format!("set v={long}\n{many}");
    let commands = script::commands(&script).unwrap();
    let mut menu = Menu::new(None, None);
    menu.run(&commands);
    let all: usize = menu.variables.values().flatten().map(String::len).sum();
    assert!(menu.value("v0").is_some() && all < ROOM + 2 * LONGEST, "{all} bytes");
}

#[test]
fn what_the_kernel_is_told_is_the_rest_of_its_line() {
    let chosen = in_menu(&with_default("1>2"), None).unwrap();
    assert_eq!(chosen.arguments[..2], ["root=UUID=45e21ce0-6bef-4261-bfa1-a22e87b5885f", "ro"]);
    let text =
        "menuentry a {\n linux --quiet ($root)/vmlinuz-1 root=/dev/sda net.ifnames=0 $vt x=$cmdpath -- \"a b\"\n}\n";
    let told = in_menu(text, None).unwrap();
    assert_eq!(told.linux.as_deref(), Some("/vmlinuz-1"));
    assert_eq!(told.arguments, ["root=/dev/sda", "net.ifnames=0", "x=$cmdpath", "--", "a b"]);
}

#[test]
fn what_is_not_understood_is_no_answer() {
    let unsure =
        "if keystatus --shift; then set default=1; else set default=0; fi\nmenuentry a { linux /vmlinuz-1\n}\n";
    assert_eq!(in_menu(unsure, None), None, "a condition that only GRUB can tell");
    let fallback = "if [ \"$grub_platform\" = efi ]; then set default=1; fi\nmenuentry a { linux /vmlinuz-1\n}\n";
    assert_eq!(in_menu(fallback, None), None);
    for text in ["", "blscfg\n", "menuentry a {\n", "}\n", "if [ x ]; then\n", "menuentry 'a {\n}\n", "fi\n"] {
        assert_eq!(in_menu(text, None), None, "{text}");
    }
    let deep = "if [ x ]; then\n".repeat(5000);
    assert_eq!(in_menu(&deep, None), None, "no stack is that deep");
}

#[test]
fn a_damaged_menu_is_another_menu_or_none_and_never_a_panic() {
    for at in (0..SEVERAL.len()).step_by(11) {
        let mut bytes = SEVERAL.as_bytes().to_vec();
        bytes[at] ^= 0x15;
        let _ = in_menu(&String::from_utf8_lossy(&bytes), Some(REBOOT_ONCE));
        let _ = in_menu(&SEVERAL[..at], Some(&REBOOT_ONCE[..at.min(1024)]));
    }
}
