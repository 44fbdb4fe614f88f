//! What a rule works out once for all routes of a plan.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Context;

type Kept = Arc<dyn Any + Send + Sync>;

/// What was worked out, by its type.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<TypeId, Arc<OnceLock<Kept>>>>);

impl Context<'_> {
    /// Returns what is the same on every route, worked out when it is first asked for. Its type is its name, so each rule
    /// has one of its own.
    pub(super) fn once<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let place = {
            let mut places = self.memo.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(TypeId::of::<T>()).or_default())
        };
        let kept = Arc::clone(place.get_or_init(|| Arc::new(make())));
        kept.downcast().unwrap_or_else(|_| unreachable!("a value is kept by its type"))
    }
}
