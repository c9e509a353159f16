#![no_main]

use trustkeep_contract::Engine as _;
use trustkeep_contract::testing::MemoryLedger;

// A script: refused, or run to some end.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(contract) = trustkeep_contract_js::JsEngine::here().load("fuzz", data) {
        let mut ledger = MemoryLedger::new();
        ledger.register("operations", contract, Some("{\"a\":1}"));
        let _ = ledger.execute("operations", "pa1ga0sa2na3ra0ka0");
    }
});
