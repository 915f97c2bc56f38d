//! How a type says what it consists of.

/// The fields of a row, in the order in which they are written.
#[derive(Debug)]
pub struct Layout {
    pub name: &'static str,
    pub fields: &'static [Field],
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A document without it is damaged, unless it is one that may be null.
    Required,
    /// What lacks it is read as if it were empty.
    Optional,
    /// Left out, too, where it is empty.
    Sparse,
}

/// A row and its fields: `row!(Lock, Required { holder })`. A field of another need than the rest says so:
/// `vlan_id: Sparse`.
macro_rules! row {
    ($type:ident, $usual:ident { $($field:ident $(: $need:ident)?),* $(,)? }) => {
        const _: () = {
            use $crate::model::stored::{Layout, Place, Stored, View};

            static LAYOUT: Layout = $crate::model::stored::layout!($type, $usual { $($field $(: $need)?),* });

            impl Stored for $type {
                fn blank() -> Self {
                    Self { $($field: Stored::blank()),* }
                }

                fn place(&mut self) -> Place<'_> {
                    Place::Row(&LAYOUT, vec![$(self.$field.place()),*])
                }

                fn view(&self) -> View<'_> {
                    View::Row(&LAYOUT, vec![$(self.$field.view()),*])
                }
            }

            $crate::model::stored::document!($type);
        };
    };
}

macro_rules! layout {
    ($type:ident, $usual:ident { $($field:ident $(: $need:ident)?),* }) => {
        $crate::model::stored::Layout {
            name: stringify!($type),
            fields: &[$($crate::model::stored::Field {
                name: stringify!($field),
                need: $crate::model::stored::need!($usual $($need)?),
            }),*],
        }
    };
}

macro_rules! need {
    ($usual:ident) => {
        $crate::model::stored::Need::$usual
    };
    ($usual:ident $need:ident) => {
        $crate::model::stored::Need::$need
    };
}

/// An enum, what stands in its place until it is read, and its words: `Said(content)` for one that holds something,
/// `Silent { reason }` for one that has fields.
macro_rules! choice {
    (
        $type:ident $(<$of:ident>)?: $blank:expr;
        $($word:literal => $variant:ident $(($content:ident))? $({ $($field:ident $(: $need:ident)?),* })?),* $(,)?
    ) => {
        const _: () = {
            use $crate::model::stored::{Choice, Place, Stored, UnknownWord, View};

            impl$(<$of: Stored>)? Stored for $type$(<$of>)? {
                fn blank() -> Self {
                    $blank
                }

                fn place(&mut self) -> Place<'_> {
                    Place::Choice(self)
                }

                fn view(&self) -> View<'_> {
                    View::Choice(self)
                }
            }

            $crate::model::stored::document!($type $(<$of>)?);

            impl$(<$of: Stored>)? Choice for $type$(<$of>)? {
                fn words(&self) -> &'static [&'static str] {
                    &[$($word),*]
                }

                fn choose(&mut self, word: &str) -> Result<Option<Place<'_>>, UnknownWord> {
                    *self = match word {
                        $($word => {
                            $(let $content = Stored::blank();)?
                            $($(let $field = Stored::blank();)*)?
                            Self::$variant $(($content))? $({ $($field),* })?
                        })*
                        _ => return Err(UnknownWord),
                    };
                    Ok(match self {
                        $(Self::$variant $(($content))? $({ $($field),* })? => {
                            $crate::model::stored::content!(
                                $($content.place())?
                                $($crate::model::stored::part!(
                                    Place place, $variant { $($field $(: $need)?),* }
                                ))?
                            )
                        })*
                    })
                }

                fn chosen(&self) -> (&'static str, Option<View<'_>>) {
                    match self {
                        $(Self::$variant $(($content))? $({ $($field),* })? => {
                            ($word, $crate::model::stored::content!(
                                $($content.view())?
                                $($crate::model::stored::part!(
                                    View view, $variant { $($field $(: $need)?),* }
                                ))?
                            ))
                        })*
                    }
                }
            }
        };
    };
}

macro_rules! part {
    ($as:ident $how:ident, $variant:ident { $($field:ident $(: $need:ident)?),* }) => {{
        static LAYOUT: $crate::model::stored::Layout =
            $crate::model::stored::layout!($variant, Required { $($field $(: $need)?),* });
        $as::Row(&LAYOUT, vec![$($field.$how()),*])
    }};
}

macro_rules! content {
    () => {
        None
    };
    ($content:expr) => {
        Some($content)
    };
}

/// Serde's traits, for what is read or written by itself.
macro_rules! document {
    ($type:ident $(<$of:ident>)?) => {
        impl$(<$of: Stored>)? serde::Serialize for $type$(<$of>)? {
            fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                self.view().serialize(out)
            }
        }

        impl<'de $(, $of: Stored)?> serde::Deserialize<'de> for $type$(<$of>)? {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                $crate::model::stored::read(input)
            }
        }
    };
}

pub(crate) use {choice, content, document, layout, need, part, row};
