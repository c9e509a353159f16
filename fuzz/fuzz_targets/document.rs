#![no_main]

use trustkeep_didcomm::Document;

// A DID document, old or new.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(document) = Document::parse(data) else { return };
    for service in document.didcomm_services() {
        let _ = (service.recipients(), service.routing());
    }
    let _ = document.verkeys();
    for method in &document.methods {
        assert!(document.method(&method.id).is_some());
    }
});
