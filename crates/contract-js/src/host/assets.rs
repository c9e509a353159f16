//! `ledger`: assets, other contracts, and who executes.

use rquickjs::{String as JsString, Value};
use trustkeep_contract::budget;

use super::{Call, Failure, Method, Outcome, checks};
use crate::limits::{TICKS_STORE, WORK_PER_TICK};
use crate::outside::Ask;

/// The methods of `ledger`.
pub(crate) const LEDGER: &[Method] = &[
    Method { name: "get", call: get },
    Method { name: "put", call: put },
    Method { name: "scan", call: scan },
    Method { name: "invoke", call: invoke },
    Method { name: "isRoot", call: is_root },
    Method { name: "getClientIdentityKey", call: client_identity_key },
    Method { name: "setContext", call: set_context },
    checks::SHA256,
    checks::VERIFY_SIGNATURE,
];

/// `get(id)` or `get(namespace, id)`: the asset, or `null`.
fn get<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let (namespace, id) = match call.arguments.len() {
        0 | 1 => (None, call.text(0, "id")?),
        _ => (Some(call.text(0, "namespace")?), call.text(1, "id")?),
    };
    call.state.take(TICKS_STORE)?;
    let found = call.ask(Ask::Get, &[namespace.map(Into::into), Some(id.into())])?;
    call.value(found.text)
}

/// `put(id, data)` or `put(namespace, id, data)`.
fn put<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let (namespace, id, data) = match call.arguments.len() {
        0..=2 => (None, call.text(0, "id")?, call.json(1, "data")?),
        _ => (Some(call.text(0, "namespace")?), call.text(1, "id")?, call.json(2, "data")?),
    };
    call.state.take(TICKS_STORE)?;
    call.ask(Ask::Put, &[namespace.map(Into::into), Some(id.into()), Some(data.into())])?;
    call.nothing()
}

/// `scan(filter)`: an array of assets.
fn scan<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let filter = call.json(0, "the filter")?;
    call.state.take(TICKS_STORE)?;
    let found = call.ask(Ask::Scan, &[Some(filter.into())])?;
    call.state.take(found.count.saturating_mul(TICKS_STORE))?;
    call.value(found.text)
}

/// `invoke(contractId, argument)`: a string argument goes as it is, another as JSON; the result comes back as its
/// value if it is JSON, else as the text. The invoked contract spends of the invoking one's ticks.
fn invoke<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let contract_id = call.text(0, "contractId")?;
    let is_text = call.arguments.get(1).is_some_and(Value::is_string);
    let argument = if is_text { call.text(1, "argument")? } else { call.json(1, "argument")? };
    call.state.take(TICKS_STORE)?;
    budget::set_work(call.state.left().saturating_mul(WORK_PER_TICK));
    let outcome = call.ask(Ask::Invoke, &[Some(contract_id.into()), Some(argument.into())]);
    call.state.left.set(budget::work() / WORK_PER_TICK);
    let Some(text) = outcome?.text else { return call.value(None) };
    call.state.take_bytes(text.len())?;
    crate::call::value(call.ctx, Some(&text)).map_err(Failure::from)
}

fn is_root<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let is_root = call.ask(Ask::IsRoot, &[])?.count > 0;
    Ok(Value::new_bool(call.ctx.clone(), is_root))
}

fn client_identity_key<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let key = call.ask(Ask::ClientIdentityKey, &[])?;
    call.value(key.text)
}

/// `setContext(context)`: a string goes as it is, anything else as JSON.
fn set_context<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let is_text = call.arguments.first().is_some_and(|value| JsString::from_value(value.clone()).is_ok());
    let context = if is_text { call.text(0, "context")? } else { call.json(0, "context")? };
    call.ask(Ask::SetContext, &[Some(context.into())])?;
    call.nothing()
}
