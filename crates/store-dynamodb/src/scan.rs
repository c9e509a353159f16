//! Scans: the query that covers a range, and the pages that follow it.

use std::ops::Bound;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use trustkeep_store::{Key, Limits, Order, Page, Range, Record, Result, Scan, Value};

use crate::client::Client;
use crate::condition::Expression;
use crate::failure::Attempt;
use crate::item::{self, Item};
use crate::place::Place;

/// Items asked for in one request; DynamoDB ends a page at 1 MB besides.
const PAGE_ITEMS_MAX: usize = 1000;

/// The records of one partition.
pub(crate) async fn partition(client: &Client, place: &Place, scan: &Scan, limits: &Limits) -> Result<Page> {
    let Some(range) = non_empty(&scan.range).filter(|_| !is_empty(&scan.partition)) else {
        return Ok(Page::default());
    };
    let mut condition = Expression::default();
    let partition = condition.name(&place.partition.name);
    let value = condition.value(item::attribute(&scan.partition));
    condition.and(&format!("{partition} = {value}"));
    if let Some(clustering) = &place.clustering {
        let (start, end) = covering(place, &range, limits.clustering_bytes_max);
        between(&mut condition, &clustering.name, start, end);
    }
    let inside = |record: &Record| record.key.clustering.as_ref().is_some_and(|key| range.contains(key));
    query(client, place, &condition, scan.order, scan.limit, inside).await
}

/// The records of a whole logical table.
pub(crate) async fn table(
    client: &Client,
    place: &Place,
    after: Option<&Key>,
    limit: usize,
    limits: &Limits,
) -> Result<Page> {
    let Some(fixed) = &place.claim.fixed else {
        let start = after
            .map(|key| place.physical(key, limits).map(|physical| item::key_item(place, &physical)))
            .transpose()?;
        let ask = |start: Option<Item>, items: i32| {
            let request = client.sdk.scan().table_name(&*place.table).consistent_read(true).limit(items);
            async move {
                let sent = Box::pin(request.set_exclusive_start_key(start).send());
                let answer = client.attempt("Scan", &place.table, sent).await?;
                Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
            }
        };
        return pages(client, place, start, limit, |_| true, ask).await;
    };
    // All rows lie in one partition, so reading needs no right to scan the whole table.
    let after = after.map(|key| key.partition.clone());
    let range = Range { start: after.map_or(Bound::Unbounded, Bound::Excluded), end: Bound::Unbounded };
    let mut condition = Expression::default();
    let partition = condition.name(&place.partition.name);
    let value = condition.value(AttributeValue::S(fixed.clone()));
    condition.and(&format!("{partition} = {value}"));
    if let Some(clustering) = &place.clustering {
        let (start, end) = covering(place, &range, limits.clustering_bytes_max);
        between(&mut condition, &clustering.name, start, end);
    }
    let inside = |record: &Record| range.contains(&record.key.partition);
    query(client, place, &condition, Order::Ascending, limit, inside).await
}

async fn query(
    client: &Client,
    place: &Place,
    condition: &Expression,
    order: Order,
    limit: usize,
    inside: impl Fn(&Record) -> bool,
) -> Result<Page> {
    let ask = |start: Option<Item>, items: i32| {
        let request = client
            .sdk
            .query()
            .table_name(&*place.table)
            .consistent_read(true)
            .scan_index_forward(order == Order::Ascending)
            .set_key_condition_expression(condition.condition())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .limit(items);
        async move {
            let sent = Box::pin(request.set_exclusive_start_key(start).send());
            let answer = client.attempt("Query", &place.table, sent).await?;
            Ok((answer.items.unwrap_or_default(), answer.last_evaluated_key))
        }
    };
    pages(client, place, None, limit, inside, ask).await
}

