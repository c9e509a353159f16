//! The behavioural suite that every backend passes.
//!
//! A backend's tests write a [`Harness`] and stamp the suite with [`conformance!`](crate::conformance!); they need `tokio`
//! among their dev-dependencies, and this crate with the feature `conformance`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "this is a test suite: it reports by panicking"
)]

pub mod batches;
pub mod instances;
pub mod keys;
pub mod queries;
pub mod records;

use std::sync::Arc;

use crate::{Backend, Batch, Error, Record, Result, Tag};

/// How the suite gets at a backend. One harness is made for each case.
#[async_trait::async_trait]
pub trait Harness: Send + Sync {
    /// An instance on this harness's wallet, which is empty before the first one.
    async fn open(&self) -> Arc<dyn Backend>;

    /// Whether instances hear what others tell.
    fn tells_others(&self) -> bool {
        true
    }
}

/// Stamps every case of the suite as a `#[tokio::test]` of its own.
///
/// Takes the path of an `async fn() -> Option<impl Harness>`, which is called for each case; where it answers `None` there
/// is nothing to test against (it says why itself) and the case ends.
#[macro_export]
macro_rules! conformance {
    ($harness:path) => {
        $crate::conformance!(@module $harness, records:
            a_record_reads_back_as_written,
            a_put_replaces_value_and_tags,
            categories_do_not_share_names,
            what_is_not_there_is_removed_already,
            what_was_committed_outlives_the_instance,
        );
        $crate::conformance!(@module $harness, queries:
            records_come_in_the_order_in_which_they_were_first_put,
            pages_visit_every_record_once,
            filters_find_what_the_model_finds,
            a_category_holds_nothing_of_another,
        );
        $crate::conformance!(@module $harness, batches:
            what_does_not_hold_is_named_and_nothing_of_its_batch_stands,
            a_group_is_carried_out_in_turn_without_those_that_fail,
            a_batch_sees_what_it_wrote_itself,
            a_batch_that_only_expects_is_checked,
            random_groups_match_the_model,
        );
        $crate::conformance!(@module $harness, instances:
            counters_lose_no_increment,
            one_of_many_makes_a_record,
            a_lane_is_seen_in_the_order_of_its_commits,
            what_one_tells_another_hears,
            shards_are_shared_by_two_instances,
        );
        $crate::conformance!(@module $harness, keys:
            keys_of_every_kind_read_back,
            a_key_stays_as_it_was_first_put,
            keys_come_and_go_with_their_batch,
        );
    };
    (@module $harness:path, $module:ident: $($case:ident,)+) => {
        mod $module {
            use super::*;

            $(
                #[::tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    if let Some(harness) = $harness().await {
                        $crate::conformance::$module::$case(&harness).await;
                    }
                }
            )+
        }
    };
}

/// Carries out one batch.
async fn commit(backend: &dyn Backend, batch: Batch) -> Result<()> {
    backend.commit(std::slice::from_ref(&batch)).await?.into_iter().collect()
}

/// Makes records, all at once.
async fn make(backend: &dyn Backend, records: impl IntoIterator<Item = Record>) {
    let mut batch = Batch::new();
    for record in records {
        batch.insert(record);
    }
    commit(backend, batch).await.unwrap();
}

/// A record with its tags in order: that of tags is not kept.
fn sorted(mut record: Record) -> Record {
    record.tags.sort_by(|one, other| key(one).cmp(&key(other)));
    record
}

fn key(tag: &Tag) -> (bool, &str, &str) {
    (tag.is_plain, &tag.name, &tag.value)
}

fn plain(mut record: Record, name: &str, value: &str) -> Record {
    record.tags.push(Tag { name: name.to_owned(), value: value.to_owned(), is_plain: true });
    record
}

fn assert_same(found: Option<Record>, expected: &Record) {
    let (found, expected) = (sorted(found.expect("the record is there")), sorted(expected.clone()));
    assert_eq!((&found.category, &found.name), (&expected.category, &expected.name));
    assert_eq!(found.value, expected.value);
    assert_eq!(found.tags, expected.tags);
}

fn is_conflict_on(outcome: &Result<()>, category: &str, name: &str) -> bool {
    matches!(outcome, Err(Error::Conflict { category: c, name: n }) if c == category && n == name)
}
