#![no_main]

use trustkeep_contract::json::Json;
use trustkeep_scalar_client::table_store::Statement;

// TableStore's SQL: any text is a statement or an error, and a statement's argument is JSON.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(statement) = Statement::parse(text) {
        Json::parse(&statement.argument).expect("the argument is JSON");
    }
});
