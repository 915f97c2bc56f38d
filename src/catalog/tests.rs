use super::*;

const CONFIG: &str = "/etc/hostready/config.toml";

fn with_config(text: &str) -> Result<Catalog, SourceError> {
    Catalog::load(&[Source { name: CONFIG, text, layer: Layer::Config }], &[])
}

fn with_checks(text: &str) -> Result<Catalog, SourceError> {
    Catalog::load(&[Source { name: "/etc/hostready/checks.d/10.toml", text, layer: Layer::ChecksDirectory }], &[])
}

fn check<'c>(catalog: &'c Catalog, id: &str) -> &'c Check {
    catalog.checks.iter().find(|check| check.id == id).unwrap()
}

fn paths(check: &Check) -> SortedMap<String, u64> {
    match &check.kind {
        Kind::FilesystemSpace(space) => space.paths.iter().map(|(path, need)| (path.to_string(), need.0)).collect(),
        Kind::FilesystemSpaceShared(space) => {
            space.paths.iter().map(|(path, need)| (path.to_string(), need.0)).collect()
        }
        other => panic!("{other:?} has no paths"),
    }
}

#[test]
fn the_built_in_thresholds_and_levels_are_the_runbooks() {
    let catalog = Catalog::load(&[], &[]).unwrap();
    let gib = |number: u64| number << 30;
    let expected = [("/opt", gib(3)), ("/tmp", gib(1)), ("/var", gib(5)), ("/var/log", gib(2))];
    assert_eq!(paths(check(&catalog, "disk.space")), expected.map(|(path, need)| (path.to_owned(), need)).into());
    let blocking: Vec<&str> =
        catalog.checks.iter().filter(|check| check.level == Level::Block).map(|check| check.id.as_str()).collect();
    assert_eq!(
        blocking,
        [
            "disk.space",
            "disk.inodes",
            "disk.readonly",
            "disk.boot",
            "packages.state",
            "packages.interrupted",
            "services.kept",
            "management.reachable",
            "network.reachable",
            "network.name-pinned",
            "network.netplan",
            "network.link-kept",
            "network.address-kept",
            "network.route-kept",
            "network.rule-kept",
            "ovs.daemons",
            "ovs.uplink",
            "ovs.flows",
            "host.kernel-module",
            "ovn.controller",
            "ovs.database-emptied",
            "ovs.bridge-kept",
            "ovs.port-kept",
            "host.initrd",
            "ssh.reachable",
            "agent.service",
            "agent.connected",
        ]
    );
}

#[test]
fn every_entry_can_be_explained() {
    for check in Catalog::load(&[], &[]).unwrap().checks {
        for (what, text) in [("title", &check.title), ("why", &check.why), ("source", &check.source)] {
            assert!(!text.is_empty(), "{}: no {what}", check.id);
            assert!(!text.ends_with('.'), "{}: {what} ends with a full stop", check.id);
        }
        assert!(!check.intents.is_empty(), "{} is asked for nothing", check.id);
        assert!(!check.by_hand.is_empty(), "{} cannot be looked at by hand", check.id);
    }
}

#[test]
fn an_override_changes_what_it_names_and_nothing_else() {
    let text = "[override.\"disk.space\"]\nlevel = \"warn\"\npaths = { \"/var\" = \"10GiB\", \"/srv\" = \"1GiB\" }\n";
    let catalog = with_config(text).unwrap();
    let space = check(&catalog, "disk.space");
    assert_eq!(space.level, Level::Warn);
    let needs = paths(space);
    assert_eq!((needs["/var"], needs["/opt"], needs["/srv"]), (10 << 30, 3 << 30, 1 << 30));
    assert_eq!(paths(check(&catalog, "disk.space-shared")), needs, "a threshold has one home");
    let origin = |key: &str| &space.settings.iter().find(|setting| setting.key == key).unwrap().origin;
    assert_eq!(origin("paths./var"), &format!("{CONFIG}:3"));
    assert_eq!(origin("paths./opt"), "built in");
}

#[test]
fn checks_d_is_laid_over_the_configuration() {
    let layers = [
        Source { name: "b.toml", text: "[override.\"disk.space\"]\nlevel = \"info\"\n", layer: Layer::ChecksDirectory },
        Source { name: "c.toml", text: "[override.\"disk.space\"]\nlevel = \"off\"\n", layer: Layer::Config },
    ];
    assert_eq!(check(&Catalog::load(&layers, &[]).unwrap(), "disk.space").level, Level::Info);
}

#[test]
fn a_profile_overrides_where_it_is_in_force_and_less_than_the_operator() {
    let profile = "[[profile]]\nname = \"big\"\ntitle = \"big hosts\"\n\
        [profile.override.\"disk.space\"]\npaths = { \"/var\" = \"50GiB\", \"/opt\" = \"30GiB\" }\n";
    let config = "[override.\"disk.space\"]\npaths = { \"/opt\" = \"7GiB\" }\n";
    let var_and_opt = |profiles: &[String]| {
        let sources = [
            // It lies below the configuration, though its file is read after it.
            Source { name: "/etc/hostready/checks.d/big.toml", text: profile, layer: Layer::ChecksDirectory },
            Source { name: CONFIG, text: config, layer: Layer::Config },
        ];
        let catalog = Catalog::load(&sources, profiles).unwrap();
        assert!(catalog.profiles.iter().any(|profile| profile.name == "big" && profile.overrides));
        let needs = paths(check(&catalog, "disk.space"));
        (needs["/var"] >> 30, needs["/opt"] >> 30)
    };
    assert_eq!(var_and_opt(&[]), (5, 7));
    assert_eq!(var_and_opt(&["big".to_owned()]), (50, 7));
}

