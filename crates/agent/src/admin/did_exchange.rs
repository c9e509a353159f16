//! The steps of `didexchange`.

use serde_json::Value;

use super::call::Call;
use super::check::Check;
use super::connections::CONNECTION;
use super::field::{Field, Kind, Shape};
use super::refusal::Refusal;
use super::route::Route;
use crate::protocols::did_exchange::{self, InvitationAnswer, NewRequest, RequestAnswer};
use crate::{Connection, Result, Work};

type Answer = std::result::Result<Value, Refusal>;

const ALIAS: Field = Field::text("alias", "What the controller calls the connection");
const AUTO_ACCEPT: Field = Field::flag("auto_accept", "Auto-accept connection (defaults to configuration)");
const MEDIATION: Field =
    Field::checked("mediation_id", Check::Uuid, "Identifier for active mediation record to be used");
const MY_ENDPOINT: Field = Field::checked("my_endpoint", Check::Endpoint, "My URL endpoint");
const MY_LABEL: Field = Field::text("my_label", "Label for connection request");
const USE_PUBLIC_DID: Field = Field::flag("use_public_did", "Use public DID for this connection");
const USE_DID: Field = Field::text("use_did", "The DID to use to for this connection").new_in_one();
const USE_DID_METHOD: Field = Field::checked(
    "use_did_method",
    Check::OneOf(&["did:peer:2", "did:peer:4"]),
    "The DID method to use to generate a DID for this connection",
)
.new_in_one();
const PROTOCOLS: Check = Check::OneOf(&["didexchange/1.0", "didexchange/1.1"]);

pub(super) const ROUTES: &[Route] = &[
    Route::post("/didexchange/create-request", |work, call| Box::pin(create_request(work, call)))
        .about("did-exchange", "Create and send a request against public DID's implicit invitation")
        .query(&[
            Field::checked(
                "their_public_did",
                Check::Did,
                "Qualified public DID to which to request connection",
            )
            .required(),
            ALIAS,
            AUTO_ACCEPT.new_in_one(),
            MY_ENDPOINT,
            MY_LABEL,
            MEDIATION,
            USE_PUBLIC_DID,
            USE_DID,
            USE_DID_METHOD,
            Field::text("goal_code", "What it is for, as a code").new_in_one(),
            Field::text("goal", "What it is for, in words").new_in_one(),
            Field::checked("protocol", PROTOCOLS, "Which DID Exchange Protocol version to use").new_in_one(),
        ])
        .gives(&CONNECTION),
    Route::post("/didexchange/receive-request", |work, call| Box::pin(receive_request(work, call)))
        .about("did-exchange", "Receive request against public DID's implicit invitation")
        .query(&[ALIAS, AUTO_ACCEPT, MY_ENDPOINT, MEDIATION])
        .body(&Shape {
            name: "DIDXRequest",
            fields: &[
                Field::text("@type", "Message type"),
                Field::text("@id", "Message identifier"),
                Field::text("label", "Label for DID exchange request").required(),
                Field::checked("did", Check::Did, "DID of exchange"),
                Field::new(
                    "did_doc~attach",
                    Kind::Object(&Shape {
                        name: "SignedAttachDecorator",
                        fields: &[Field::new("data", Kind::Map, "The document and its signature").required()],
                    }),
                    "As signed attachment, DID Doc associated with DID",
                ),
                Field::text("goal_code", "What it is for, as a code"),
                Field::text("goal", "What it is for, in words"),
            ],
        })
        .gives(&CONNECTION),
    Route::post("/didexchange/{conn_id}/accept-invitation", |work, call| {
        Box::pin(accept_invitation(work, call))
    })
    .about("did-exchange", "Accept a stored connection invitation")
    .query(&[MY_ENDPOINT, MY_LABEL, Field::text(MEDIATION.name, MEDIATION.about), USE_DID, USE_DID_METHOD])
    .gives(&CONNECTION),
    Route::post("/didexchange/{conn_id}/accept-request", |work, call| Box::pin(accept_request(work, call)))
        .about("did-exchange", "Accept a stored connection request")
        .query(&[MY_ENDPOINT, MEDIATION, USE_PUBLIC_DID.new_in_one()])
        .gives(&CONNECTION),
    Route::post("/didexchange/{conn_id}/reject", |work, call| Box::pin(reject(work, call)))
        .about("did-exchange", "Abandon or reject a DID Exchange")
        .body(&Shape {
            name: "DIDXRejectRequest",
            fields: &[Field::text("reason", "Reason for rejecting the DID Exchange")],
        })
        .gives(&CONNECTION)
        .new_in_one(),
];

async fn create_request(work: &mut Work, call: &Call) -> Answer {
    let asked = NewRequest {
        their_public_did: call.asked_owned("their_public_did").unwrap_or_default(),
        alias: call.asked_owned("alias"),
        my_label: call.asked_owned("my_label"),
        my_endpoint: call.asked_owned("my_endpoint"),
        mediation_id: call.asked_owned("mediation_id"),
        use_public_did: call.asked_flag("use_public_did").unwrap_or_default(),
        protocol: call.asked_owned("protocol"),
        goal: call.asked_owned("goal"),
        goal_code: call.asked_owned("goal_code"),
        auto_accept: call.asked_flag("auto_accept"),
        use_did: call.asked_owned("use_did"),
        use_did_method: call.asked_owned("use_did_method"),
    };
    shown(did_exchange::create_request(work, asked).await)
}

async fn receive_request(work: &mut Work, call: &Call) -> Answer {
    let mut request = call.whole.clone();
    // ACA-Py gives both to a request that came without.
    if !request.contains_key("@type") {
        let kind = work.message("didexchange", trustkeep_didcomm::Version::new(1, 0), "request").kind;
        request.insert("@type".to_owned(), kind.to_string().into());
    }
    request.entry("@id").or_insert_with(|| work.new_id().into());
    let (alias, auto_accept) = (call.asked_owned("alias"), call.asked_flag("auto_accept"));
    shown(did_exchange::receive_request(work, &Value::Object(request), alias, auto_accept).await)
}

async fn accept_invitation(work: &mut Work, call: &Call) -> Answer {
    let answer = InvitationAnswer {
        my_label: call.asked_owned("my_label"),
        my_endpoint: call.asked_owned("my_endpoint"),
        mediation_id: call.asked_owned("mediation_id"),
        use_did: call.asked_owned("use_did"),
        use_did_method: call.asked_owned("use_did_method"),
    };
    if answer.use_did.is_some() && answer.use_did_method.is_some() {
        return Err(Refusal::bad("use_did and use_did_method are mutually exclusive"));
    }
    shown(did_exchange::accept_invitation(work, call.id(), answer).await)
}

async fn accept_request(work: &mut Work, call: &Call) -> Answer {
    let answer = RequestAnswer {
        my_endpoint: call.asked_owned("my_endpoint"),
        mediation_id: call.asked_owned("mediation_id"),
        use_public_did: call.asked_flag("use_public_did").unwrap_or_default(),
    };
    shown(did_exchange::accept_request(work, call.id(), answer).await)
}

async fn reject(work: &mut Work, call: &Call) -> Answer {
    shown(did_exchange::reject(work, call.id(), call.owned("reason")).await)
}

fn shown(outcome: Result<Connection>) -> Answer {
    match outcome {
        Ok(connection) => Ok(connection.to_view()),
        Err(error) => Err(Refusal::from(error).rolled_up()),
    }
}
