//! Python environments: directories with a `pyvenv.cfg`.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonEnvironment {
    pub path: String,
    /// `home` of pyvenv.cfg: the directory of the interpreter that it was made with.
    pub home: Option<String>,
    /// `version` of pyvenv.cfg.
    pub version: Option<String>,
    /// Where `bin/python3` leads in the end; none where it leads nowhere.
    pub interpreter: Option<String>,
    /// `lib/python3.11`: for which versions it has libraries.
    pub libraries: Vec<String>,
}
