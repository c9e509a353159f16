#![no_main]

use trustkeep_didcomm::{Attachment, Verkey};

// An attachment, its data and its signatures. What was read and written is read again.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice(data) else { return };
    let Ok(attachment) = Attachment::from_value(value) else { return };
    Attachment::from_value(attachment.to_value()).expect("what was written is read");
    let _ = (attachment.data(), attachment.signers());
    let _ = attachment.signed_by(&Verkey::new([1; 32]));
});
