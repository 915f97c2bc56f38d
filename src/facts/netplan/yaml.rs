//! A YAML document as netplan's own library reads it, with the place of every node.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use libyaml_safer::{EventData, Parser};

use super::{Place, Problem};

/// Larger and deeper than any configuration of a network. What exceeds it is not judged.
const LARGEST: usize = 1 << 20;
const DEEPEST: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Scalar(String),
    Sequence(Vec<NodeId>),
    /// Keys and values as they stand: a key may be there twice.
    Mapping(Vec<(NodeId, NodeId)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub content: Content,
    pub place: Place,
}

/// An index into the nodes of a document: an alias is the node that it stands for.
pub type NodeId = usize;

/// The first document of a file. The rest is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    nodes: Vec<Node>,
    /// None in an empty file.
    pub root: Option<NodeId>,
}

impl Document {
    pub fn load(text: &[u8]) -> Result<Self, Problem> {
        if text.len() > LARGEST {
            return Err(Problem::Unclear("it is larger than 1 MiB".to_owned()));
        }
        // The library is held to a contract that it states nowhere: what it does not expect makes it panic.
        catch_unwind(AssertUnwindSafe(|| compose(text)))
            .unwrap_or_else(|_| Err(Problem::Unclear("its reader gave up".to_owned())))
    }

    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }
}

/// What is open around the next node.
enum Open {
    Sequence(NodeId),
    /// With the key whose value comes next.
    Mapping(NodeId, Option<NodeId>),
}

fn compose(text: &[u8]) -> Result<Document, Problem> {
    let mut input = text;
    let mut parser = Parser::new();
    parser.set_input_string(&mut input);
    let mut document = Document::default();
    let mut anchors: HashMap<String, NodeId> = HashMap::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        let event = parser.parse().map_err(|error| told(&error, text))?;
        let place = Place { line: event.start_mark.line + 1, column: event.start_mark.column + 1 };
        let (content, anchor) = match event.data {
            EventData::StreamEnd | EventData::DocumentEnd { .. } => return Ok(document),
            EventData::SequenceEnd | EventData::MappingEnd => {
                open.pop();
                continue;
            }
            EventData::Alias { anchor } => {
                let Some(id) = anchors.get(&anchor) else {
                    return Err(Problem::At(place, format!("the alias `*{anchor}` stands for nothing")));
                };
                document.attach(*id, &mut open);
                continue;
            }
            EventData::Scalar { value, anchor, .. } => (Content::Scalar(value), anchor),
            EventData::SequenceStart { anchor, .. } => (Content::Sequence(Vec::new()), anchor),
            EventData::MappingStart { anchor, .. } => (Content::Mapping(Vec::new()), anchor),
            _ => continue,
        };
        let id = document.nodes.len();
        let opens = match content {
            Content::Scalar(_) => None,
            Content::Sequence(_) => Some(Open::Sequence(id)),
            Content::Mapping(_) => Some(Open::Mapping(id, None)),
        };
        document.nodes.push(Node { content, place });
        if let Some(anchor) = anchor
            && anchors.insert(anchor.clone(), id).is_some()
        {
            return Err(Problem::At(place, format!("the anchor `&{anchor}` is there twice")));
        }
        document.attach(id, &mut open);
        open.extend(opens);
        if open.len() > DEEPEST {
            return Err(Problem::Unclear(format!("it is nested more than {DEEPEST} levels deep")));
        }
    }
}

impl Document {
    fn attach(&mut self, id: NodeId, open: &mut [Open]) {
        match open.last_mut() {
            None => self.root = self.root.or(Some(id)),
            Some(Open::Sequence(parent)) => {
                if let Content::Sequence(items) = &mut self.nodes[*parent].content {
                    items.push(id);
                }
            }
            Some(Open::Mapping(parent, key)) => match key.take() {
                None => *key = Some(id),
                Some(key) => {
                    if let Content::Mapping(pairs) = &mut self.nodes[*parent].content {
                        pairs.push((key, id));
                    }
                }
            },
        }
    }
}

/// In the words of the library, but for the fault that is made most often.
fn told(error: &libyaml_safer::Error, text: &[u8]) -> Problem {
    let words = match error.problem() {
        "found character that cannot start any token" => "a tab, or another character that nothing can begin with",
        other => other,
    };
    match error.problem_mark() {
        Some(mark) => Problem::At(Place { line: mark.line + 1, column: mark.column + 1 }, words.to_owned()),
        None => strange_bytes(text),
    }
}

/// Bytes that are no text. netplan stumbles over them too, unless a document ends before: it reads no further then.
fn strange_bytes(text: &[u8]) -> Problem {
    let (good, what) = match std::str::from_utf8(text) {
        Err(error) => (&text[..error.valid_up_to()], "bytes that are not UTF-8"),
        Ok(whole) => {
            let is_strange = |it: char| it.is_control() && !matches!(it, '\t' | '\n' | '\r' | '\u{85}');
            (&text[..whole.find(is_strange).unwrap_or_default()], "a control character")
        }
    };
    let lines: Vec<&[u8]> = good.split(|byte| *byte == b'\n').collect();
    if lines.iter().skip(1).any(|line| line.starts_with(b"---") || line.starts_with(b"...") || line.starts_with(b"%")) {
        return Problem::Unclear(format!("it has more than one document, and {what}"));
    }
    let column = String::from_utf8_lossy(lines.last().copied().unwrap_or_default()).chars().count();
    Problem::At(Place { line: lines.len() as u64, column: column as u64 + 1 }, what.to_owned())
}
