//! netplan: what `netplan generate` refuses, and nothing else.

use crate::harness::{Tested, recipe};

crate::tests!("netplan":
    shelf,
);

fn shelf() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.install("netplan.io")?;
    println!("{}", lab.sh("netplan generate; dpkg -l netplan.io; grep Source: /var/lib/dpkg/status | head -3")?);
    Ok(())
}
