//! Lists of numbers by number.

/// One list of numbers for each number up to a count, laid out as one: a large plan has many short ones.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    begins: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// Sorts pairs of list and item into so many lists; in each, the items keep their order.
    ///
    /// # Panics
    ///
    /// When there is no such list.
    pub fn new(count: usize, pairs: &[(u32, u32)]) -> Self {
        // First how many there are in the list before, then where the next one goes; at last, each begins where the one before it
        // is full.
        let mut begins = vec![0; count + 2];
        for (list, _) in pairs {
            begins[*list as usize + 2] += 1;
        }
        for at in 2..count + 2 {
            begins[at] += begins[at - 1];
        }
        let mut items = vec![0; pairs.len()];
        for (list, item) in pairs {
            let next: &mut u32 = &mut begins[*list as usize + 1];
            items[*next as usize] = *item;
            *next += 1;
        }
        begins.pop();
        Self { begins, items }
    }

    /// Returns the items of a list; none if there is no such list.
    pub fn of(&self, list: usize) -> impl DoubleEndedIterator<Item = usize> + Clone {
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
pub fn small(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_keep_their_order_and_lists_may_be_empty() {
        let lists = Lists::new(4, &[(2, 7), (0, 1), (2, 3), (3, 9), (2, 7)]);
        let all: Vec<Vec<usize>> = (0..5).map(|list| lists.of(list).collect()).collect();
        assert_eq!(all, [vec![1], vec![], vec![7, 3, 7], vec![9], vec![]]);
        assert!(Lists::new(0, &[]).of(0).next().is_none());
    }
}
