//! `ledger`: assets, other contracts, and who executes.

use rquickjs::{String as JsString, Value};
use trustkeep_contract::{Environment, Error, guest};

use super::{Call, Failure, Method, Outcome, checks};
use crate::call::{WORLD, World};
use crate::fuel;
use crate::limits::TICKS_STORE;

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

/// Does something with the environment of the execution.
fn with<R>(work: impl FnOnce(&mut dyn Environment) -> R) -> Result<R, Error> {
    WORLD.with(|world| match world {
        World::Contract(environment) => Ok(work(environment)),
        World::Function(_) => Err(Error::Runtime("a function has no assets: only a contract does".into())),
    })
}

/// `get(id)` or `get(namespace, id)`: the asset, or `null`.
fn get<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let (namespace, id) = match call.arguments.len() {
        0 | 1 => (None, call.text(0, "id")?),
        _ => (Some(call.text(0, "namespace")?), call.text(1, "id")?),
    };
    call.state.take(TICKS_STORE)?;
    let found = with(|environment| environment.get(namespace.as_deref(), &id))??;
    call.value(found.as_ref().map(guest::asset).transpose().map_err(broken)?)
}

/// `put(id, data)` or `put(namespace, id, data)`.
fn put<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let (namespace, id, data) = match call.arguments.len() {
        0..=2 => (None, call.text(0, "id")?, call.json(1, "data")?),
        _ => (Some(call.text(0, "namespace")?), call.text(1, "id")?, call.json(2, "data")?),
    };
    call.state.take(TICKS_STORE)?;
    with(|environment| environment.put(namespace.as_deref(), &id, &data))??;
    call.nothing()
}

/// `scan(filter)`: an array of assets.
fn scan<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let filter = guest::filter(&call.json(0, "the filter")?)?;
    call.state.take(TICKS_STORE)?;
    let found = with(|environment| environment.scan(&filter))??;
    call.state.take((found.len() as u64).saturating_mul(TICKS_STORE))?;
    call.value(Some(guest::assets(&found).map_err(broken)?))
}

/// `invoke(contractId, argument)`: a string argument goes as it is, another as JSON; the result comes back as its
/// value if it is JSON, else as the text. The invoked contract spends of the invoking one's ticks.
fn invoke<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let contract_id = call.text(0, "contractId")?;
    let is_text = call.arguments.get(1).is_some_and(Value::is_string);
    let argument = if is_text { call.text(1, "argument")? } else { call.json(1, "argument")? };
    call.state.take(TICKS_STORE)?;
    let (outcome, left) =
        with(|environment| fuel::lend(call.state.left(), || environment.invoke(&contract_id, &argument)))?;
    call.state.left.set(left);
    let Some(text) = outcome? else { return call.value(None) };
    crate::call::value(call.ctx, Some(&text)).map_err(Failure::from)
}

fn is_root<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let is_root = with(|environment| environment.is_root())?;
    Ok(Value::new_bool(call.ctx.clone(), is_root))
}

fn client_identity_key<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let key = with(|environment| environment.client_identity_key())?;
    call.value(Some(guest::client_identity_key(&key)))
}

/// `setContext(context)`: a string goes as it is, anything else as JSON.
fn set_context<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let is_text = call.arguments.first().is_some_and(|value| JsString::from_value(value.clone()).is_ok());
    let context = if is_text { call.text(0, "context")? } else { call.json(0, "context")? };
    with(|environment| environment.set_context(&context))?;
    call.nothing()
}

fn broken(error: guest::GuestError) -> Failure {
    Failure::Contract(Error::Runtime(error.to_string()))
}
