#![no_main]

use trustkeep_scalar_client::ClientConfig;
use trustkeep_scalar_rpc::properties::Properties;

// Files of properties, and the configuration of a client out of them. No file is read: paths are left out.
libfuzzer_sys::fuzz_target!(|text: &str| {
    let environment = |name: &str| (name.len() < 4).then(|| "${env:A}".repeat(name.len()));
    if let Ok(properties) = Properties::parse(text, &environment)
        && !properties.names().any(|name| name.ends_with("_path"))
    {
        let _ = ClientConfig::from_properties(&properties);
    }
});
