//! Exit codes, and which one wins when several hold.

use crate::model::report::Verdict;
use crate::model::stored::choice;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ready = 0,
    Internal = 1,
    Usage = 2,
    Blocked = 3,
    Warnings = 4,
    Incomplete = 5,
    /// A chosen fix did not reach its goal: failed, refused as unsafe, or taken back.
    Unmended = 6,
    /// Another run holds the lock, or the package lock did not come free.
    Busy = 7,
}

/// Strongest first.
const ORDER: [Exit; 8] = [
    Exit::Internal,
    Exit::Usage,
    Exit::Busy,
    Exit::Unmended,
    Exit::Blocked,
    Exit::Incomplete,
    Exit::Warnings,
    Exit::Ready,
];

/// From which verdict on a run is to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    #[default]
    Block,
    Warn,
    Never,
}

choice! {
    FailOn: Self::Block;
    "block" => Block,
    "warn" => Warn,
    "never" => Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ExitStyle {
    #[default]
    Hostready,
    /// 0 ok, 1 warning, 2 critical, 3 unknown
    Nagios,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }

    pub fn from_code(code: u8) -> Self {
        ORDER.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Internal)
    }

    /// The stronger of two.
    pub fn merge(self, other: Self) -> Self {
        ORDER.into_iter().find(|exit| *exit == self || *exit == other).unwrap_or(Self::Internal)
    }

    /// The exit code of what was found. `verdict` is the verdict before it was called partial.
    pub fn of(verdict: Verdict, fail_on: FailOn) -> Self {
        match (verdict, fail_on) {
            (_, FailOn::Never) => Self::Ready,
            (Verdict::Blocked, _) => Self::Blocked,
            (Verdict::Incomplete, _) => Self::Incomplete,
            (Verdict::Warn, FailOn::Warn) => Self::Warnings,
            (Verdict::Ready | Verdict::Warn | Verdict::Partial, _) => Self::Ready,
        }
    }

    /// `failed` in the report, for Ansible and Salt.
    pub fn is_failure(self) -> bool {
        !matches!(self, Self::Ready | Self::Warnings)
    }

    pub fn styled(self, style: ExitStyle) -> u8 {
        match (style, self) {
            (ExitStyle::Hostready, exit) => exit.code(),
            (ExitStyle::Nagios, Self::Ready) => 0,
            (ExitStyle::Nagios, Self::Warnings) => 1,
            (ExitStyle::Nagios, Self::Blocked | Self::Unmended) => 2,
            (ExitStyle::Nagios, Self::Internal | Self::Usage | Self::Incomplete | Self::Busy) => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stronger_code_wins_either_way_round() {
        for (weaker, stronger) in [
            (Exit::Ready, Exit::Warnings),
            (Exit::Warnings, Exit::Incomplete),
            (Exit::Incomplete, Exit::Blocked),
            (Exit::Blocked, Exit::Unmended),
            (Exit::Unmended, Exit::Busy),
            (Exit::Busy, Exit::Usage),
            (Exit::Usage, Exit::Internal),
        ] {
            assert_eq!(weaker.merge(stronger), stronger);
            assert_eq!(stronger.merge(weaker), stronger);
        }
    }

    #[test]
    fn could_not_look_never_exits_zero_by_default() {
        assert_eq!(Exit::of(Verdict::Incomplete, FailOn::Block).code(), 5);
        assert_eq!(Exit::of(Verdict::Incomplete, FailOn::Warn).code(), 5);
        assert_eq!(Exit::of(Verdict::Warn, FailOn::Warn).code(), 4);
        assert_eq!(Exit::of(Verdict::Warn, FailOn::Block).code(), 0);
        assert_eq!(Exit::of(Verdict::Blocked, FailOn::Never).code(), 0);
    }

    #[test]
    fn only_ready_and_warnings_are_no_failure() {
        let failures: Vec<u8> = ORDER.into_iter().filter(|exit| exit.is_failure()).map(Exit::code).collect();
        assert_eq!(failures, [1, 2, 7, 6, 3, 5]);
    }
}
