//! Do Python environments keep their interpreter?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::python::Environments as Spec;
use crate::facts::Facts;
use crate::model::answer::PythonEnvironment;
use crate::model::report::Intent;
use crate::model::{Query, Reading};
use crate::units::AbsolutePath;

/// Where the distribution's own interpreter is.
const SYSTEM: [&str; 2] = ["/usr/bin", "/bin"];

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    spec.under.iter().flat_map(|path| judge_below(path, facts)).collect()
}

fn judge_below(path: &AbsolutePath, facts: &Facts<'_>) -> Vec<Outcome> {
    let path: &str = path;
    let asked = Query::PythonEnvironments(path.to_owned());
    let outcomes = match facts.reading::<Vec<PythonEnvironment>>(&asked) {
        Reading::Known(found) if found.is_empty() => {
            vec![Outcome::pass(path, format!("there is no Python environment below {path}"))]
        }
        Reading::Known(found) => found.iter().map(|environment| judge_one(environment, facts)).collect(),
        Reading::Absent => vec![Outcome::skip(path, NOT_PRESENT, format!("{path} does not exist"))],
        Reading::Unreadable(trouble) => vec![Outcome::unknown(path, &trouble)],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(asked.clone())).collect()
}

fn judge_one(environment: &PythonEnvironment, facts: &Facts<'_>) -> Outcome {
    let PythonEnvironment { path, home, version, interpreter, libraries, unread } = environment;
    let made_with = home.as_deref().map_or_else(String::new, |home| format!(", made with the one in {home}"));
    let outcome = match (unread, interpreter) {
        (Some(trouble), _) => Outcome::unknown(path, trouble),
        (None, None) => {
            let detail = format!("{path}/bin/python3 leads to no interpreter{made_with}: nothing in it starts");
            Outcome::fail(path, Some("interpreter-gone"), detail)
        }
        (None, Some(interpreter)) => match foreign_libraries(interpreter, libraries) {
            Some((is, has)) => {
                let detail =
                    format!("{path} runs on {is} and has libraries for {has}: what runs in it does not find them");
                Outcome::fail(path, Some("interpreter-changed"), detail)
            }
            None if facts.run.intent == Intent::Os && runs_on_system(environment, interpreter) => {
                let detail = format!(
                    "{path} runs on the system's Python ({}), and the new release brings another: it must be made anew",
                    minor(interpreter).unwrap_or(interpreter)
                );
                Outcome::fail(path, Some("interpreter-will-change"), detail)
            }
            None => Outcome::pass(path, format!("{path} runs on {interpreter}")),
        },
    };
    outcome
        .observing("interpreter", interpreter.clone())
        .observing("home", home.clone())
        .observing("version", version.clone())
        .observing("libraries", libraries.clone())
}

/// The interpreter's version and the one that the libraries are for, where these differ.
fn foreign_libraries<'e>(interpreter: &'e str, libraries: &'e [String]) -> Option<(&'e str, String)> {
    let is = minor(interpreter)?;
    let fits = libraries.is_empty() || libraries.iter().any(|library| library == is);
    (!fits).then(|| (is, libraries.join(", ")))
}

/// `/usr/bin/python3.11` → `python3.11`; a name may leave it open.
fn minor(interpreter: &str) -> Option<&str> {
    let name = interpreter.rsplit('/').next()?;
    let version = name.strip_prefix("python3.")?;
    let digits = version.len() - version.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    // Debug and free-threaded builds (`python3.13t`) use libraries of their own name.
    (digits > 0 && digits == version.len()).then_some(name)
}

/// On the distribution's own, or on a copy of it, which still needs the distribution's library.
fn runs_on_system(environment: &PythonEnvironment, interpreter: &str) -> bool {
    let is_copy = interpreter.starts_with(&format!("{}/", environment.path));
    let directory = match is_copy {
        true => environment.home.as_deref(),
        false => interpreter.rsplit_once('/').map(|(directory, _)| directory),
    };
    directory.is_some_and(|directory| SYSTEM.contains(&directory))
}

#[cfg(test)]
mod tests;
