//! apt's sources, as apt itself reads them.

use crate::harness::{Tested, recipe};

crate::tests!("repositories":
    shelf,
);

fn shelf() -> Tested {
    let lab = recipe::plain().boot()?;
    println!("{}", lab.sh("apt-get --version; apt-get indextargets | head -5; ls /var/lib/dpkg/status")?);
    Ok(())
}
