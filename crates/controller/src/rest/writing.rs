//! What changes something. Everything is accepted (202) once it is recorded, and done by jobs.

use serde_json::{Value, json};

use super::call::Call;
use super::route::CLEAR_PROCESSING;
use crate::cci::{self, excerpt};
use crate::refusal::Refusal;
use crate::service::Verb;

pub(super) async fn create_vc(call: &Call<'_>) -> Result<Value, Refusal> {
    let spec = cci::VcSpec::decode(call.text("cci")?)?;
    let vcid = call.controller.create_group(&call.asker, spec).await?;
    Ok(json!({ "vcid": vcid }))
}

/// Without a document there is nothing to change.
pub(super) async fn update_vc(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.optional_text("cci")? {
        Some(document) => {
            let spec = cci::VcSpec::decode(document)?;
            call.controller.rename_group(&call.asker, call.word(0), &spec.name).await?;
        }
        None => drop(call.controller.group(&call.asker, call.word(0))?),
    }
    Ok(json!({ "vcid": call.word(0) }))
}

pub(super) async fn change_vc(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.text("operation")? {
        "change_owner" => {
            let owner = call.text("owner")?;
            call.controller.give_group(&call.asker, call.word(0), owner).await?;
            Ok(json!({ "vcid": call.word(0) }))
        }
        other => {
            let text = format!("operation: \"{}\" is not known; change_owner is", excerpt(other));
            Err(Refusal::invalid(text))
        }
    }
}

pub(super) async fn delete_vc(call: &Call<'_>) -> Result<Value, Refusal> {
    call.controller.delete_group(&call.asker, call.word(0), call.flag("force")?).await?;
    Ok(json!({ "vcid": call.word(0) }))
}

pub(super) async fn add_unit(call: &Call<'_>) -> Result<Value, Refusal> {
    let spec = cci::UnitSpec::decode(call.text("info")?)?;
    if let Some(name) = call.optional_text("unit_name")?
        && name != spec.name
    {
        let name = excerpt(name);
        let text = format!("unit_name: it is \"{name}\", and the unit's name in info is \"{}\"", spec.name);
        return Err(Refusal::invalid(text));
    }
    let name = spec.name.clone();
    call.controller.add_unit(&call.asker, call.token, call.word(0), spec).await?;
    Ok(json!({ "vcid": call.word(0), "unit_name": name }))
}

pub(super) async fn add_nodes(call: &Call<'_>) -> Result<Value, Refusal> {
    let growth = cci::Growth::read(&Value::Object(call.body.clone()))?;
    call.controller.grow_unit(&call.asker, call.word(0), call.word(1), &growth).await?;
    accepted(call)
}

pub(super) async fn delete_unit(call: &Call<'_>) -> Result<Value, Refusal> {
    let force = call.flag("force")?;
    call.controller.delete_unit(&call.asker, call.word(0), call.word(1), force).await?;
    accepted(call)
}

pub(super) async fn delete_node(call: &Call<'_>) -> Result<Value, Refusal> {
    call.controller.delete_member(&call.asker, call.word(0), call.word(1), call.word(2)).await?;
    accepted(call)
}

pub(super) async fn tell_unit(call: &Call<'_>) -> Result<Value, Refusal> {
    if call.word(2) == CLEAR_PROCESSING {
        // Seeing the unit is the right to it, and there is nothing to lose.
        call.controller.unit(&call.asker, call.word(0), call.word(1))?;
        call.asker.check_write()?;
        call.controller.clear_processing(call.word(0), call.word(1))?;
        return accepted(call);
    }
    call.controller.tell(&call.asker, call.word(0), call.word(1), None, verb(call.word(2))?).await?;
    accepted(call)
}

pub(super) async fn tell_node(call: &Call<'_>) -> Result<Value, Refusal> {
    let (node, verb) = (Some(call.word(2)), verb(call.word(3))?);
    call.controller.tell(&call.asker, call.word(0), call.word(1), node, verb).await?;
    accepted(call)
}

pub(super) async fn backup(call: &Call<'_>) -> Result<Value, Refusal> {
    call.controller.backup(&call.asker, call.word(0), call.word(1), call.word(2))?;
    accepted(call)
}

/// What an event handler of serf tells: names of members that were lost. What does not name a node is none of ours.
pub(super) async fn fail(call: &Call<'_>) -> Result<Value, Refusal> {
    call.asker.check_write()?;
    for name in call.texts("tag")? {
        let mut words = name.split(':');
        if let (Some(vcid), Some(unit), Some(no)) = (words.next(), words.next(), words.next())
            && let Ok(no) = no.parse()
        {
            call.controller.noticed(vcid, unit, no);
        }
    }
    Ok(json!({}))
}

fn verb(name: &str) -> Result<Verb, Refusal> {
    let known = "suspend, resume, stop, start, watch, unwatch, power_on and power_off";
    Verb::from_name(name)
        .ok_or_else(|| Refusal::missing(format!("{name}: there is no such verb; {known} are")))
}

fn accepted(call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "vcid": call.word(0), "unit_name": call.word(1) }))
}
