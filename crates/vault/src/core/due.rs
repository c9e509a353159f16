//! What is due when: an index by time that is read from its beginning and never whole.
//!
//! Entries stand in folders of 16 seconds each, `<folder>/<bucket>/<due>-<key>` in hexadecimal, so that names sort
//! by time and the sweeper meets what is due first, however much is not.

use super::view::View;
use crate::Result;

/// An index by time in a folder of a view. It adds nothing to a batch itself: see [`DueIndex::path`].
#[derive(Clone, Debug)]
pub(super) struct DueIndex {
    view: View,
    folder: &'static str,
}

/// An entry of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Where it stands in the view.
    pub(super) path: String,
    /// What it stands for.
    pub(super) key: String,
}

impl DueIndex {
    /// The index in `folder` (without slashes) of `view`.
    pub(super) fn new(view: View, folder: &'static str) -> Self {
        DueIndex { view, folder }
    }

    /// Where the entry of `key` (without slashes), due at `due` (unix seconds), stands in the view.
    pub(super) fn path(&self, due: i64, key: &str) -> String {
        format!("{}/{:012x}/{due:012x}-{key}", self.folder, due / BUCKET_SECONDS)
    }

    /// At most `limit` entries that are due at `now` (unix seconds), the earliest first.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub(super) async fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>> {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let buckets = self.view.list_page(self.folder, &after, BUCKETS_A_PAGE).await?;
            for bucket in &buckets {
                let Some(bucket) = bucket.strip_suffix('/') else { continue };
                if i64::from_str_radix(bucket, 16).is_ok_and(|bucket| bucket > now / BUCKET_SECONDS) {
                    return Ok(found);
                }
                let folder = format!("{}/{bucket}", self.folder);
                for name in self.view.list_page(&folder, "", limit - found.len()).await? {
                    let Some((due, key)) = name.split_once('-') else { continue };
                    if i64::from_str_radix(due, 16).is_ok_and(|due| due > now) {
                        break;
                    }
                    found.push(Due { path: format!("{folder}/{name}"), key: key.to_owned() });
                }
                if found.len() >= limit {
                    return Ok(found);
                }
            }
            match buckets.last() {
                Some(last) if buckets.len() == BUCKETS_A_PAGE => after.clone_from(last),
                _ => return Ok(found),
            }
        }
    }
}

const BUCKET_SECONDS: i64 = 16;
const BUCKETS_A_PAGE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Batch;
    use crate::engines::test_support::Fixture;

    #[tokio::test]
    async fn what_is_due_comes_in_order_and_within_the_limit() {
        let fixture = Fixture::new().await;
        let index = DueIndex::new(fixture.view.clone(), "due");
        let mut batch = Batch::new();
        for due in (0..200).rev() {
            batch = batch.put(index.path(due * 5, &format!("k{due}")), Vec::new());
        }
        fixture.view.commit(batch).await.unwrap();
        assert!(index.due(-1, 10).await.unwrap().is_empty());
        let keys = |found: Vec<Due>| found.into_iter().map(|due| due.key).collect::<Vec<_>>();
        assert_eq!(keys(index.due(12, 10).await.unwrap()), ["k0", "k1", "k2"]);
        assert_eq!(keys(index.due(1000, 4).await.unwrap()), ["k0", "k1", "k2", "k3"]);
        assert_eq!(index.due(1000, 1000).await.unwrap().len(), 200);
        let first = index.due(0, 1).await.unwrap().remove(0);
        fixture.view.commit(Batch::new().delete(first.path)).await.unwrap();
        assert_eq!(keys(index.due(5, 10).await.unwrap()), ["k1"]);
    }
}
