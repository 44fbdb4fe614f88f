//! What a route says of assets or of steps, by their position in the plan.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::iter::{FilterMap, Zip};
use std::ops::Index;
use std::slice;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::value::Id;

/// The ids of all assets, or of all steps, in the order of the plan; one list serves all the routes of a plan.
#[derive(Debug, Default)]
pub(super) struct Ids {
    list: Vec<Id>,
    /// The positions, by the hashes of the ids.
    at: HashTable<u32>,
    hasher: ahash::RandomState,
}

impl Ids {
    /// Numbers some ids; of several that are the same, the first has the name.
    pub(super) fn new<'i>(ids: impl IntoIterator<Item = &'i Id>) -> Arc<Self> {
        let Self { at: mut positions, hasher, .. } = Self::default();
        let list: Vec<Id> = ids.into_iter().cloned().collect();
        let hash = |at: &u32| hasher.hash_one(&list[*at as usize]);
        positions.reserve(list.len(), hash);
        for (at, id) in (0..).zip(&list) {
            positions.entry(hash(&at), |other| list[*other as usize] == *id, hash).or_insert(at);
        }
        Arc::new(Self { at: positions, list, hasher })
    }

    /// Returns the position of an id.
    pub(super) fn position<Q: Hash + Eq + ?Sized>(&self, id: &Q) -> Option<usize>
    where
        Id: Borrow<Q>,
    {
        let is_it = |at: &u32| self.list[*at as usize].borrow() == id;
        self.at.find(self.hasher.hash_one(id), is_it).map(|at| *at as usize)
    }
}

/// One value for each asset, or each step, of which the route has something to say.
#[derive(Clone)]
pub struct Column<V> {
    ids: Arc<Ids>,
    values: Vec<Option<V>>,
}

impl<V> Column<V> {
    /// Makes a column without values.
    pub(super) fn new(ids: &Arc<Ids>) -> Self {
        Self { ids: Arc::clone(ids), values: std::iter::repeat_with(|| None).take(ids.list.len()).collect() }
    }

    /// Returns the value of an asset or a step.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, id: &Q) -> Option<&V>
    where
        Id: Borrow<Q>,
    {
        self.at(self.ids.position(id)?)
    }

    /// Whether there is a value for an asset or a step.
    pub fn contains_key<Q: Hash + Eq + ?Sized>(&self, id: &Q) -> bool
    where
        Id: Borrow<Q>,
    {
        self.get(id).is_some()
    }

    /// Returns the position of an asset or a step in the plan.
    pub(super) fn position(&self, id: &Id) -> Option<usize> {
        self.ids.position(id)
    }

    /// Returns the value at a position in the plan.
    pub fn at(&self, position: usize) -> Option<&V> {
        self.values.get(position)?.as_ref()
    }

    /// Whether there is a value at a position in the plan.
    pub fn has(&self, position: usize) -> bool {
        self.at(position).is_some()
    }

    /// Returns, position by position, whether there is a value.
    pub fn present(&self) -> impl Iterator<Item = bool> {
        self.values.iter().map(Option::is_some)
    }

    /// Returns the value at a position in the plan, to be changed.
    pub(super) fn at_mut(&mut self, position: usize) -> Option<&mut V> {
        self.values.get_mut(position)?.as_mut()
    }

    /// Sets the value at a position in the plan.
    pub(super) fn set(&mut self, position: usize, value: V) {
        if let Some(place) = self.values.get_mut(position) {
            *place = Some(value);
        }
    }

    /// Takes the value at a position in the plan away.
    pub(super) fn take(&mut self, position: usize) -> Option<V> {
        self.values.get_mut(position)?.take()
    }

    /// Returns the ids that have a value, with it, in the order of the plan.
    pub fn iter(&self) -> Entries<'_, V> {
        self.ids.list.iter().zip(&self.values).filter_map(|(id, value)| Some((id, value.as_ref()?)))
    }

    /// Returns the ids that have a value, in the order of the plan.
    pub fn keys(&self) -> impl Iterator<Item = &Id> {
        self.iter().map(|(id, _)| id)
    }

    /// Returns the values, in the order of the plan.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter().flatten()
    }
}

/// The ids of a column that have a value, with it.
pub type Entries<'a, V> = FilterMap<
    Zip<slice::Iter<'a, Id>, slice::Iter<'a, Option<V>>>,
    fn((&'a Id, &'a Option<V>)) -> Option<(&'a Id, &'a V)>,
>;

impl<'a, V> IntoIterator for &'a Column<V> {
    type Item = (&'a Id, &'a V);
    type IntoIter = Entries<'a, V>;

    fn into_iter(self) -> Entries<'a, V> {
        self.iter()
    }
}

impl<V> Default for Column<V> {
    fn default() -> Self {
        Self { ids: Arc::default(), values: Vec::new() }
    }
}

impl<V, Q: Hash + Eq + fmt::Debug + ?Sized> Index<&Q> for Column<V>
where
    Id: Borrow<Q>,
{
    type Output = V;

    /// # Panics
    ///
    /// If there is no value for it; for tests and for what is known to be there.
    fn index(&self, id: &Q) -> &V {
        self.get(id).unwrap_or_else(|| panic!("nothing is said of {id:?}"))
    }
}

impl<V: fmt::Debug> fmt::Debug for Column<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
