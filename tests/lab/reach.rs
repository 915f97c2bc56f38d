//! Peers and the management plane, over a network of the lab's own, with names from a server of its own.

use anyhow::{Result, ensure};

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("reach":
    broken_ipv6_half_of_a_name_does_not_hide_the_other,
    name_that_nobody_knows_and_name_server_that_is_gone_are_told_apart,
    certificate_of_an_own_authority_is_good_with_its_file_alone,
    file_of_authorities_that_is_none_is_unknown_with_its_line,
    self_signed_certificate_is_a_warning_and_can_be_taken,
    proxy_is_asked_and_its_failures_are_its_own,
    environment_names_no_proxy,
    echo_is_answered_or_not,
    echo_needs_the_right_to_send_it,
    many_silent_peers_end_with_their_deadline,
    setting_without_effect_is_refused,
);

const CONFIG: &str = "/etc/hostready/config.toml";
const PLANE: &str = "https://cloud.example:8443/resmgr/v1/hosts";
const AUTHORITY: &str = "/etc/ssl/own.pem";

/// A host with one card; the other end of its wire is 192.0.2.1.
fn plugged_in() -> Result<Lab> {
    let lab = recipe::plain().nic(recipe::UPLINK, recipe::UPLINK_MAC).boot()?;
    lab.sh("ip link set eno1 up && ip address add 192.0.2.10/24 dev eno1 && ip route add default via 192.0.2.1")?;
    lab.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")?;
    Ok(lab)
}

fn serve(lab: &Lab, unit: &str, words: &[&str]) -> Tested {
    lab.start(unit, &[&["/usr/local/bin/stand-in", "serve"], words].concat())
}

fn cloud_example(lab: &Lab) -> Tested {
    lab.sh("echo '127.0.0.1 localhost cloud.example' >/etc/hosts").map(drop)
}

/// Looks at what is configured to be reached, and at nothing else.
fn asked(lab: &Lab, config: &str) -> Result<Run> {
    lab.write(CONFIG, config)?;
    lab.check(&["--only", "management.reachable", "--only", "network.reachable"])
}

fn detail<'a>(run: &'a Run, id: &str, subject: &str) -> Result<&'a str> {
    Ok(run.row(id, subject)?["detail"].as_str().unwrap_or_default())
}

fn mentions(run: &Run, id: &str, subject: &str, words: &[&str]) -> Tested {
    let detail = detail(run, id, subject)?;
    for word in words {
        ensure!(detail.contains(word), "nothing of {word:?} in {detail:?}");
    }
    Ok(())
}

fn broken_ipv6_half_of_a_name_does_not_hide_the_other() -> Tested {
    let lab = plugged_in()?;
    serve(&lab, "server", &["http", "192.0.2.10:8080", "200"])?;
    let config = "[network]\npeers = [{ address = \"storage.example:8080\", required = true },\n\
        { address = \"http://storage.example:8080/\", required = true },\n\
        { address = \"icmp://storage.example\", required = true }]\n";
    for broken in ["SERVFAIL", "NXDOMAIN", "silent"] {
        serve(&lab, "names", &["names", "storage.example", "192.0.2.10", broken])?;
        let run = asked(&lab, config)?;
        for peer in ["storage.example:8080", "http://storage.example:8080/", "icmp://storage.example"] {
            run.passes("network.reachable", peer)?;
        }
        ensure!(run.took.as_secs_f64() < 2.0, "{broken}: it waits for the half that is broken: {:?}", run.took);
        lab.sh("systemctl stop names.service")?;
    }
    Ok(())
}

fn name_that_nobody_knows_and_name_server_that_is_gone_are_told_apart() -> Tested {
    let lab = plugged_in()?;
    let config = "[network]\npeers = [{ address = \"gone.example:22\" }, { address = \"icmp://gone.example\" }]\n";
    serve(&lab, "names", &["names", "storage.example", "192.0.2.10", "NXDOMAIN"])?;
    let run = asked(&lab, config)?;
    mentions(&run, "network.reachable", "gone.example:22", &["gone.example does not resolve: there is no such name"])?;
    mentions(&run, "network.reachable", "icmp://gone.example", &["there is no such name"])?;
    lab.sh("systemctl stop names.service")?;
    // Nobody at all is behind this address.
    lab.write("/etc/resolv.conf", "nameserver 192.0.2.99\n")?;
    let run = asked(&lab, config)?;
    mentions(&run, "network.reachable", "gone.example:22", &["name server"])?;
    mentions(&run, "network.reachable", "icmp://gone.example", &["name server"])?;
    ensure!(run.took.as_secs_f64() < 6.0, "past its deadline: {:?}", run.took);
    Ok(())
}

