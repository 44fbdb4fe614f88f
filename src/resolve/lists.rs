//! Lists of numbers by number.

/// One list of numbers for each number up to a count, laid out as one: a large plan has many short ones.
#[derive(Default)]
pub(super) struct Lists {
    begins: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Sorts pairs of list and item into so many lists; in each, the items keep their order.
    pub(super) fn new(count: usize, pairs: &[(u32, u32)]) -> Self {
        let mut begins = vec![0; count + 1];
        for (list, _) in pairs {
            begins[*list as usize + 1] += 1;
        }
        for at in 0..count {
            begins[at + 1] += begins[at];
        }
        let mut next = begins.clone();
        let mut items = vec![0; pairs.len()];
        for (list, item) in pairs {
            let next = &mut next[*list as usize];
            items[*next as usize] = *item;
            *next += 1;
        }
        Self { begins, items }
    }

    /// Returns the items of a list; none if there is no such list.
    pub(super) fn of(&self, list: usize) -> impl DoubleEndedIterator<Item = usize> + Clone {
        let bounds = self.begins.get(list).zip(self.begins.get(list + 1));
        let items = bounds.and_then(|(begin, end)| self.items.get(*begin as usize..*end as usize));
        items.unwrap_or_default().iter().map(|item| *item as usize)
    }

    /// Whether a list has an item.
    pub(super) fn has(&self, list: usize, item: usize) -> bool {
        self.of(list).any(|other| other == item)
    }
}

/// Returns a position as it is kept; no plan has so many things that it would not fit, since a text has at most 100 MiB.
pub(super) fn small(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
