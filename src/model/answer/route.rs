//! Routes, and the rules that choose among tables of them.

use std::fmt;

use crate::model::stored::row;

/// One route of one table. Its text is what `ip route` would be given to make it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    pub ipv6: bool,
    pub table: u32,
    /// `default` or `192.0.2.0/24`
    pub destination: String,
    /// `unicast`, `blackhole`, `unreachable`, `prohibit`, `throw`, …
    pub kind: String,
    pub metric: u32,
    /// Only for packets from here.
    pub source: Option<String>,
    /// The address that packets get that have none yet.
    pub preferred_source: Option<String>,
    pub next_hops: Vec<NextHop>,
    /// Who made it: `kernel`, `boot`, `static`, `dhcp`, `ra`, or a number.
    pub protocol: String,
    pub scope: String,
    pub mtu: Option<u32>,
}

row!(
    Route,
    Optional { ipv6, table, destination, kind, metric, source, preferred_source, next_hops, protocol, scope, mtu }
);

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NextHop {
    /// `192.0.2.1`; `inet6 fe80::1` where it is of another family than the route.
    pub gateway: Option<String>,
    pub link: Option<String>,
    /// Of several, how much this one counts.
    pub weight: Option<u32>,
    /// The gateway is taken to be on the link, whatever the link's addresses say.
    pub on_link: bool,
}

row!(NextHop, Optional { gateway, link, weight, on_link });

/// One rule of the policy routing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    pub ipv6: bool,
    pub priority: u32,
    pub from: Option<String>,
    pub to: Option<String>,
    pub input: Option<String>,
    pub output: Option<String>,
    /// `0x10` or `0x10/0xff`
    pub mark: Option<String>,
    pub invert: bool,
    /// `lookup`, `goto 200`, `l3mdev`, `nop`, `blackhole`, `unreachable`, `prohibit`
    pub action: String,
    pub table: u32,
    /// What else it asks for, in the words of `ip rule`: `dport 80-90`.
    pub other: Vec<String>,
    /// Who made it, where that was neither the kernel nor a person: `static`, as networkd has it, or a number.
    pub protocol: Option<String>,
}

row!(Rule, Optional { ipv6, priority, from, to, input, output, mark, invert, action, table, other, protocol: Sparse });

/// The table that counts where no other is named.
pub const MAIN: u32 = 254;

impl Route {
    /// The kernel or a server on the network makes it anew; nobody configured it here.
    pub fn is_automatic(&self) -> bool {
        matches!(self.protocol.as_str(), "kernel" | "redirect" | "ra" | "dhcp")
    }

    /// A daemon that speaks with others makes it, and takes it back, as they tell it: gated (8), the daemons from mrt to
    /// xorp (10 to 15), mrouted, keepalived, babel, felix of Calico, OVN, openr, and those of FRR from BGP to EIGRP.
    pub fn is_of_daemon(&self) -> bool {
        matches!(self.protocol.parse(), Ok(8 | 10..=15 | 17 | 18 | 42 | 80 | 84 | 99 | 186..=192_u8))
    }

    /// The kernel counts a way without a gateway as one on the link, unless it is told otherwise.
    fn has_usual_scope(&self) -> bool {
        let is_on_link = self.kind == "unicast" && matches!(self.next_hops.as_slice(), [hop] if hop.gateway.is_none());
        let usual = match self.kind.as_str() {
            "local" | "nat" => "host",
            "broadcast" | "multicast" | "anycast" => "link",
            _ if is_on_link => "link",
            _ => "global",
        };
        // Of IPv6 routes it says nothing.
        self.ipv6 || self.scope.is_empty() || self.scope == usual
    }
}

impl fmt::Display for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != "unicast" {
            write!(out, "{} ", self.kind)?;
        }
        out.write_str(&self.destination)?;
        if let Some(source) = &self.source {
            write!(out, " from {source}")?;
        }
        if let [hop] = self.next_hops.as_slice() {
            write!(out, "{hop}")?;
        }
        if let Some(source) = &self.preferred_source {
            write!(out, " src {source}")?;
        }
        if !self.has_usual_scope() {
            write!(out, " scope {}", self.scope)?;
        }
        if self.metric != 0 {
            write!(out, " metric {}", self.metric)?;
        }
        if let Some(mtu) = self.mtu {
            write!(out, " mtu {mtu}")?;
        }
        if self.table != MAIN {
            write!(out, " table {}", self.table)?;
        }
        // Behind the first of several ways `ip` takes nothing else.
        if let hops @ [_, _, ..] = self.next_hops.as_slice() {
            for hop in hops {
                write!(out, " nexthop{hop} weight {}", hop.weight.unwrap_or(1))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gateway) = &self.gateway {
            write!(out, " via {gateway}")?;
        }
        if let Some(link) = &self.link {
            write!(out, " dev {link}")?;
        }
        if self.on_link { out.write_str(" onlink") } else { Ok(()) }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "priority {}", self.priority)?;
        if self.invert {
            out.write_str(" not")?;
        }
        write!(out, " from {}", self.from.as_deref().unwrap_or("all"))?;
        let words = [("to", &self.to), ("iif", &self.input), ("oif", &self.output), ("fwmark", &self.mark)];
        for (word, value) in words {
            if let Some(value) = value {
                write!(out, " {word} {value}")?;
            }
        }
        for word in &self.other {
            write!(out, " {word}")?;
        }
        match self.action.as_str() {
            "lookup" => write!(out, " lookup {}", self.table),
            action => write!(out, " {action}"),
        }
    }
}
