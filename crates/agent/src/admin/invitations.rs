//! Invitations of connections/1.0, and the steps that follow them.

use serde_json::{Value, json};

use super::call::Call;
use super::check::Check;
use super::connections::CONNECTION;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::Work;
use crate::invitation_url::to_url;
use crate::protocols::connections::{self, InvitationOptions, NewInvitation};

const ALIAS: Field = Field::text("alias", "What the controller calls the connection");
const AUTO_ACCEPT: Field = Field::flag("auto_accept", "Auto-accept connection (defaults to configuration)");
const MEDIATION: Field =
    Field::checked("mediation_id", Check::Uuid, "Identifier for active mediation record to be used");
const MY_ENDPOINT: Field = Field::checked("my_endpoint", Check::Endpoint, "My URL endpoint");

/// The members of an invitation that are checked before anything else.
const MESSAGE: Shape = Shape {
    name: "ConnectionInvitation",
    fields: &[
        Field::text("@type", "Message type"),
        Field::text("@id", "Message identifier"),
        Field::text("label", "Optional label for connection invitation"),
        Field::text("did", "DID for connection invitation"),
        Field::new("recipientKeys", Kind::RAW_KEYS, "List of recipient keys"),
        Field::text("serviceEndpoint", "Service endpoint at which to reach this agent"),
        Field::new("routingKeys", Kind::RAW_KEYS, "List of routing keys"),
        Field::text("imageUrl", "Optional image URL for connection invitation").nullable(),
    ],
};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/connections/create-invitation", |work, call| Box::pin(create(work, call)))
        .about("connection", "Create a new connection invitation")
        .query(&[
            ALIAS,
            AUTO_ACCEPT,
            Field::flag("multi_use", "Create invitation for multiple use (default false)"),
            Field::flag("public", "Create invitation from public DID (default false)"),
        ])
        .body(&Shape {
            name: "CreateInvitationRequest",
            fields: &[
                Field::text("my_label", "Optional label for connection invitation"),
                Field::text("service_endpoint", "Connection endpoint"),
                Field::new("recipient_keys", Kind::RAW_KEYS, "List of recipient keys"),
                Field::new("routing_keys", Kind::RAW_KEYS, "List of routing keys"),
                Field::new("metadata", Kind::Map, "Metadata to attach to the connection"),
                MEDIATION,
            ],
        })
        .gives(&Shape {
            name: "InvitationResult",
            fields: &[
                Field::text("connection_id", "Connection identifier"),
                Field::new("invitation", Kind::Object(&MESSAGE), "The invitation"),
                Field::text("invitation_url", "Invitation URL"),
                ALIAS,
            ],
        }),
    Route::post("/connections/receive-invitation", |work, call| Box::pin(receive(work, call)))
        .about("connection", "Receive a new connection invitation")
        .query(&[ALIAS, AUTO_ACCEPT, MEDIATION])
        .body(&MESSAGE)
        .gives(&CONNECTION),
    Route::post("/connections/{conn_id}/accept-invitation", |work, call| {
        Box::pin(accept_invitation(work, call))
    })
    .about("connection", "Accept a stored connection invitation")
    .query(&[MY_ENDPOINT, Field::text("my_label", "Label for connection"), MEDIATION])
    .gives(&CONNECTION),
    Route::post("/connections/{conn_id}/accept-request", |work, call| Box::pin(accept_request(work, call)))
        .about("connection", "Accept a stored connection request")
        .query(&[MY_ENDPOINT])
        .gives(&CONNECTION),
];

