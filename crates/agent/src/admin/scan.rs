//! Lists: pages as 1.x has them, or everything as 0.7.3 gives it.

use serde_json::Value;
use trustkeep_wallet::{Query, Record, Wallet};

use super::call::{Call, Generation};
use super::check::Check;
use super::field::{Field, Kind};
use super::refusal::Refusal;
use crate::Result;

/// Records on a page, if the call does not say.
const LIMIT: u64 = 100;
/// Records on a page, at most.
const LIMIT_MAX: i64 = 10_000;
/// Records that are given at once to who asks for no page.
const ALL_MAX: usize = 100_000;
/// Records that are read at one time.
const STEP: u64 = 1_000;

/// The parameters of a page.
pub(super) const PAGE: [Field; 4] = [
    Field::new("limit", Kind::Number { least: 1, most: LIMIT_MAX }, "Number of results to return")
        .new_in_one(),
    Field::new("offset", Kind::Number { least: 0, most: i64::MAX }, "Offset for pagination").new_in_one(),
    Field::checked("order_by", Check::OneOf(&["id"]), "The column to order results by").new_in_one(),
    Field::flag("descending", "Order results in descending order if true").new_in_one(),
];

/// Which of the records that fit are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    offset: u64,
    /// All, if none.
    limit: Option<u64>,
    is_descending: bool,
}

impl Page {
    /// Everything.
    pub(super) const ALL: Self = Self { offset: 0, limit: None, is_descending: false };

    /// What a call asks for.
    pub(super) fn of(call: &Call) -> Self {
        let limit = call.asked_number("limit");
        Self {
            offset: call.asked_number("offset").unwrap_or(0),
            limit: limit.or((call.generation == Generation::New).then_some(LIMIT)),
            is_descending: call.asked_flag("descending").unwrap_or(false),
        }
    }
}

/// Reads records in steps until the page is full.
///
/// # Errors
/// Those of the wallet; more than [`ALL_MAX`] records where no page was asked for.
pub(super) async fn scan(
    wallet: &Wallet,
    query: Query,
    page: Page,
    wanted: impl Fn(&Record) -> Result<Option<Value>>,
) -> std::result::Result<Vec<Value>, Refusal> {
    let (mut found, mut passed, mut read) = (Vec::new(), 0, 0);
    loop {
        let step =
            Query { offset: read, limit: Some(STEP), is_descending: page.is_descending, ..query.clone() };
        let records = wallet.find(&step).await?;
        for record in &records {
            let Some(view) = wanted(record)? else { continue };
            if passed < page.offset {
                passed += 1;
                continue;
            }
            if page.limit.is_none() && found.len() >= ALL_MAX {
                return Err(Refusal::bad(format!(
                    "More than {ALL_MAX} records fit: ask for them in pages, with limit and offset."
                )));
            }
            found.push(view);
            if page.limit.is_some_and(|limit| found.len() as u64 >= limit) {
                return Ok(found);
            }
        }
        read += STEP;
        if (records.len() as u64) < STEP {
            return Ok(found);
        }
    }
}
