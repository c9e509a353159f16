//! The bank account of the original's sample application: one asset per account with its balance.

use super::call::{Call, Run, data, refusal, required};
use crate::json::{Json, Number, object};
use crate::{Asset, AssetFilter, AssetOrder, Environment, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "CreateAccount" => create_account,
        "AccountHistory" => account_history,
        "Deposit" => deposit,
        "Withdraw" => withdraw,
        "Transfer" => transfer,
        _ => return None,
    })
}

fn create_account(call: Call<'_>) -> Result<Option<String>> {
    let id = call.argument.member("id", "a required key is missing: id")?.to_text();
    if call.ledger.get(None, &id)?.is_some() {
        return Err(refusal("account already exists"));
    }
    put(call.ledger, &id, 0)?;
    let message = format!("account {id} created");
    Ok(Some(object([("status", "succeeded".into()), ("message", message.into())]).text()))
}

fn account_history(call: Call<'_>) -> Result<Option<String>> {
    let id = call.argument.member("id", "a required key is missing: id")?.to_text().into_owned();
    let int = |name| call.argument.get(name).map(Json::to_int);
    let ascending = call.argument.get("order").is_some_and(|order| order.to_text() == "asc");
    // The end is exclusive. Nothing is below age 0: a range that ends there is one that ends before it starts.
    let (start_age, end_age) = match int("end") {
        Some(end) if end <= 0 => (Some(1), Some(0)),
        end => (int("start").map(|start| start.max(0).unsigned_abs()), end.map(|end| end.unsigned_abs() - 1)),
    };
    let filter = AssetFilter {
        namespace: None,
        id,
        start_age,
        end_age,
        order: if ascending { AssetOrder::Ascending } else { AssetOrder::Descending },
        limit: int("limit").unwrap_or(0).max(0).unsigned_abs(),
    };
    let mut history = Vec::new();
    for asset in call.ledger.scan(&filter)? {
        let data = data(&asset)?;
        history.push(object([("id", asset.id.into()), ("age", asset.age.into()), ("data", data)]));
    }
    Ok(Some(object([("status", "succeeded".into()), ("history", history.into())]).text()))
}

fn deposit(call: Call<'_>) -> Result<Option<String>> {
    change(call, |balance, amount| Ok(balance.wrapping_add(amount)))
}

fn withdraw(call: Call<'_>) -> Result<Option<String>> {
    change(call, |balance, amount| match balance.wrapping_sub(amount) {
        ..0 => Err(refusal("insufficient funds")),
        new => Ok(new),
    })
}

fn change(call: Call<'_>, with: fn(i64, i64) -> Result<i64>) -> Result<Option<String>> {
    let (Some(id), Some(amount)) = (call.argument.get("id"), call.argument.get("amount")) else {
        return Err(refusal("a required key is missing: id and/or amount"));
    };
    let (id, amount) = (id.to_text(), amount.to_long());
    if amount < 0 {
        return Err(refusal("amount is negative"));
    }
    let asset = call.ledger.get(None, &id)?.ok_or_else(|| refusal("account does not exist"))?;
    let old = balance(&asset)?;
    let new = with(old, amount)?;
    put(call.ledger, &id, new)?;
    Ok(Some(succeeded([("old_balance", old), ("new_balance", new)])))
}

fn transfer(call: Call<'_>) -> Result<Option<String>> {
    let member = |name| call.argument.get(name);
    let (Some(from), Some(to), Some(amount)) = (member("from"), member("to"), member("amount")) else {
        return Err(refusal("a required key is missing: from, to, and/or amount"));
    };
    let (from_id, to_id, amount) = (from.to_text(), to.to_text(), amount.to_long());
    if amount < 0 {
        return Err(refusal("amount is negative"));
    }
    let (from, to) = (call.ledger.get(None, &from_id)?, call.ledger.get(None, &to_id)?);
    let from_old = balance(&from.ok_or_else(|| refusal("from account does not exist"))?)?;
    let to_old = balance(&to.ok_or_else(|| refusal("to account does not exist"))?)?;
    let (from_new, to_new) = (from_old.wrapping_sub(amount), to_old.wrapping_add(amount));
    if from_new < 0 {
        return Err(refusal("insufficient funds"));
    }
    put(call.ledger, &from_id, from_new)?;
    put(call.ledger, &to_id, to_new)?;
    Ok(Some(succeeded([
        ("from_old_balance", from_old),
        ("from_new_balance", from_new),
        ("to_old_balance", to_old),
        ("to_new_balance", to_new),
    ])))
}

fn balance(asset: &Asset) -> Result<i64> {
    Ok(required(&data(asset)?, "balance")?.to_long())
}

fn put(ledger: &mut dyn Environment, id: &str, balance: i64) -> Result<()> {
    ledger.put(None, id, &format!("{{\"balance\":{balance}}}"))
}

fn succeeded<const N: usize>(balances: [(&str, i64); N]) -> String {
    let status = [("status", "succeeded".into())].into_iter();
    let balances = balances.into_iter().map(|(name, balance)| (name, Json::Number(Number::Integer(balance))));
    Json::Object(status.chain(balances).collect()).text()
}
