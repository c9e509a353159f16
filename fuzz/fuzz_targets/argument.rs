#![no_main]

use libfuzzer_sys::Corpus;
use prost::Message as _;
use trustkeep_scalar_rpc::argument::{self, Argument};
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::signing::Signed as _;

// A request as it comes off the wire: its argument is one of the three forms or refused, what was taken apart can be put
// together again, and its signed bytes can be said.
libfuzzer_sys::fuzz_target!(|data: &[u8]| -> Corpus {
    let text = match ContractExecutionRequest::decode(data) {
        Ok(request) => {
            let signed = request.signing_bytes();
            let again = ContractExecutionRequest::decode(request.encode_to_vec().as_slice()).expect("it was encoded");
            assert_eq!(signed, again.signing_bytes());
            request.contract_argument
        }
        Err(_) => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return Corpus::Reject,
        },
    };
    let Ok(parsed) = Argument::parse(&text) else { return Corpus::Keep };
    let ids: Vec<_> = parsed.function_ids.iter().map(|id| &**id).collect();
    let namespace = parsed.context_namespace.unwrap_or_default();
    if let Ok(text) = argument::format(parsed.contract_argument, &parsed.nonce, namespace, &ids) {
        let again = Argument::parse(&text).expect("it was put together");
        assert_eq!((&again.nonce, again.contract_argument), (&parsed.nonce, parsed.contract_argument));
        let kept: Vec<_> = ids.iter().filter(|id| !id.is_empty()).collect();
        assert!(again.function_ids.iter().eq(kept));
    }
    Corpus::Keep
});