fn certificate_of_an_own_authority_is_good_with_its_file_alone() -> Tested {
    let lab = plugged_in()?;
    cloud_example(&lab)?;
    serve(&lab, "plane", &["https", "127.0.0.1:8443", "cloud.example", AUTHORITY])?;
    let plain = format!("[management]\nurls = [\"{PLANE}\"]\n");
    let run = asked(&lab, &plain)?;
    let row = run.says("management.reachable", PLANE, "fail")?;
    ensure!(row["cause"] == "certificate" && row["blocking"] == false, "no warning: {row:#}");
    mentions(&run, "management.reachable", PLANE, &["this host trusts no authority at all", "ca-certificates"])?;

    let run = asked(&lab, &format!("{plain}ca_file = \"{AUTHORITY}\"\n"))?;
    let row = run.says("management.reachable", PLANE, "pass")?;
    ensure!(row["observed"]["http_status"] == 401 && row["observed"]["verified"] == true, "{row:#}");

    lab.sh("echo '127.0.0.1 other.example' >>/etc/hosts")?;
    let other = "https://other.example:8443/";
    let run = asked(&lab, &format!("[management]\nurls = [\"{other}\"]\nca_file = \"{AUTHORITY}\"\n"))?;
    mentions(&run, "management.reachable", other, &["it has the wrong name: it is for cloud.example"])
}

fn file_of_authorities_that_is_none_is_unknown_with_its_line() -> Tested {
    let lab = plugged_in()?;
    cloud_example(&lab)?;
    serve(&lab, "plane", &["https", "127.0.0.1:8443", "cloud.example", AUTHORITY])?;
    let config = format!("[management]\nurls = [\"{PLANE}\"]\nca_file = \"{AUTHORITY}\"\n");
    lab.sh("cp /etc/ssl/own.pem /root/; sed -i '$d' /etc/ssl/own.pem; sed -i '1i # our own' /etc/ssl/own.pem")?;
    let run = asked(&lab, &config)?;
    let row = run.says("management.reachable", PLANE, "unknown")?;
    ensure!(row["cause"] == "malformed" && row["blocking"] == true, "{row:#}");
    mentions(&run, "management.reachable", PLANE, &[AUTHORITY, "line 2:", "no end"])?;
    lab.sh("rm /etc/ssl/own.pem")?;
    let run = asked(&lab, &config)?;
    run.says("management.reachable", PLANE, "unknown")?;
    mentions(&run, "management.reachable", PLANE, &[AUTHORITY, "not there"])?;
    run.exits(5)
}

fn self_signed_certificate_is_a_warning_and_can_be_taken() -> Tested {
    let lab = plugged_in()?;
    cloud_example(&lab)?;
    serve(&lab, "plane", &["https", "127.0.0.1:8443", "cloud.example", "self-signed"])?;
    serve(&lab, "other", &["https", "127.0.0.1:8444", "cloud.example", AUTHORITY])?;
    let config =
        format!("[network]\npeers = [{{ address = \"{PLANE}\", required = true, ca_file = \"{AUTHORITY}\" }}]\n");
    let run = asked(&lab, &config)?;
    let row = run.says("network.reachable", PLANE, "fail")?;
    ensure!(row["cause"] == "certificate" && row["blocking"] == false, "no warning: {row:#}");
    mentions(&run, "network.reachable", PLANE, &["answers, and its certificate does not verify: it is self-signed"])?;
    run.exits(0)?;

    let run = asked(&lab, &format!("[network]\npeers = [{{ address = \"{PLANE}\", insecure = true }}]\n"))?;
    let row = run.says("network.reachable", PLANE, "pass")?;
    ensure!(row["observed"]["verified"] == false, "it does not say that it verified nothing: {row:#}");
    mentions(&run, "network.reachable", PLANE, &["(HTTP 401)", "not verified, as configured"])
}