async fn create(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    if call.asked_flag("public") == Some(true) {
        if !work.settings().public_invites {
            return Err(Refusal::forbidden("Configuration does not include public invitations"));
        }
        let asked = NewInvitation {
            multi_use: call.asked_flag("multi_use").unwrap_or_default(),
            my_label: call.owned("my_label"),
            metadata: call.map("metadata"),
            ..NewInvitation::default()
        };
        let invitation = connections::create_public_invitation(work, asked).await?;
        let own = work.settings().endpoints.first().cloned();
        let base = call.admin.0.settings.invite_base_url.clone().or(own).unwrap_or_default();
        return Ok(
            json!({"invitation": invitation, "connection_id": null, "invitation_url": to_url(&base, "c_i", &invitation)}),
        );
    }
    let asked = NewInvitation {
        alias: call.asked("alias").map(str::to_owned),
        auto_accept: call.asked_flag("auto_accept"),
        multi_use: call.asked_flag("multi_use").unwrap_or_default(),
        my_label: call.owned("my_label"),
        service_endpoint: call.owned("service_endpoint"),
        recipient_keys: call.texts("recipient_keys"),
        routing_keys: call.texts("routing_keys"),
        mediation_id: call.owned("mediation_id"),
        metadata: call.map("metadata"),
    };
    let (connection, invitation) = connections::create_invitation(work, asked).await?;
    let endpoint = invitation.get("serviceEndpoint").and_then(Value::as_str);
    let base = call.admin.0.settings.invite_base_url.as_deref().or(endpoint).unwrap_or_default();
    let mut result = json!({
        "connection_id": connection.id,
        "invitation": invitation,
        "invitation_url": to_url(base, "c_i", &invitation),
    });
    if let (Some(alias), Some(members)) = (connection.alias, result.as_object_mut()) {
        members.insert("alias".to_owned(), alias.into());
    }
    Ok(result)
}

async fn receive(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    if call.admin.0.settings.no_receive_invites {
        return Err(Refusal::forbidden("Configuration does not allow receipt of invitations"));
    }
    if let Some(why) = misfit(call) {
        return Err(Refusal::bad(format!("ConnectionInvitation schema validation failed. {why}.")));
    }
    let mut invitation = call.whole.clone();
    // ACA-Py gives both to an invitation that came without.
    if !invitation.contains_key("@type") {
        let kind = work.message("connections", trustkeep_didcomm::Version::new(1, 0), "invitation").kind;
        invitation.insert("@type".to_owned(), kind.to_string().into());
    }
    if !invitation.contains_key("@id") {
        invitation.insert("@id".to_owned(), work.new_id().into());
    }
    let said = InvitationOptions {
        alias: call.asked("alias").map(str::to_owned),
        auto_accept: call.asked_flag("auto_accept"),
        mediation_id: call.asked("mediation_id").map(str::to_owned),
        their_public_did: None,
    };
    let connection = connections::receive_invitation(work, &Value::Object(invitation), said).await?;
    Ok(connection.to_view())
}

async fn accept_invitation(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    let [label, endpoint, mediation] =
        ["my_label", "my_endpoint", "mediation_id"].map(|name| call.asked(name).map(str::to_owned));
    Ok(connections::accept_invitation(work, call.id(), label, endpoint, mediation).await?.to_view())
}

async fn accept_request(work: &mut Work, call: &Call) -> Result<Value, Refusal> {
    let endpoint = call.asked("my_endpoint").map(str::to_owned);
    Ok(connections::accept_request(work, call.id(), endpoint).await?.to_view())
}

/// What members of an invitation do not go together, as ACA-Py prints it.
fn misfit(call: &Call) -> Option<String> {
    let keys = call.body.get("recipientKeys").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty());
    let endpoint = call.text("serviceEndpoint").is_some();
    let both = |other: &str| format!("{{('did', '{other}'): ['Fields are incompatible']}}");
    match call.text("did") {
        Some(_) if keys => Some(both("recipientKeys")),
        Some(_) if endpoint => Some(both("serviceEndpoint")),
        None if !keys || !endpoint => {
            Some("{('did', 'recipientKeys', 'serviceEndpoint'): ['Missing required field(s)']}".to_owned())
        }
        _ => None,
    }
}
