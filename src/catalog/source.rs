//! A text that the catalog is made of, and errors that point into it.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeTable;

/// Where a layer of the catalog comes from, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    BuiltIn,
    Config,
    ChecksDirectory,
}

/// One TOML file of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub layer: Layer,
}

/// What is wrong in a source, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError {
    pub file: String,
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl std::error::Error for SourceError {}

impl fmt::Display for SourceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(out, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl<'a> Source<'a> {
    /// The file as a table that keeps the place of every key and value.
    pub fn table(&self) -> Result<DeTable<'a>, SourceError> {
        DeTable::parse(self.text).map(Spanned::into_inner).map_err(|error| self.toml_error(&error))
    }

    pub fn error(&self, span: Range<usize>, message: impl Into<String>, hint: Option<String>) -> SourceError {
        let (line, column) = self.place(span.start);
        SourceError { file: self.name.to_owned(), line, column, message: message.into(), hint }
    }

    /// The parser's own words.
    fn toml_error(&self, error: &toml::de::Error) -> SourceError {
        let message = error.message().trim().replace('\n', ": ");
        self.error(error.span().unwrap_or(0..0), message, None)
    }

    /// Line and column of a byte, both counted from one, the column in characters.
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// `built in` or `file:line`, for `explain`.
    pub fn origin(&self, offset: usize) -> String {
        match self.layer {
            Layer::BuiltIn => "built in".to_owned(),
            Layer::Config | Layer::ChecksDirectory => format!("{}:{}", self.name, self.place(offset).0),
        }
    }
}
