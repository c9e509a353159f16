//! What changes nothing.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::call::Call;
use super::{view, written};
use crate::monitoring;
use crate::refusal::Refusal;
use crate::service::Member;

pub(super) async fn base(_: &Call<'_>) -> Result<Value, Refusal> {
    Ok(json!({}))
}

pub(super) async fn authority(call: &Call<'_>) -> Result<Value, Refusal> {
    let caller = &call.asker.caller;
    Ok(json!({ "role": caller.api_role, "user_name": caller.user, "user_role": caller.role }))
}

pub(super) async fn version(call: &Call<'_>) -> Result<Value, Refusal> {
    let version = call.version;
    let plugins = call.controller.parts().providers.keys();
    let plugins: Map<_, _> =
        plugins.map(|name| (name.clone(), Value::from(version.level.as_str()))).collect();
    Ok(json!({ "version": version.level, "git_tag": version.tag, "plugin": plugins }))
}

pub(super) async fn publickey(call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "publickey": call.controller.parts().identity.public_key }))
}

pub(super) async fn vpn_catalog(call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(json!({ "vpn_catalog": call.controller.parts().networks.document() }))
}

/// For Prometheus, whose `http_sd_configs` take a bare list.
pub(super) async fn targets(call: &Call<'_>) -> Result<Bytes, Refusal> {
    call.asker.check()?;
    let page = call.controller.parts().book.page();
    written(&monitoring::discovery(&page, |group| call.asker.may_see(group)))
}

pub(super) async fn vcs(call: &Call<'_>) -> Result<Bytes, Refusal> {
    #[derive(Serialize)]
    struct Groups<'a> {
        vcs: Vec<view::GroupView<'a>>,
    }

    let groups = call.controller.groups(&call.asker)?;
    let page = call.controller.parts().book.page();
    let vcs = groups.iter().map(|group| view::group(call.controller, &page, group)).collect();
    written(&Groups { vcs })
}

pub(super) async fn vc(call: &Call<'_>) -> Result<Bytes, Refusal> {
    let group = call.controller.group(&call.asker, call.word(0))?;
    written(&view::group(call.controller, &call.controller.parts().book.page(), &group))
}

pub(super) async fn unit(call: &Call<'_>) -> Result<Bytes, Refusal> {
    let (group, unit) = call.controller.unit(&call.asker, call.word(0), call.word(1))?;
    written(&view::unit(call.controller, &call.controller.parts().book.page(), &group, &unit))
}

pub(super) async fn node(call: &Call<'_>) -> Result<Bytes, Refusal> {
    let found = call.controller.member(&call.asker, call.word(0), call.word(1), call.word(2))?;
    let page = call.controller.parts().book.page();
    match found {
        (_, unit, Member::Node(node)) => written(&view::node(call.controller, &unit, &node)),
        (_, _, Member::Disk(disk)) => written(&view::disk(call.controller, &page, &disk)),
    }
}