fn proxy_is_asked_and_its_failures_are_its_own() -> Tested {
    let lab = plugged_in()?;
    cloud_example(&lab)?;
    serve(&lab, "plane", &["https", "127.0.0.1:8443", "cloud.example", AUTHORITY])?;
    serve(&lab, "plain", &["http", "127.0.0.1:8080", "204"])?;
    serve(&lab, "proxy", &["proxy", "192.0.2.10:3128"])?;
    let plain = "http://cloud.example:8080/x";
    let gone = "https://cloud.example:8444/";
    let config = |proxy: &str| {
        format!(
            "[management]\nurls = [\"{PLANE}\", \"{plain}\", \"{gone}\"]\nca_file = \"{AUTHORITY}\"\n\
             proxy = \"http://192.0.2.10:{proxy}\"\n"
        )
    };
    let run = asked(&lab, &config("3128"))?;
    for (url, status) in [(PLANE, 401), (plain, 204)] {
        let row = run.says("management.reachable", url, "pass")?;
        let told = &row["observed"];
        ensure!(told["http_status"] == status && told["proxy"] == "http://192.0.2.10:3128", "{row:#}");
    }
    let refused = "the proxy 192.0.2.10:3128 cannot reach cloud.example:8444 (HTTP 502)";
    mentions(&run, "management.reachable", gone, &[refused])?;
    let heard = lab.sh("journalctl --unit=proxy.service --output=cat")?;
    for line in ["CONNECT cloud.example:8443 HTTP/1.1", "GET http://cloud.example:8080/x HTTP/1.1"] {
        ensure!(heard.contains(line), "the proxy did not hear {line:?}:\n{heard}");
    }
    let run = asked(&lab, &config("3129"))?;
    for url in [PLANE, plain, gone] {
        mentions(&run, "management.reachable", url, &["the proxy 192.0.2.10:3129 refused the connection"])?;
    }
    Ok(())
}

fn environment_names_no_proxy() -> Tested {
    let lab = plugged_in()?;
    serve(&lab, "plain", &["http", "127.0.0.1:8080", "200"])?;
    lab.write(CONFIG, "[management]\nurls = [\"http://127.0.0.1:8080/\"]\n")?;
    let look = "http_proxy=http://127.0.0.1:1 HTTP_PROXY=$http_proxy all_proxy=http://127.0.0.1:1 \
        hostready check --json --only management.reachable";
    Run::new(lab.run(&["sh", "-c", look])?).passes("management.reachable", "http://127.0.0.1:8080/")
}

fn echo_is_answered_or_not() -> Tested {
    let lab = plugged_in()?;
    lab.sh("ip address add 2001:db8::10/64 dev eno1 nodad")?;
    lab.wire(&["ip", "address", "add", "2001:db8::1/64", "dev", "lan0", "nodad"])?;
    lab.wire(&["ip", "route", "add", "unreachable", "198.51.100.0/24"])?;
    lab.wire(&["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"])?;
    // Somebody has this card, and he is not plugged in.
    lab.sh("ip neighbour add 192.0.2.77 lladdr 52:54:00:0a:00:77 dev eno1")?;
    let peers = ["192.0.2.1", "[2001:db8::1]", "127.0.0.1", "192.0.2.77", "192.0.2.99", "198.51.100.7", "203.0.113.7"];
    let written: Vec<String> = peers.iter().map(|peer| format!("{{ address = \"icmp://{peer}\" }}")).collect();
    lab.sh("ip route add prohibit 203.0.113.0/24")?;
    let run = asked(&lab, &format!("[network]\npeers = [{}]\n", written.join(", ")))?;
    for peer in &peers[..3] {
        let subject = format!("icmp://{peer}");
        run.passes("network.reachable", &subject)?;
        mentions(&run, "network.reachable", &subject, &["answers echo requests"])?;
    }
    let row = run.says("network.reachable", "icmp://192.0.2.77", "fail")?;
    ensure!(row["cause"] == "not-reached" && row["blocking"] == false, "{row:#}");
    mentions(&run, "network.reachable", "icmp://192.0.2.77", &["192.0.2.77 did not answer an echo request within 4."])?;
    mentions(&run, "network.reachable", "icmp://192.0.2.99", &["192.0.2.99 is unreachable"])?;
    mentions(&run, "network.reachable", "icmp://198.51.100.7", &["198.51.100.7 is unreachable"])?;
    mentions(&run, "network.reachable", "icmp://203.0.113.7", &["203.0.113.7 cannot be asked"])?;
    ensure!(run.took.as_secs_f64() < 5.5, "past its deadline: {:?}", run.took);
    Ok(())
}

