#![no_main]

use trustkeep_didcomm::message::ProblemReport;
use trustkeep_didcomm::{Forward, Message, SignatureDecorator};

// A message, and what may be in one. What was read and written is read again.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data) else { return };
    Message::parse(&message.to_bytes()).expect("what was written is read");
    let _ = (message.thread_id(), message.return_route());
    if let Some(service) = &message.service {
        let _ = (service.recipients(), service.routing());
    }
    if let Ok(report) = message.body_as::<ProblemReport>() {
        let _ = (report.code(), report.words());
    }
    for value in message.body.values() {
        if let Ok(decorator) = serde_json::from_value::<SignatureDecorator>(value.clone()) {
            let _ = decorator.verify();
        }
    }
    let _ = Forward::from_message(message);
});
