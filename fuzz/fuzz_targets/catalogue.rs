#![no_main]

use std::path::Path;

use trustkeep_chassis::config::Problems;
use trustkeep_controller::catalogue::Catalogue;
use trustkeep_controller::settings::parse_dotenv;

// What operators write: the VPN catalogue, and a file of variables.
libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Catalogue::parse(Path::new("vpn_catalog.yml"), text);
    let outside = |name: &str| (name.len() < 3).then_some("x");
    parse_dotenv(Path::new(".env"), text, &outside, &mut Problems::new());
});