/// Follows pages until one record more than `limit` is there, or the end.
async fn pages<F>(
    client: &Client,
    place: &Place,
    mut start: Option<Item>,
    limit: usize,
    inside: impl Fn(&Record) -> bool,
    ask: impl Fn(Option<Item>, i32) -> F,
) -> Result<Page>
where
    F: Future<Output = Attempt<(Vec<Item>, Option<Item>)>>,
{
    let mut records: Vec<Arc<Record>> = Vec::new();
    loop {
        let wanted = limit.saturating_add(1).saturating_sub(records.len()).clamp(1, PAGE_ITEMS_MAX);
        let items = i32::try_from(wanted).unwrap_or(i32::MAX);
        let (found, next) = client.repeat(|| ask(start.clone(), items)).await?;
        for found in &found {
            if let Some(record) = item::decode(place, found)?
                && inside(&record)
            {
                records.push(record);
            }
        }
        if records.len() > limit {
            records.truncate(limit);
            return Ok(Page { records, more: true });
        }
        match next {
            Some(next) if !next.is_empty() => start = Some(next),
            _ => return Ok(Page { records, more: false }),
        }
    }
}

/// The range without empty strings as bounds, which DynamoDB does not take; `None` if nothing lies in it.
fn non_empty(range: &Range) -> Option<Range> {
    let start = match &range.start {
        Bound::Included(value) | Bound::Excluded(value) if is_empty(value) => Bound::Unbounded,
        other => other.clone(),
    };
    match &range.end {
        Bound::Included(value) | Bound::Excluded(value) if is_empty(value) => return None,
        _ => {}
    }
    let range = Range { start, end: range.end.clone() };
    (!range.is_empty()).then_some(range)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Int(_) | Value::Bool(_) => false,
    }
}

/// Bounds that cover a range: with the key prefix before them, cut to the longest key there can be. They may
/// cover more than the range; what does not lie in it is dropped afterwards.
fn covering(place: &Place, range: &Range, bytes_max: usize) -> (Option<Value>, Option<Value>) {
    let inner = |bound: &Bound<Value>| match bound {
        Bound::Included(value) | Bound::Excluded(value) => Some(place.prefixed(value)),
        Bound::Unbounded => None,
    };
    let prefix = (!place.claim.prefix.is_empty()).then(|| Value::Text(place.claim.prefix.clone()));
    let start = inner(&range.start).or_else(|| prefix.clone()).map(|value| cut(value, bytes_max));
    let end = match inner(&range.end) {
        Some(value) if value.size() <= bytes_max => Some(value),
        Some(value) => behind(cut(value, bytes_max)),
        None => prefix.and_then(behind),
    };
    // Without an end the query runs to the end of the partition, and what is too much is dropped.
    (start, end.filter(|value| value.size() <= bytes_max))
}

/// A key condition has room for one BETWEEN and takes no two comparisons of one attribute.
fn between(condition: &mut Expression, attribute: &str, start: Option<Value>, end: Option<Value>) {
    if start.is_none() && end.is_none() {
        // DynamoDB refuses a name that no expression uses.
        return;
    }
    let name = condition.name(attribute);
    let term = match (start, end) {
        (None, None) => return,
        (Some(start), None) => format!("{name} >= {}", condition.value(item::attribute(&start))),
        (None, Some(end)) => format!("{name} <= {}", condition.value(item::attribute(&end))),
        (Some(start), Some(end)) => {
            let start = condition.value(item::attribute(&start));
            let end = condition.value(item::attribute(&end));
            format!("{name} BETWEEN {start} AND {end}")
        }
    };
    condition.and(&term);
}

/// The first `bytes_max` bytes, at a character's end.
fn cut(value: Value, bytes_max: usize) -> Value {
    match value {
        Value::Text(mut text) => {
            text.truncate(text.floor_char_boundary(bytes_max));
            Value::Text(text)
        }
        Value::Bytes(bytes) => Value::Bytes(bytes.slice(..bytes.len().min(bytes_max))),
        other => other,
    }
}

/// The least value behind all that begin with this one; `None` if there is none.
fn behind(value: Value) -> Option<Value> {
    match value {
        Value::Text(mut text) => {
            while let Some(last) = text.pop() {
                let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
                if let Some(next) = next {
                    text.push(next);
                    return Some(Value::Text(text));
                }
            }
            None
        }
        Value::Bytes(bytes) => {
            let mut bytes = bytes.to_vec();
            while let Some(last) = bytes.pop() {
                if let Some(next) = last.checked_add(1) {
                    bytes.push(next);
                    return Some(Value::from(bytes));
                }
            }
            None
        }
        other => Some(other),
    }
}
