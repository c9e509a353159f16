#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use trustkeep_controller::cci::{UnitSpec, VcSpec};

// Documents of unit groups and units. What is shown again of one that was read can be read, but for its script, which is shown by its size.
libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    let packed = STANDARD.encode(document);
    let _ = VcSpec::decode(&packed);
    if let Ok(spec) = UnitSpec::decode(&packed)
        && spec.user_init_command.is_none()
    {
        assert!(UnitSpec::decode(&STANDARD.encode(&spec.text)).is_ok(), "{}", spec.text);
    }
});
