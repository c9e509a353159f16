#![no_main]

use trustkeep_contract::json::{self, Json};

// Canonical JSON: what is written reads back as the same value and is written the same again; what is said to be canonical
// already is what would have been written.
libfuzzer_sys::fuzz_target!(|text: &str| {
    match (Json::parse(text), json::canonical(text)) {
        (Ok(value), Ok(canonical)) => {
            assert_eq!(Json::parse(&canonical).as_ref(), Ok(&value));
            assert_eq!(json::canonical(&canonical).as_ref(), Ok(&canonical));
            assert_eq!(value.text(), canonical);
        }
        (Err(parsed), Err(canonical)) => assert_eq!(parsed, canonical),
        (parsed, canonical) => panic!("{parsed:?}, but {canonical:?}"),
    }
});
