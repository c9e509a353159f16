//! Carrying out a group of commits as one conditional transaction, and telling apart who failed.
//!
//! A transaction that was cancelled names the items whose condition failed: their commits get a conflict, the
//! others go again without them. Where it stays open whether a request arrived, the identical request is
//! repeated with the same token, which DynamoDB carries out once.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{ConditionCheck, Delete, Put, TransactWriteItem, Update};
use trustkeep_store::{Commit, Error, Result, Version};

use crate::client::Client;
use crate::condition::{Expression, Test};
use crate::failure::{Attempt, Failure, Reason};
use crate::item::{self, NO_VERSION};
use crate::metrics;
use crate::place::RowId;
use crate::queue::{Action, Job, Step};

/// Carries out commits that go together and answers each.
pub(crate) async fn run(client: &Client, fence_by_update: bool, jobs: Vec<Job>) {
    let mut round = Round::new(client, fence_by_update, jobs);
    while !round.jobs.is_empty() {
        if !round.go().await {
            // The whole request was refused, perhaps for one commit's sake: each alone finds out whose.
            let jobs = std::mem::take(&mut round.jobs);
            for job in jobs {
                let mut alone = Round::new(client, fence_by_update, vec![job]);
                while !alone.jobs.is_empty() {
                    alone.go().await;
                }
            }
        }
    }
}

/// Commits under way, and what is known of the attempts so far.
struct Round<'a> {
    client: &'a Client,
    fence_by_update: bool,
    jobs: Vec<Job>,
    token: String,
    /// What an attempt with this token said that left its outcome open.
    open: Option<String>,
    backoff: crate::client::Backoff<'a>,
}

impl<'a> Round<'a> {
    fn new(client: &'a Client, fence_by_update: bool, jobs: Vec<Job>) -> Self {
        metrics::group(jobs.len());
        Round { client, fence_by_update, jobs, token: client.token(), open: None, backoff: client.backoff() }
    }

    /// One attempt. False if all were refused together and should be tried one by one.
    async fn go(&mut self) -> bool {
        let answer = match direct(&self.jobs) {
            Some(step) => self.put_directly(step).await,
            None => self.transact().await,
        };
        match answer {
            Ok(()) => self.acknowledge(),
            Err(Failure::Condition) => self.direct_condition_failed().await,
            Err(Failure::Cancelled(reasons)) => self.cancelled(&reasons).await,
            Err(Failure::Again { reason, message }) => self.again(reason, message).await,
            Err(Failure::Unknown(message)) => {
                self.open = Some(message.clone());
                self.again("unknown", message).await;
            }
            Err(Failure::Refused(error) | Failure::NoTable(error)) => {
                if let Some(message) = self.open.take() {
                    self.answer_all(&Error::OutcomeUnknown(format!("{message}; then {error}")));
                } else if self.jobs.len() > 1 {
                    return false;
                } else {
                    self.answer_all(&error);
                }
            }
        }
        true
    }

    fn acknowledge(&mut self) {
        for job in self.jobs.drain(..) {
            let version = job.version;
            answer(job, Ok(version));
        }
    }

    /// Pauses before the next attempt, or answers all if there have been enough.
    async fn again(&mut self, reason: &'static str, message: String) {
        if self.backoff.pause(reason, &message).await {
            if self.open.is_none() {
                // Nothing happened so far: what follows is a request of its own.
                self.token = self.client.token();
            }
            return;
        }
        let error = match self.open.take() {
            Some(message) => Error::OutcomeUnknown(message),
            None => Error::Unavailable(message),
        };
        self.answer_all(&error);
    }

    fn answer_all(&mut self, error: &Error) {
        for job in self.jobs.drain(..) {
            answer(job, Err(error.clone()));
        }
    }

    /// Answers the commits whose items failed for good; the others stay for the next attempt.
    async fn cancelled(&mut self, reasons: &[Reason]) {
        if self.open.is_some() && self.happened().await {
            return self.acknowledge();
        }
        let by_row: HashMap<RowId, &Reason> = rows(&self.jobs).into_iter().zip(reasons).collect();
        let verdict = |job: &Job| {
            job.steps.iter().find_map(|step| match by_row.get(&step.row)? {
                Reason::Condition => Some(Commit::conflict(&step.table, &step.key)),
                Reason::Refused(why) => Some(Error::Invalid(format!("{}: {why}", step.place.table))),
                Reason::Fine | Reason::Again(_) => None,
            })
        };
        let before = self.jobs.len();
        let mut left = Vec::with_capacity(before);
        for job in self.jobs.drain(..) {
            match verdict(&job) {
                Some(error) => answer(job, Err(error)),
                None => left.push(job),
            }
        }
        self.jobs = left;
        let again = reasons.iter().find_map(|reason| match reason {
            Reason::Again(why) => Some(*why),
            _ => None,
        });
        if self.jobs.len() < before {
            // Nothing of the old request happened; what is left is another request.
            self.token = self.client.token();
            self.open = None;
        }
        if self.jobs.is_empty() || (again.is_none() && self.jobs.len() < before) {
            return;
        }
        let reason = again.unwrap_or("cancelled");
        self.again(reason, format!("the transaction was cancelled ({reason})")).await;
    }

    /// A conditional PutItem failed: a conflict, unless it was an earlier attempt of ours that changed the row.
    async fn direct_condition_failed(&mut self) {
        let open = self.open.take();
        if open.is_some() && self.happened().await {
            return self.acknowledge();
        }
        for job in self.jobs.drain(..) {
            let verdict = match (&open, job.steps.first()) {
                // Perhaps ours happened and was replaced since.
                (Some(message), _) => Error::OutcomeUnknown(message.clone()),
                (None, Some(step)) => Commit::conflict(&step.table, &step.key),
                (None, None) => continue,
            };
            answer(job, Err(verdict));
        }
    }

