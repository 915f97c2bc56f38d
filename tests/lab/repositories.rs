//! apt's sources, held against apt itself.

use anyhow::ensure;

use crate::harness::{Lab, Tested, fixture, recipe};

crate::tests!("repositories":
    apt_reads_the_table_as_recorded,
    what_apt_refuses_is_malformed,
    leftovers_of_a_release_are_told,
);

/// What apt makes of each file of the table: the addresses of the indices that it would fetch, or its first complaint.
const READ: &str = r#"
cd /root/table
for file in *.list *.sources; do
    rm -rf /tmp/parts && mkdir -p /tmp/parts && cp "$file" /tmp/parts/
    printf '%s: ' "$file"
    if out=$(apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/tmp/parts \
        -o Acquire::Languages=none update --print-uris 2>/tmp/complaint); then
        echo $(echo "$out" | sed -n "s/^'\(.*\)InRelease' .*/\1/p" | sort -u)
    else
        printf 'refused '; sed -n 's#/tmp/parts/##; s/^E: //; s/ *$//; 1p' /tmp/complaint
    fi
done
"#;

/// The table is judged without apt by the tests of the parser. Here apt says whether the table is right.
fn apt_reads_the_table_as_recorded() -> Tested {
    let lab = recipe::plain().boot()?;
    fixture::unpack(&lab, "apt", "/root/table")?;
    fixture::compare("apt", &format!("{}\n", lab.sh(READ)?))
}

fn refuses(lab: &Lab) -> anyhow::Result<bool> {
    Ok(lab.run(&["apt-get", "check"])?.stderr.contains("list of sources could not be read"))
}

fn what_apt_refuses_is_malformed() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.check(&[])?.passes("packages.repositories", "")?;

    let broken = "/etc/apt/sources.list.d/agent.list";
    lab.write(broken, "deb https://packages.example/agent bookworm\n")?;
    ensure!(refuses(&lab)?, "apt takes it");
    let row = lab.check(&[])?.says("packages.repositories", broken, "fail")?.clone();
    ensure!(row["cause"] == "malformed" && row["severity"] == "medium", "{row:#}");

    // Neither file is wrong by itself.
    lab.sh(&format!("rm {broken}"))?;
    lab.write(
        "/etc/apt/sources.list.d/a.list",
        "deb [signed-by=/etc/a.gpg] https://packages.example/a bookworm main\n",
    )?;
    let other = "/etc/apt/sources.list.d/b.sources";
    lab.write(
        other,
        "Types: deb\nURIs: https://packages.example/a/\nSuites: bookworm\nComponents: main\nSigned-By: /etc/b.gpg\n",
    )?;
    ensure!(refuses(&lab)?, "apt takes them");
    let row = lab.check(&[])?.says("packages.repositories", other, "fail")?.clone();
    ensure!(row["cause"] == "malformed", "{row:#}");
    Ok(())
}

fn leftovers_of_a_release_are_told() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write(
        "/etc/apt/sources.list.d/vendor.list",
        "deb https://packages.example/vendor bullseye main\n\
         # deb https://packages.example/other bookworm main # disabled on upgrade to bookworm\n",
    )?;
    lab.write(
        "/etc/apt/sources.list.d/agent.sources",
        "Types: deb\nURIs: https://packages.example/agent\nSuites: stable\nComponents: main\nEnabled: no\n",
    )?;
    let run = lab.check(&[])?;
    let list = "/etc/apt/sources.list.d/vendor.list";
    run.notes("packages.repositories", &format!("{list} bullseye"), Some("other-release"))?;
    run.notes("packages.repositories", &format!("{list} bookworm"), Some("disabled"))?;
    run.notes("packages.repositories", "/etc/apt/sources.list.d/agent.sources stable", Some("disabled"))?;
    run.is_green()?;
    let row = lab.check(&["--for", "os"])?.says("packages.repositories", &format!("{list} bullseye"), "fail")?.clone();
    ensure!(row["severity"] == "medium" && row["blocking"] == false, "a warning before an upgrade: {row:#}");
    Ok(())
}
