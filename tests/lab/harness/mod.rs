//! What the tests of the lab stand on: a host with its own systemd, disks, network cards and daemons, made in
//! private namespaces, thrown away after each test.

pub mod client;
pub mod fixture;
pub mod image;
pub mod killer;
pub mod lab;
pub mod needs;
pub mod outcome;
pub mod recipe;
pub mod report;
pub mod servers;
pub mod stand_in;
pub mod state;

pub use lab::{Builder, Lab};
pub use needs::Need;
pub use outcome::Outcome;
pub use report::Run;

/// The result of a test: the error says what was expected and what was seen.
pub type Tested = anyhow::Result<()>;

/// One test, with what the machine must have for it to run.
#[derive(Clone, Copy, Debug)]
pub struct Test {
    pub name: &'static str,
    pub run: fn() -> Tested,
    pub needs: &'static [Need],
}

/// The tests of a file, under the names of their functions: `tests!("disk": a, b, c needs [Need::Fuse])`.
#[macro_export]
macro_rules! tests {
    ($subject:literal: $($name:ident $(needs [$($need:expr),*])?),* $(,)?) => {
        pub const TESTS: &[$crate::harness::Test] = &[$(
            $crate::harness::Test {
                name: concat!($subject, "::", stringify!($name)),
                run: $name,
                needs: &[$($($need),*)?],
            }
        ),*];
    };
}