    /// Whether a row that the group puts has its version, which no other commit ever gives: then an earlier
    /// attempt went through. (Tokens answer this on DynamoDB itself; some emulators ignore them.)
    async fn happened(&self) -> bool {
        let put = self.jobs.iter().find_map(|job| {
            let step = job.steps.iter().find(|step| matches!(step.action, Action::Put(_)))?;
            Some((step, job.version))
        });
        let Some((step, version)) = put else { return false };
        let found = self.client.repeat(|| read_version(self.client, step)).await;
        found.is_ok_and(|found| found == Some(version))
    }

    async fn put_directly(&self, step: &Step) -> Attempt<()> {
        let Action::Put(item) = &step.action else { return self.transact().await };
        let condition = Expression::all(&step.place, &step.tests);
        let request = self
            .client
            .sdk
            .put_item()
            .table_name(&*step.row.table)
            .set_item(Some(item.clone()))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .send();
        self.client.attempt("PutItem", &step.row.table, Box::pin(request)).await.map(drop)
    }

    async fn transact(&self) -> Attempt<()> {
        let mut request = self.client.sdk.transact_write_items().client_request_token(&self.token);
        let mut seen = std::collections::HashSet::new();
        let mut tables: Vec<&str> = Vec::new();
        for step in self.jobs.iter().flat_map(|job| &job.steps) {
            if seen.insert(&step.row) {
                request = request.transact_items(item_of(step, self.fence_by_update)?);
                if !tables.contains(&&*step.row.table) {
                    tables.push(&step.row.table);
                }
            }
        }
        let tables = tables.join(", ");
        let sent =
            self.client.attempt_reading("TransactWriteItems", &tables, Box::pin(request.send()), |error| {
                let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
                    return None;
                };
                let reasons = cancelled.cancellation_reasons();
                Some(Failure::Cancelled(
                    reasons.iter().map(|reason| Reason::of(reason.code(), reason.message())).collect(),
                ))
            });
        sent.await.map(drop)
    }
}

/// The step of a group that needs no transaction: one row is replaced if it is at a version that was read.
/// Such a put can be repeated: an old version never comes back, so it happens once at most.
fn direct(jobs: &[Job]) -> Option<&Step> {
    let [job] = jobs else { return None };
    let [step] = job.steps.as_slice() else { return None };
    let by_version = |test: &Test| matches!(test, Test::Version(version) if *version != NO_VERSION);
    let replaces = matches!(step.action, Action::Put(_)) && step.tests.iter().any(by_version);
    replaces.then_some(step)
}

/// The rows of a group in the order of the request's items.
fn rows(jobs: &[Job]) -> Vec<RowId> {
    let mut seen = std::collections::HashSet::new();
    let steps = jobs.iter().flat_map(|job| &job.steps);
    steps.filter(|step| seen.insert(&step.row)).map(|step| step.row.clone()).collect()
}

fn item_of(step: &Step, fence_by_update: bool) -> Attempt<TransactWriteItem> {
    let mut condition = Expression::all(&step.place, &step.tests);
    let key = item::key_item(&step.place, &step.row.key);
    let table = &*step.row.table;
    let builder = TransactWriteItem::builder();
    let built = match &step.action {
        Action::Put(item) => Put::builder()
            .table_name(table)
            .set_item(Some(item.clone()))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .build()
            .map(|put| builder.put(put)),
        // Where a check by update would make the row, deleting what does not exist checks the same.
        Action::Check if fence_by_update && step.tests.contains(&Test::Absent) => {
            delete(table, key, &condition).map(|delete| builder.delete(delete))
        }
        Action::Delete => delete(table, key, &condition).map(|delete| builder.delete(delete)),
        Action::Check if fence_by_update => {
            let test = condition.condition();
            let nothing = condition.name(FENCE_ATTRIBUTE);
            Update::builder()
                .table_name(table)
                .set_key(Some(key))
                .update_expression(format!("REMOVE {nothing}"))
                .set_condition_expression(test)
                .set_expression_attribute_names(condition.names())
                .set_expression_attribute_values(condition.values())
                .build()
                .map(|update| builder.update(update))
        }
        Action::Check => ConditionCheck::builder()
            .table_name(table)
            .set_key(Some(key))
            .set_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .build()
            .map(|check| builder.condition_check(check)),
    };
    let built = built.map_err(|error| Failure::Refused(Error::Invalid(error.to_string())))?;
    Ok(built.build())
}

/// An attribute that no row has: removing it changes nothing.
const FENCE_ATTRIBUTE: &str = "trustkeep-fence";

fn delete(
    table: &str,
    key: item::Item,
    condition: &Expression,
) -> std::result::Result<Delete, aws_sdk_dynamodb::error::BuildError> {
    Delete::builder()
        .table_name(table)
        .set_key(Some(key))
        .set_condition_expression(condition.condition())
        .set_expression_attribute_names(condition.names())
        .set_expression_attribute_values(condition.values())
        .build()
}

async fn read_version(client: &Client, step: &Step) -> Attempt<Option<Version>> {
    let request = client
        .sdk
        .get_item()
        .table_name(&*step.row.table)
        .set_key(Some(item::key_item(&step.place, &step.row.key)))
        .consistent_read(true)
        .send();
    let found = client.attempt("GetItem", &step.row.table, Box::pin(request)).await?;
    let record = found.item().map(|found| item::decode(&step.place, found)).transpose();
    Ok(record.map_err(Failure::Refused)?.flatten().map(|record| record.version))
}

/// Answers a commit; that nobody waits any more is no failure.
fn answer(job: Job, result: Result<Version>) {
    let _ = job.done.send(result);
}
