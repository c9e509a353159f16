#![no_main]

use trustkeep_didcomm::{Did, Document, Verkey};

// A DID or a key of any form, and the document that it holds.
libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Verkey::from_any_form(text);
    let Ok(did) = Did::parse(text) else { return };
    assert_eq!(did.to_string(), text);
    let document = match did {
        Did::Key(did) => did.document().ok(),
        Did::Peer(did) => did.document().ok().flatten(),
        _ => None,
    };
    if let Some(document) = document {
        let _ = Document::from_value(&document);
    }
});