fn echo_needs_the_right_to_send_it() -> Tested {
    let lab = plugged_in()?;
    let groups = "net.ipv4.ping_group_range";
    let peers = ["icmp://192.0.2.1", "icmp://::1"];
    lab.write(CONFIG, "[network]\npeers = [{ address = \"icmp://192.0.2.1\" }, { address = \"icmp://::1\" }]\n")?;
    let look = "hostready check --json --only network.reachable";
    let as_nobody = || {
        Ok::<_, anyhow::Error>(Run::new(lab.run(&[
            "sh",
            "-c",
            &format!("setpriv --reuid=65534 --regid=65534 --clear-groups {look}"),
        ])?))
    };
    lab.sh(&format!("sysctl --quiet --write {groups}='1 0'"))?;
    // Root has another way.
    let as_root = Run::new(lab.run(&["sh", "-c", look])?);
    let run = as_nobody()?;
    for peer in peers {
        as_root.passes("network.reachable", peer)?;
        let row = run.says("network.reachable", peer, "unknown")?;
        ensure!(row["cause"] == "denied", "{row:#}");
        mentions(&run, "network.reachable", peer, &["root", groups])?;
    }
    lab.sh(&format!("sysctl --quiet --write {groups}='0 65535'"))?;
    let run = as_nobody()?;
    peers.iter().try_for_each(|peer| run.passes("network.reachable", peer))
}

fn many_silent_peers_end_with_their_deadline() -> Tested {
    let lab = plugged_in()?;
    lab.sh("ip neighbour add 192.0.2.77 lladdr 52:54:00:0a:00:77 dev eno1")?;
    serve(&lab, "names", &["names", "storage.example", "192.0.2.77", "silent"])?;
    let look = |peer: fn(u32) -> String, seconds: f64| {
        let peers: Vec<String> = (1000..1200).map(peer).chain(["icmp://192.0.2.77".to_owned()]).collect();
        let written = peers.iter().map(|peer| format!("{{ address = \"{peer}\", required = true }}"));
        let run = asked(&lab, &format!("[network]\npeers = [{}]\n", written.collect::<Vec<_>>().join(",\n")))?;
        let rows = run.rows("network.reachable")?;
        ensure!(rows.len() == peers.len(), "{} rows for {} peers", rows.len(), peers.len());
        for row in rows {
            ensure!(row["status"] == "fail" && row["cause"] == "not-reached", "{row:#}");
            let detail = row["detail"].as_str().unwrap_or_default();
            ensure!(detail.contains("did not answer") && detail.contains("192.0.2.77"), "{detail}");
        }
        ensure!(run.took.as_secs_f64() < seconds, "past their deadline: {:?}", run.took);
        run.exits(3)
    };
    let by_name_and_by_address = |port| match port % 2 {
        0 => format!("storage.example:{port}"),
        _ => format!("192.0.2.77:{port}"),
    };
    look(by_name_and_by_address, 5.5)?;
    look(|port| format!("https://storage.example:{port}/"), 10.5)
}

fn setting_without_effect_is_refused() -> Tested {
    let lab = recipe::plain().boot()?;
    let config = "[network]\npeers = [\n  { address = \"gateway:22\" },\n  { address = \"icmp://gateway\", insecure = true },\n]\n";
    let run = asked(&lab, config)?;
    run.exits(2)?;
    let said = format!("{}{}", run.stdout, run.stderr);
    ensure!(said.contains("/etc/hostready/config.toml:4:3: `insecure` has no effect here"), "{said}");
    Ok(())
}
