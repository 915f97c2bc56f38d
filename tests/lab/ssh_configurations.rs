//! Configurations of sshd, good and bad, on which we and `sshd -t` must agree: those of 9.2 and of 10.0 do.

/// One /etc/ssh/sshd_config.
pub struct Case {
    pub text: &'static str,
    /// Where sshd finds the fault; 0 where it does not say.
    pub line: usize,
    /// sshd refuses it, and we do not look.
    pub is_taken_unseen: bool,
}

const fn good(text: &'static str) -> Case {
    Case { text, line: 0, is_taken_unseen: false }
}

const fn bad(line: usize, text: &'static str) -> Case {
    Case { text, line, is_taken_unseen: false }
}

/// Names that other versions, other hosts or another file know.
const fn unseen(text: &'static str) -> Case {
    Case { text, line: 0, is_taken_unseen: true }
}

#[rustfmt::skip]
pub const CONFIGURATIONS: &[Case] = &[
    good(""),
    good("Match all\nPort 2222\n"),
    good("Match user bob\nMatch all\nPort 2222\n"),
    good("Match user a,b address 10.0.0.0/8,!10.0.0.1\n"),
    good("Match user bob # comment\n"),
    good("Port=2222\n"),
    good("Port = 2222\n"),
    good("\"Port\" 2222\n"),
    good("Port \"2222\"\n"),
    good("Port ssh\n"),
    good("Port 22\x0c\n"),
    good("Port 22\r\n"),
    good("ListenAddress [::1]:22\n"),
    good("AddressFamily ANY\n"),
    good("AuthorizedKeysCommand none\n"),
    good("LoginGraceTime 1h30m\n"),
    good("PermitRootLogin without-password\n"),
    good("Banner \"a b\"\n"),
    good("AllowUsers a#b\n"),
    good("Include /nonexistent/*.conf\n"),
    good("Ciphers -foo\n"),
    good("MACs hmac-md5\n"),
    good("KeyRegenerationInterval 3600\n"),
    good("ListenAddress 127.0.0.1\nPort 2222\n"),
    bad(1, "Match user\n"),
    bad(1, "Match foo bar\n"),
    bad(1, "Match all user bob\n"),
    bad(1, "Match address 10.0.0.1/8\n"),
    bad(1, "Match User \"bob\n"),
    bad(2, "Match User\tbob\nPort 22\n"),
    bad(1, "Match localport 99999\n"),
    bad(1, "Port \"2222\n"),
    bad(1, "Port\n"),
    bad(1, "Port 0\n"),
    bad(1, "Port 65536\n"),
    bad(1, "Port 22 23\n"),
    bad(1, "ListenAddress 1.2.3.4:0\n"),
    bad(0, "ListenAddress 1.2.3.4:22:33\n"),
    bad(1, "ListenAddress [::1\n"),
    bad(1, "ListenAddress 0.0.0.0/0\n"),
    bad(1, "ListenAddress 1.2.3.4 x\n"),
    bad(0, "ListenAddress ::zz\n"),
    bad(0, "AddressFamily inet\nListenAddress ::1\n"),
    bad(2, "LogLevel VERBOSE\nLogLevel foo\n"),
    bad(1, "Subsystem sftp\n"),
    bad(1, "MaxStartups 10:30\n"),
    bad(1, "MaxStartups 10:30:5\n"),
    bad(1, "UsePAM maybe\n"),
    bad(0, "AuthorizedKeysCommand /bin/true\n"),
    bad(1, "LoginGraceTime 2x\n"),
    bad(1, "ClientAliveCountMax 3x\n"),
    bad(1, "foo bar\n"),
    bad(1, "PermitRootLogin prohibit_password\n"),
    bad(1, "Banner a b\n"),
    bad(1, "AllowUsers\n"),
    bad(1, "Include \"\"\n"),
    bad(1, "Ciphers blowfish-cbc\n"),
    bad(1, "Ciphers aes*\n"),
    bad(1, "KexAlgorithms foo\n"),
    bad(1, "StrictModes yes;\n"),
    bad(3, "Match User bob\n\tPasswordAuthentication no\nUsePAM no\n"),
    unseen("Port 22x\n"),
    unseen("HostKeyAlgorithms foo\n"),
    unseen("IPQoS foo\n"),
    unseen("AuthenticationMethods foo\n"),
];