#[test]
fn a_new_check_is_one_entry() {
    let text = "[[check]]\nid = \"disk.srv\"\ntitle = \"t\"\nwhy = \"w\"\nfor = [\"agent\"]\nlevel = \"warn\"\n\
        severity = \"low\"\nkind = \"filesystem-space\"\npaths = { \"/srv\" = 7 }\nsource = \"s\"\n";
    assert_eq!(paths(check(&with_checks(text).unwrap(), "disk.srv"))["/srv"], 7);
}

#[test]
fn future_tables_are_passed_over() {
    with_config("[future]\nanything = 1\n[override.\"disk.space\".future]\nx = 1\n").unwrap();
    with_checks("[future.deep]\nx = 1\n").unwrap();
}

/// An entry that is whole but for one line, which is line 9.
fn entry_with(line: &str) -> String {
    format!(
        "[[check]]\nid = \"x.y\"\ntitle = \"t\"\nwhy = \"w\"\nfor = [\"agent\"]\nlevel = \"warn\"\nseverity = \"low\"\n\
         source = \"s\"\n{line}\n"
    )
}

#[test]
fn an_error_names_file_line_column_and_the_allowed_words() {
    let of_config = |text: &str| with_config(text).unwrap_err().to_string();
    let of_entry = |line: &str| with_checks(&entry_with(line)).unwrap_err().to_string();
    for (error, expected) in [
        (of_config("[ovs]\nsokcet = \"/x\"\n"), ["config.toml:2:1: unknown field `sokcet`", "`socket`"]),
        (of_config("[odd]\n"), ["config.toml:1:2: unknown field `odd`", "`management`"]),
        (of_config("[override.\"disk.spce\"]\n"), ["config.toml:1:11: there is no check `disk.spce`", "explain"]),
        (
            of_config("[override.\"disk.space\"]\nlevel = \"blok\"\n"),
            ["config.toml:2:9: unknown variant `blok`", "`block`"],
        ),
        (
            of_config("[override.\"disk.space\"]\npaths = { \"/var\" = \"5GB\" }\n"),
            ["config.toml:2:20: `5GB` is no amount of storage", "GiB"],
        ),
        (of_config("[override.\"disk.space\"]\nid = \"x\"\n"), ["config.toml:2:1:", "cannot be overridden"]),
        (of_config("[ovs\n"), ["config.toml:1:5:", "unclosed table"]),
        (of_entry("kind = \"filesystem-spce\""), ["10.toml:9:8: `filesystem-spce` is no kind", "filesystem-space"]),
        (of_entry("kind = \"filesystem-space\"\npath = 1"), ["10.toml:10:1: unknown field `path`", "`paths`"]),
        (of_entry("kind = \"package-state\"\nthen_read = [\"x\"]"), ["10.toml:10:14: unknown variant `x`", "`flows`"]),
        (
            of_entry("kind = \"package-state\"\ncauses = { odd = \"warn\" }"),
            ["10.toml:10:12: `odd` is no cause", "half-configured"],
        ),
        (of_entry("kind = \"package-state\"\nfix = [\"no.fix\"]"), ["10.toml:10:8: `no.fix` is no fix", ""]),
        (of_entry("kind = \"package-state\"\nprofile = \"nix\""), ["10.toml:10:11: `nix` is no profile", ""]),
        (of_entry("# no kind"), ["10.toml:1:1: a check without `kind`", "filesystem-space"]),
        (with_checks("[[chek]]\n").unwrap_err().to_string(), ["10.toml:1:3: unknown table `chek`", "[[check]]"]),
    ] {
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

#[test]
fn a_check_cannot_be_written_twice() {
    let text = entry_with("kind = \"package-state\"");
    let error = with_checks(&format!("{text}{text}")).unwrap_err().to_string();
    assert!(error.contains("`x.y` is already a check") && error.contains("[override.\"x.y\"]"), "{error}");
}

#[test]
fn what_several_profiles_share_is_overridden_by_name() {
    let shared = "[override.\"services.unit\"]\nunits = [\"a.service\"]\n";
    let error = with_config(shared).unwrap_err().to_string();
    assert!(error.contains("several profiles") && error.contains("linux, ovs"), "{error}");
    let catalog = with_config(&format!("{shared}profile = \"ovs\"\n")).unwrap();
    let units = |profile: &str| {
        let check = catalog.checks.iter().find(|it| it.id == "services.unit" && it.profile == profile).unwrap();
        check.kind.questions(&catalog.settings).len()
    };
    assert_eq!((units("linux"), units("ovs")), (2, 1));
    assert!(with_config("[override.\"services.unit\"]\nlevel = \"off\"\n").is_ok());
}

#[test]
fn a_waiver_names_a_check() {
    let waiver =
        |id: &str| format!("[[waiver]]\nid = \"{id}\"\nsubject = \"/var\"\nreason = \"r\"\nexpires = 2026-12-31\n");
    assert_eq!(with_config(&waiver("disk.space")).unwrap().settings.waiver.len(), 1);
    let error = with_config(&waiver("disk.space").replace("2026-12-31", "12:00:00")).unwrap_err().to_string();
    assert!(error.contains("config.toml:1:1: a waiver that ends on no day"), "{error}");
    let error = with_config(&waiver("disk.spce")).unwrap_err().to_string();
    assert!(error.contains("config.toml:1:1: a waiver for `disk.spce`"), "{error}");
}

#[test]
fn a_promise_that_is_not_whole_says_how_it_is_written() {
    let attestation = |id: &str, rest: &str| {
        format!("[[attestation]]\nid = \"{id}\"\nwhat = \"the BMC answers\"\nwho = \"j.doe\"\n{rest}\n")
    };
    let whole = attestation("host.console", "until = 2026-12-31");
    let said = with_config(&whole).unwrap().settings;
    assert_eq!(said.attestations("host.console").map(|it| it.who.as_str()).collect::<Vec<_>>(), ["j.doe"]);
    assert_eq!(said.attestations("host.initrd").count(), 0);
    for (text, expected) in [
        (whole.replace("host.console", "host.consol"), ["1:1: an attestation for `host.consol`, which", "explain"]),
        (whole.replace("host.console", "host.initrd"), ["1:1: an attestation for `host.initrd`", ": host.console;"]),
        (attestation("host.console", ""), ["1:1: an attestation without `until`", "until = 2026-12-31"]),
        (attestation("host.console", "until = 12:00:00"), ["1:1: an attestation that ends on no day", "until = 2026-"]),
        (attestation("host.console", "until = \"2026-12-31\""), ["5:9: `2026-12-31` is no date", "without quotes"]),
        (whole.replace("who", "whom"), ["1:1: an attestation without `who`", "[[attestation]] with id, what, who"]),
        (format!("{whole}why = 1\n"), ["6:1: unknown field `why`", "`what`"]),
        ("[[waiver]]\nid = \"disk.space\"\n".to_owned(), ["1:1: a waiver without `subject`", "hint: write [[waiver]]"]),
        ("[waiver]\nid = \"x\"\n".to_owned(), ["config.toml:1:1: invalid type", "sequence"]),
    ] {
        let error = with_config(&text).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

#[test]
fn a_lower_level_counts_for_every_intent_and_cause_unless_it_says_otherwise() {
    let levels = |text: &str| {
        let source = Source { name: "config.toml", text, layer: Layer::Config };
        let catalog = Catalog::load(&[source], &[]).unwrap();
        let check = check(&catalog, "packages.repositories");
        let causes = ["malformed", "disabled"].map(|cause| check.level_of(Some(cause)).as_str());
        (check.level.as_str(), check.level_for.len(), causes)
    };
    assert_eq!(levels(""), ("info", 1, ["block", "info"]));
    assert_eq!(levels("[override.\"packages.repositories\"]\nlevel = \"info\"\n"), ("info", 0, ["info", "info"]));
    assert_eq!(levels("[override.\"packages.repositories\"]\nlevel = \"block\"\n"), ("block", 0, ["block", "info"]));
    let both = "[override.\"packages.repositories\"]\nlevel = \"info\"\ncauses.malformed = \"warn\"\n";
    assert_eq!(levels(both), ("info", 0, ["warn", "info"]));
}

/// What lies beside the program as an example: a copy of it says nothing, and what it shows is taken as it stands.
#[test]
fn the_example_says_nothing_until_its_settings_are_taken_out_of_the_comments() {
    let example = include_str!("../../packaging/config.example.toml");
    assert!(example.lines().all(|line| line.is_empty() || line.starts_with('#')), "a line that is no comment");
    assert!(!with_config(example).unwrap().settings.ovs.is_configured());
    // Prose has a space behind the `#`, a setting has none, or two.
    let is_setting = |line: &&str| !line.starts_with(' ') || line.starts_with("  ");
    let shown: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix('#')).filter(is_setting).collect();
    let catalog = with_config(&shown.join("\n")).unwrap();
    let settings = &catalog.settings;
    assert!(settings.ovs.is_configured() && settings.host.cluster.is_some() && settings.management.way.proxy.is_some());
    assert_eq!([settings.network.peers().count(), settings.waiver.len(), settings.attestation.len()], [2, 1, 1]);
    assert_eq!(paths(check(&catalog, "disk.space"))["/var"], 10 << 30);
    let tables = ["management", "network", "ovs", "ovn", "host", "waiver", "attestation", "override"];
    let untold = tables.iter().find(|table| !shown.iter().any(|line| line.trim_matches('[').starts_with(**table)));
    assert_eq!(untold, None, "of what a configuration may hold");
}
