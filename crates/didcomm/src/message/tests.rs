use proptest::prelude::*;
use serde_json::json;
use trustkeep_crypto::random::Seeded;

use super::*;

fn parsed(value: Value) -> Result<Message> {
    Message::parse(value.to_string().as_bytes())
}

#[test]
fn what_is_not_known_is_kept() {
    let value = json!({
        "@type": "https://didcomm.org/basicmessage/1.0/message",
        "@id": "1",
        "~thread": {"thid": "0", "pthid": "p", "sender_order": 2, "received_orders": {"did:x:y": 1}, "goal_code": "g"},
        "~transport": {"return_route": "thread", "return_route_thread": "0", "queued_message_count": 3},
        "~please_ack": {"on": ["RECEIPT"]},
        "~timing": {"out_time": "2026-01-01T00:00:00Z", "delay_milli": 5},
        "~l10n": {"locale": "en", "x": 1},
        "~trace": {"target": "log", "full_thread": true, "trace_reports": []},
        "~service": {"recipientKeys": ["did:key:z6MkmjY8GnV5i9YTDtPETC2uUAW6ejw3nk5mXF5yci5ab7th"], "serviceEndpoint": "http://a"},
        "content": "hello",
        "content~sig": {"x": 1},
        "~other": [1, 2],
    });
    let message = parsed(value.clone()).unwrap();
    assert_eq!((message.thread_id(), message.parent_thread_id()), ("0", Some("p")));
    assert_eq!(message.return_route(), ReturnRoute::Thread("0".into()));
    let service = message.service.as_ref().unwrap();
    let key = "8HH5gYEeNc3z7PYXmd54d4x6qAfCNrqQqEB3nS7Zfu7K".parse().unwrap();
    assert_eq!((service.recipients().unwrap(), service.routing().unwrap()), (vec![key], vec![]));
    assert_eq!(message.body.keys().collect::<Vec<_>>(), ["content", "content~sig", "~other"]);
    assert_eq!(Value::Object(message.to_object()), value);
    assert_eq!(Message::parse(&message.to_bytes()).unwrap(), message);
}

#[test]
fn a_reply_is_in_the_thread() {
    let random = Seeded::new(1);
    let kind: MessageType = "https://didcomm.org/trust_ping/1.0/ping".parse().unwrap();
    let first = Message::new(kind.clone(), &random);
    assert_eq!(first.thread_id(), first.id);
    let reply = Message::in_reply_to(&first, kind.clone(), &random);
    let again = Message::in_reply_to(&reply, kind, &random);
    assert_eq!((reply.thread_id(), again.thread_id()), (first.id.as_str(), first.id.as_str()));
    assert_ne!(reply.id, first.id);
    assert_eq!(first.return_route(), ReturnRoute::None);
}

#[test]
fn what_is_malformed_is_named() {
    let kind = "https://didcomm.org/basicmessage/1.0/message";
    for (value, expected) in [
        (json!([]), "message: not a JSON object"),
        (json!({}), "@type is missing"),
        (json!({"@type": 1}), "@type: "),
        (json!({"@type": "x", "@id": "1"}), r#"@type: "x" is not supported"#),
        (json!({"@type": kind}), "@id is missing"),
        (json!({"@type": kind, "@id": {}}), "@id: "),
        (json!({"@type": kind, "@id": "x".repeat(257)}), "@id is too large: at most 256"),
        (json!({"@type": kind, "@id": "1", "~thread": "0"}), "~thread: "),
        (json!({"@type": kind, "@id": "1", "~thread": {"thid": 1}}), "~thread: "),
        (
            json!({"@type": kind, "@id": "1", "~thread": {"pthid": "x".repeat(PARENT_CHARS_MAX + 1)}}),
            "~thread.pthid is too large",
        ),
        (json!({"@type": kind, "@id": "1", "~transport": []}), "~transport: "),
    ] {
        let refused = parsed(value).unwrap_err().to_string();
        assert!(refused.starts_with(expected), "{refused} is not {expected}");
    }
    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only whether it is there is asked")]
        content: String,
    }
    let message = parsed(json!({"@type": kind, "@id": "1"})).unwrap();
    assert_eq!(message.body_as::<Body>().unwrap_err().to_string(), "body: missing field `content`");
}

#[test]
fn attachments_and_signed_members_are_found() {
    let kind = "https://didcomm.org/connections/1.0/response";
    let pair = crate::Keypair::generate(&Seeded::new(2)).unwrap();
    let decorator = SignatureDecorator::sign(&json!({"DID": "x"}), &pair, 7, Prefix::DidComm);
    let attachment = json!({"data": {"json": {}}});
    let message = parsed(json!({
        "@type": kind, "@id": "1", "connection~sig": decorator, "one~attach": attachment, "two~attach": [attachment, attachment],
        "many~attach": vec![attachment; 129], "bad~attach": [1], "bad~sig": {},
    }))
    .unwrap();
    let signed = message.signed_member("connection~sig").unwrap();
    assert_eq!((signed.value, signed.signed_at, signed.signer), (json!({"DID": "x"}), 7, pair.verkey()));
    assert_eq!(message.signed_member("x~sig").unwrap_err(), Error::missing("x~sig"));
    assert_eq!(message.signed_member("bad~sig").unwrap_err().to_string(), "bad~sig: missing field `@type`");
    for (member, count) in [("none~attach", 0), ("one~attach", 1), ("two~attach", 2)] {
        assert_eq!(message.attachments(member).unwrap().len(), count);
    }
    assert_eq!(
        message.attachments("many~attach").unwrap_err(),
        Error::too_large("many~attach", ATTACHMENTS_MAX)
    );
    assert_eq!(message.attachments("bad~attach").unwrap_err().to_string(), "attachment: not a JSON object");
}

#[test]
fn problem_reports_are_read_in_every_form() {
    let read = |value: Value| serde_json::from_value::<ProblemReport>(value).unwrap();
    let report = ProblemReport::new("message-parse-failure", "Unrecognized message type");
    let value = serde_json::to_value(&report).unwrap();
    assert_eq!(
        value,
        json!({"description": {"code": "message-parse-failure", "en": "Unrecognized message type"}})
    );
    for (value, code, words) in [
        (value, Some("message-parse-failure"), Some("Unrecognized message type")),
        (
            json!({"problem-code": "request_not_accepted", "explain": "no"}),
            Some("request_not_accepted"),
            Some("no"),
        ),
        (json!({"description": "no route", "who_retries": "you"}), None, Some("no route")),
        (json!({"description": {"en": "no route"}}), None, Some("no route")),
        (json!({"unknown": 1, "problem_items": [{"a": "b"}], "where": "me - edge"}), None, None),
    ] {
        let report = read(value.clone());
        assert_eq!((report.code(), report.words()), (code, words), "{value}");
        assert_eq!(serde_json::to_value(&report).unwrap(), value);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_in_peace(bytes: Vec<u8>, text: String, number: i64) {
        let _ = Message::parse(&bytes);
        let _ = parsed(json!({"@type": text, "@id": text, "~thread": {"thid": number}, "~service": text}));
        let _ = text.parse::<MessageType>();
        let _ = format!("https://didcomm.org/{text}").parse::<MessageType>();
    }
}
