//! Python environments: directories with a `pyvenv.cfg`.

use crate::model::stored::row;

use crate::model::Trouble;

#[derive(Clone, Debug, Default, PartialEq)]
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
    /// What of it could not be read, where that leaves open what it runs on.
    pub unread: Option<Trouble>,
}

row!(PythonEnvironment, Optional { path, home, version, interpreter, libraries, unread: Sparse });
