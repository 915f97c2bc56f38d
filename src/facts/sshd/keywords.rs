//! The keywords of sshd_config(5), of OpenSSH 8.9 to 10.0 with the patches of Debian and Ubuntu.

/// What follows a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Not looked at, but something must stand there.
    Anything,
    /// One word.
    Word,
    /// One of these, in whatever case.
    OneOf(&'static [&'static str]),
    /// One of these as they are written here.
    Exactly(&'static [&'static str]),
    Number,
    Time,
    Startups,
    Ciphers,
    Macs,
    KeyExchanges,
    /// A command by its absolute path, or `none`.
    Command,
    Subsystem,
    Port,
    ListenAddress,
    HostKey,
    Include,
    Match,
}

#[derive(Clone, Copy, Debug)]
pub struct Keyword {
    pub takes: Takes,
    /// It may stand within a `Match` block.
    pub in_match: bool,
}

/// Keywords that take the same, first those that only the global section may have. A keyword that moved into `Match`
/// blocks with some version counts as one that may stand there.
struct Group {
    takes: Takes,
    global: &'static str,
    anywhere: &'static str,
}

const YES_NO: &[&str] = &["yes", "no"];

const GROUPS: &[Group] = &[
    Group {
        takes: Takes::OneOf(YES_NO),
        global: "debianbanner dsaauthentication gssapicleanupcredentials gssapicleanupcreds gssapikeyexchange \
                 gssapistorecredentialsonrekey gssapistrictacceptorcheck ignoreuserknownhosts keepalive \
                 kerberosorlocalpasswd kerberosticketcleanup printlastlog printmotd strictmodes tcpkeepalive usedns usepam",
        anywhere: "allowagentforwarding challengeresponseauthentication disableforwarding exposeauthinfo \
                   gssapiauthentication hostbasedauthentication hostbasedusesnamefrompacketonly \
                   kbdinteractiveauthentication kerberosauthentication passwordauthentication permitemptypasswords \
                   permittty permituserrc pubkeyauthentication refuseconnection skeyauthentication \
                   streamlocalbindunlink x11forwarding x11uselocalhost",
    },
    Group { takes: Takes::OneOf(&["yes", "no", "shosts-only"]), global: "", anywhere: "ignorerhosts" },
    Group {
        takes: Takes::OneOf(&["yes", "all", "no", "remote", "local"]),
        global: "",
        anywhere: "allowtcpforwarding allowstreamlocalforwarding",
    },
    Group { takes: Takes::OneOf(&["clientspecified", "yes", "no"]), global: "", anywhere: "gatewayports" },
    Group { takes: Takes::OneOf(&["yes", "delayed", "no"]), global: "compression", anywhere: "" },
    Group { takes: Takes::OneOf(&["inet", "inet6", "any"]), global: "addressfamily", anywhere: "" },
    Group {
        takes: Takes::OneOf(&["without-password", "prohibit-password", "forced-commands-only", "yes", "no"]),
        global: "",
        anywhere: "permitrootlogin",
    },
    Group {
        takes: Takes::OneOf(&["quiet", "fatal", "error", "info", "verbose", "debug", "debug1", "debug2", "debug3"]),
        global: "",
        anywhere: "loglevel",
    },
    Group {
        takes: Takes::OneOf(&[
            "daemon", "user", "auth", "authpriv", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
            "local7",
        ]),
        global: "syslogfacility",
        anywhere: "",
    },
    Group {
        takes: Takes::OneOf(&["md5", "sha1", "sha256", "sha384", "sha512"]),
        global: "fingerprinthash",
        anywhere: "",
    },
    Group { takes: Takes::Exactly(&["no", "point-to-point", "ethernet", "yes"]), global: "", anywhere: "permittunnel" },
    Group {
        takes: Takes::Word,
        global: "hostcertificate hostkeyagent modulifile permituserenvironment persourcepenaltyexemptlist pidfile \
                 securitykeyprovider sshdauthpath sshdsessionpath xauthlocation",
        anywhere: "authorizedkeyscommanduser authorizedprincipalscommanduser authorizedprincipalsfile banner \
                   chrootdirectory pamservicename revokedkeys trustedusercakeys",
    },
    Group {
        takes: Takes::Number,
        global: "persourcemaxstartups",
        anywhere: "clientalivecountmax maxauthtries maxsessions requiredrsasize x11displayoffset",
    },
    Group { takes: Takes::Time, global: "logingracetime", anywhere: "clientaliveinterval unusedconnectiontimeout" },
    Group { takes: Takes::Startups, global: "maxstartups", anywhere: "" },
    Group { takes: Takes::Ciphers, global: "ciphers", anywhere: "" },
    Group { takes: Takes::Macs, global: "macs", anywhere: "" },
    Group { takes: Takes::KeyExchanges, global: "kexalgorithms", anywhere: "" },
    Group { takes: Takes::Command, global: "", anywhere: "authorizedkeyscommand authorizedprincipalscommand" },
    Group { takes: Takes::Subsystem, global: "", anywhere: "subsystem" },
    Group { takes: Takes::Port, global: "port", anywhere: "" },
    Group { takes: Takes::ListenAddress, global: "listenaddress", anywhere: "" },
    Group { takes: Takes::HostKey, global: "hostkey hostdsakey", anywhere: "" },
    Group { takes: Takes::Include, global: "", anywhere: "include" },
    Group { takes: Takes::Match, global: "", anywhere: "match" },
    Group {
        takes: Takes::Anything,
        global: "gssapikexalgorithms hostkeyalgorithms persourcenetblocksize persourcepenalties versionaddendum",
        anywhere: "acceptenv allowgroups allowusers authenticationmethods authorizedkeysfile casignaturealgorithms \
                   channeltimeout denygroups denyusers forcecommand hostbasedacceptedalgorithms \
                   hostbasedacceptedkeytypes ipqos logverbose permitlisten permitopen pubkeyacceptedalgorithms \
                   pubkeyacceptedkeytypes pubkeyauthoptions rdomain rekeylimit setenv streamlocalbindmask",
    },
    // Of earlier versions, or of a build without what they are for: sshd passes over them.
    Group {
        takes: Takes::Anything,
        global: "afstokenpassing checkmail gssapiusesessioncredcache gssusesessionccache kerberosgetafstoken \
                 kerberostgtpassing keyregenerationinterval pamauthenticationviakbdint permitblacklistedkeys protocol \
                 reversemappingcheck rhostsauthentication serverkeybits uselogin useprivilegeseparation \
                 verifyreversemapping",
        anywhere: "authorizedkeysfile2 rhostsrsaauthentication rsaauthentication",
    },
];

/// What is known of a keyword; case does not matter.
pub fn find(name: &str) -> Option<Keyword> {
    let has = |names: &str| names.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name));
    GROUPS.iter().find_map(|group| {
        let in_match = has(group.anywhere);
        (in_match || has(group.global)).then_some(Keyword { takes: group.takes, in_match })
    })
}
