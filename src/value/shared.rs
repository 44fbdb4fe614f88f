//! Names that are held once while something large is read.

use std::cell::RefCell;
use std::collections::HashSet;

use arcstr::ArcStr;

type Known = HashSet<ArcStr, ahash::RandomState>;

thread_local! {
    /// The names that have been read on this thread; none while nobody shares them.
    static KNOWN: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// Reads something of which equal names are held once: a large plan names each of its things several times.
pub fn sharing_names<T>(read: impl FnOnce() -> T) -> T {
    /// Also where a reader panics, the next one begins anew.
    struct Before(Option<Known>);

    impl Drop for Before {
        fn drop(&mut self) {
            KNOWN.set(self.0.take());
        }
    }

    let _before = Before(KNOWN.replace(Some(Known::default())));
    read()
}

/// Returns a name that is held by itself, or with those that are equal.
pub(super) fn name(text: &str) -> ArcStr {
    KNOWN.with_borrow_mut(|known| {
        let Some(known) = known else { return ArcStr::from(text) };
        if let Some(known) = known.get(text) {
            return known.clone();
        }
        let name: ArcStr = ArcStr::from(text);
        known.insert(name.clone());
        name
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_while_they_are_shared() {
        let is_one = |first: ArcStr, second: ArcStr| ArcStr::ptr_eq(&first, &second);
        assert!(!is_one(name("db"), name("db")));
        let first = sharing_names(|| {
            let first = name("db");
            // What is read within it has names of its own, and leaves these alone.
            assert!(!is_one(sharing_names(|| name("db")), first.clone()));
            assert!(is_one(name("db"), first.clone()));
            first
        });
        assert!(!is_one(name("db"), first));
    }
}
