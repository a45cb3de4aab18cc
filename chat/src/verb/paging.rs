//! The requested page of a list, and what fits into it.

use serde::Serialize;
use wire::MessageId;

use crate::limit::PAGE_BYTES;

/// The part of a list that is asked for.
#[derive(Clone, Copy)]
pub(crate) struct PageRequest {
    pub(crate) before: Option<MessageId>,
    pub(crate) limit: Option<i64>,
}

impl PageRequest {
    /// Only items older than this one.
    pub(crate) fn before(self) -> MessageId {
        self.before.unwrap_or(MessageId(i64::MAX))
    }

    /// The most items in the answer: `usual` unless the client says otherwise.
    pub(crate) fn limit(self, usual: usize) -> usize {
        self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usual)
    }
}

/// Takes items while there are fewer than `limit`, and less JSON than [`PAGE_BYTES`]. Returns them, and whether there
/// are more.
pub(crate) fn page_of<T: Serialize>(
    items: impl Iterator<Item = T>,
    limit: usize,
) -> (Vec<T>, bool) {
    page_within(items, limit, &mut { PAGE_BYTES })
}

/// As [`page_of`], with as many bytes of JSON as `budget` has left, of which those of the page are taken.
pub(crate) fn page_within<T: Serialize>(
    items: impl Iterator<Item = T>,
    limit: usize,
    budget: &mut usize,
) -> (Vec<T>, bool) {
    let mut page = Vec::new();
    for item in items {
        if page.len() == limit || *budget == 0 {
            return (page, true);
        }
        let bytes = serde_json::to_vec(&item).map_or(0, |json| json.len());
        *budget = budget.saturating_sub(bytes);
        page.push(item);
    }
    (page, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_limit_or_with_the_item_that_passes_its_bytes() {
        assert_eq!(page_of(0..3, 3), (vec![0, 1, 2], false));
        assert_eq!(page_of(0..4, 3), (vec![0, 1, 2], true));
        let big = "x".repeat(PAGE_BYTES / 2);
        let (page, more) = page_of(std::iter::repeat_n(&big, 9), 9);
        assert_eq!((page.len(), more), (2, true));
    }
}
