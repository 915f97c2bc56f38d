use super::*;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [u16::try_from(4 + value.len()).unwrap().to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// `struct rtmsg` or `struct fib_rule_hdr`: their first eight bytes, flags, attributes.
fn message(header: [u8; 8], flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
    [&header[..], &flags.to_ne_bytes(), &attributes.concat()].concat()
}

fn ten(third: u8) -> [u8; 4] {
    [10, 0, third, 0]
}

/// 10.0.3.0/24 by two ways, with a metric, in table 1000.
fn several_ways() -> Vec<u8> {
    let way = |link: u32, weight: u8, gateway: [u8; 4]| {
        let gateway = attribute(5, &gateway);
        let length = u16::try_from(8 + gateway.len()).unwrap();
        [&length.to_ne_bytes()[..], &[4, weight], &link.to_ne_bytes(), &gateway].concat()
    };
    let ways = [way(7, 0, [192, 0, 2, 1]), way(9, 4, [192, 0, 2, 2])].concat();
    let attributes = [
        attribute(1, &ten(3)),
        attribute(6, &50_u32.to_ne_bytes()),
        attribute(8, &attribute(2, &1400_u32.to_ne_bytes())),
        attribute(9, &ways),
        attribute(15, &1000_u32.to_ne_bytes()),
        attribute(999, &[0xff; 9]),
    ];
    message([2, 24, 0, 0, 0, 4, 0, 1], 0, &attributes)
}

fn rule() -> Vec<u8> {
    let attributes = [
        attribute(2, &ten(1)),
        attribute(3, b"eno1\0"),
        attribute(6, &100_u32.to_ne_bytes()),
        attribute(10, &16_u32.to_ne_bytes()),
        attribute(16, &255_u32.to_ne_bytes()),
        attribute(14, &u32::MAX.to_ne_bytes()),
        attribute(15, &1000_u32.to_ne_bytes()),
        attribute(20, &[1_u32.to_ne_bytes(), 99_u32.to_ne_bytes()].concat()),
        attribute(24, &[80_u16.to_ne_bytes(), 90_u16.to_ne_bytes()].concat()),
        attribute(999, &[1; 3]),
    ];
    message([2, 0, 24, 0x10, 0, 0, 0, 1], 2, &attributes)
}

#[test]
fn a_route_is_read_with_all_its_ways() {
    let row = route_row(&several_ways()).unwrap();
    let indices: Vec<Option<u32>> = row.hops.iter().map(|hop| hop.index).collect();
    assert_eq!(indices, [Some(7), Some(9)]);
    let next_hops = row.hops.into_iter().zip(["eno1", "eno2"]);
    let next_hops = next_hops.map(|(row, link)| NextHop { link: Some(link.to_owned()), ..row.hop }).collect();
    let route = Route { next_hops, ..row.route };
    assert_eq!(
        route.to_string(),
        "10.0.3.0/24 metric 50 mtu 1400 table 1000 nexthop via 192.0.2.1 dev eno1 onlink weight 1 nexthop via 192.0.2.2 \
         dev eno2 onlink weight 5"
    );
}

#[test]
fn what_is_no_route_of_ours_is_passed_over() {
    let plain = |family, table, flags| route_row(&message([family, 0, 0, 0, table, 3, 0, 1], flags, &[])).is_some();
    assert!(plain(2, 254, 0) && plain(10, 254, 0));
    assert!(!plain(2, 255, 0), "the kernel's own table");
    assert!(!plain(2, 254, 0x200), "cloned for a moment");
    assert!(!plain(28, 254, 0), "MPLS");
}

#[test]
fn a_rule_is_read_in_the_words_of_ip() {
    assert_eq!(
        rule_row(&rule()).unwrap().to_string(),
        "priority 100 not from 10.0.1.0/24 iif eno1 fwmark 0x10/0xff dport 80-90 tos 0x10 uidrange 1-99 lookup 1000"
    );
}

#[test]
fn damaged_messages_say_less_and_never_panic() {
    for whole in [several_ways(), rule()] {
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x85;
            for bytes in [&whole[..at], &flipped] {
                let _ = route_row(bytes).map(|row| row.route.to_string());
                let _ = rule_row(bytes).map(|rule| rule.to_string());
            }
        }
    }
    assert!(route_row(&[]).is_none() && rule_row(&[2; 11]).is_none());
}

#[test]
fn a_deadline_that_has_passed_is_a_timeout() {
    use crate::model::TroubleCause;
    let now = Instant::now();
    for trouble in [routes(now).map(drop), rules(now).map(drop)] {
        assert!(matches!(trouble, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
    }
}
