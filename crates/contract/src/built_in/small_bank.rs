//! SmallBank of the original's benchmarks: one asset per customer, whose id is the asset's, with a checking and a
//! savings balance. Amounts are 32 bits and wrap, as they do there; balances may become negative.

use super::call::{Call, Run, broken, data, refusal};
use crate::json::{Json, Object};
use crate::{Environment, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "CreateAccount" => create_account,
        "Balance" => balance,
        "DepositChecking" => |call| add_to(call, CHECKING, |amount| amount),
        "WriteCheck" => |call| add_to(call, CHECKING, i32::wrapping_neg),
        "TransactSavings" => |call| add_to(call, SAVINGS, |amount| amount),
        "SendPayment" => send_payment,
        "Amalgamate" => amalgamate,
        _ => return None,
    })
}

const CHECKING: &str = "checking_balance";
const SAVINGS: &str = "savings_balance";
const NOT_FOUND: &str = "Could not find specified account";

fn create_account(call: Call<'_>) -> Result<Option<String>> {
    let (Some(ids), Some(customers)) = (call.argument.get("customer_ids"), call.argument.get("customers"))
    else {
        return Err(refusal("Please set customer_ids and customers in the argument"));
    };
    if ids.len() != customers.len() {
        return Err(refusal("The number of customer IDs and customers must be same."));
    }
    let (Some(ids), Some(customers)) = (ids.as_array(), customers.as_array()) else {
        return if ids.is_empty() {
            Ok(None)
        } else {
            Err(broken("customer_ids and customers are no arrays"))
        };
    };
    for (id, customer) in ids.iter().zip(customers) {
        call.ledger.put(None, &id.to_text(), &customer.text())?;
    }
    Ok(None)
}

fn balance(call: Call<'_>) -> Result<Option<String>> {
    let id = call.argument.member("customer_id", "Please set customer_id in the argument")?.to_text();
    match call.ledger.get(None, &id)? {
        Some(asset) => Ok(Some(asset.data)),
        None => Err(refusal(NOT_FOUND)),
    }
}

fn add_to(call: Call<'_>, balance: &str, signed: fn(i32) -> i32) -> Result<Option<String>> {
    let (Some(id), Some(amount)) = (call.argument.get("customer_id"), call.argument.get("amount")) else {
        return Err(refusal("Please set customer_id and amount in the argument"));
    };
    let id = id.to_text();
    let mut account = Account::open(call.ledger, &id)?;
    account.set(balance, account.balance(balance)?.wrapping_add(signed(amount.to_int())));
    account.close(call.ledger, &id)?;
    Ok(None)
}

fn send_payment(call: Call<'_>) -> Result<Option<String>> {
    let member = |name| call.argument.get(name);
    let (Some(source), Some(dest), Some(amount)) =
        (member("source_customer_id"), member("dest_customer_id"), member("amount"))
    else {
        return Err(refusal("Please set source_customer_id, dest_customer_id and amount in the argument"));
    };
    let (source_id, dest_id, amount) = (source.to_text(), dest.to_text(), amount.to_int());
    let mut source = Account::open(call.ledger, &source_id)?;
    let mut dest = Account::open(call.ledger, &dest_id)?;
    source.set(CHECKING, source.balance(CHECKING)?.wrapping_sub(amount));
    dest.set(CHECKING, dest.balance(CHECKING)?.wrapping_add(amount));
    source.close(call.ledger, &source_id)?;
    dest.close(call.ledger, &dest_id)?;
    Ok(None)
}

fn amalgamate(call: Call<'_>) -> Result<Option<String>> {
    let member = |name| call.argument.get(name);
    let (Some(source), Some(dest)) = (member("source_customer_id"), member("dest_customer_id")) else {
        return Err(refusal("Please set source_customer_id and dest_customer_id in the argument"));
    };
    let (source_id, dest_id) = (source.to_text(), dest.to_text());
    let mut source = Account::open(call.ledger, &source_id)?;
    let mut dest = Account::open(call.ledger, &dest_id)?;
    dest.set(CHECKING, dest.balance(CHECKING)?.wrapping_add(source.balance(SAVINGS)?));
    source.set(SAVINGS, 0);
    source.close(call.ledger, &source_id)?;
    dest.close(call.ledger, &dest_id)?;
    Ok(None)
}

/// A customer's asset.
struct Account(Object);

impl Account {
    fn open(ledger: &mut dyn Environment, id: &str) -> Result<Self> {
        let asset = ledger.get(None, id)?.ok_or_else(|| refusal(NOT_FOUND))?;
        match data(&asset)? {
            Json::Object(members) => Ok(Self(members)),
            _ => Err(broken("the account is no object")),
        }
    }

    fn balance(&self, name: &str) -> Result<i32> {
        match self.0.get(name) {
            Some(balance) => Ok(balance.to_int()),
            None => Err(broken(format_args!("the account has no {name}"))),
        }
    }

    /// At its place among the members.
    fn set(&mut self, name: &str, balance: i32) {
        self.0.insert(name, balance.into());
    }

    fn close(self, ledger: &mut dyn Environment, id: &str) -> Result<()> {
        ledger.put(None, id, &Json::Object(self.0).text())
    }
}
