//! Has the kernel that boots next the module?

use super::next_kernel::{about, module_of, name, next_kernel, without_kernel};
use super::outcome::{NOT_NEEDED, Outcome};
use super::ovs_daemons;
use crate::catalog::Level;
use crate::catalog::kind::boot::Module as Spec;
use crate::facts::Facts;
use crate::facts::kernels::NextKernel;
use crate::model::answer::Module;
use crate::model::{Reading, TroubleCause};

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let module = spec.module.as_str();
    let bridges: Vec<&str> = match facts.ovs() {
        Reading::Known(ovs) => ovs.bridges.iter().filter(|it| it.uses_kernel).map(|it| it.name.as_ref()).collect(),
        Reading::Absent => return vec![Outcome { subject: module.to_owned(), ..ovs_daemons::without_database(facts) }],
        Reading::Unreadable(trouble) => return vec![Outcome::unknown(module, &trouble).because_of("ovs.daemons", "")],
    };
    if bridges.is_empty() {
        return vec![Outcome::skip(module, NOT_NEEDED, "no bridge uses the kernel's datapath")];
    }
    let outcome = match next_kernel(facts) {
        Reading::Known(next) => about(judge_kernel(module, &next, facts), &next),
        Reading::Absent => without_kernel(module),
        Reading::Unreadable(trouble) => Outcome::unknown(module, &trouble),
    };
    vec![outcome.observing("bridges", bridges)]
}

fn judge_kernel(module: &str, next: &NextKernel, facts: &Facts<'_>) -> Outcome {
    let kernel = name(next);
    let Some(asked) = module_of(next, module) else {
        let detail = format!("the next boot starts {kernel}, whose name does not tell where its modules are");
        return Outcome::undetermined(module, "failed", detail).at_most(Level::Warn);
    };
    let outcome = match facts.reading::<Module>(&asked) {
        Reading::Known(Module::BuiltIn) => Outcome::pass(module, format!("{kernel} has {module} built in")),
        Reading::Known(Module::File(path)) => {
            Outcome::pass(module, format!("{kernel} has {module}")).observing("file", path.clone())
        }
        Reading::Known(Module::Lost(path)) => {
            let detail = format!("{kernel} boots next, and {path} is missing or empty: {module} cannot be loaded");
            Outcome::fail(module, Some("missing"), detail)
        }
        Reading::Known(Module::Missing) => {
            let detail = format!("{kernel} boots next, and has no module {module} in /lib/modules/{kernel}");
            Outcome::fail(module, Some("missing"), detail)
        }
        Reading::Known(Module::NoKernel) => {
            let detail = format!("{kernel} boots next, and /lib/modules/{kernel} is not there");
            Outcome::fail(module, Some("no-modules"), detail)
        }
        Reading::Absent => Outcome::undetermined(module, TroubleCause::Failed.as_str(), "no answer"),
        Reading::Unreadable(trouble) => Outcome::unknown(module, &trouble),
    };
    outcome.asking(asked)
}
