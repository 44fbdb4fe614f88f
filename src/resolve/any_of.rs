//! Things of which enough must be there.

use std::ops::Deref;
use std::sync::Arc;

use super::reliance::Thing;

/// Some things. Nearly always it is one, and many steps have the same ones, such as all controllers.
///
/// The list is two steps away so that one of them takes no more room than a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AnyOf {
    /// Only this one.
    One(Thing),
    /// None, or several.
    Many(Arc<Vec<Thing>>),
}

impl Deref for AnyOf {
    type Target = [Thing];

    fn deref(&self) -> &[Thing] {
        match self {
            Self::One(thing) => std::slice::from_ref(thing),
            Self::Many(things) => things,
        }
    }
}

impl From<Vec<Thing>> for AnyOf {
    fn from(things: Vec<Thing>) -> Self {
        match things.as_slice() {
            [only] => Self::One(*only),
            _ => Self::Many(Arc::new(things)),
        }
    }
}

impl FromIterator<Thing> for AnyOf {
    fn from_iter<I: IntoIterator<Item = Thing>>(things: I) -> Self {
        let mut things = things.into_iter();
        match (things.next(), things.next()) {
            (Some(only), None) => Self::One(only),
            (first, second) => Self::Many(Arc::new(first.into_iter().chain(second).chain(things).collect())),
        }
    }
}
