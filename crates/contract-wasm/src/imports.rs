//! The functions of module `trustkeep`, as `docs/contracts.md` documents them.
//!
//! Each takes pointers and lengths of UTF-8 text in the caller's memory. One that answers with a text leaves it in the
//! host's buffer and gives its length in bytes, or -1 for nothing; `read` then copies it.

mod assets;
mod checks;
mod host;
mod records;
mod texts;

use host::Host;
use trustkeep_contract::LoadError;
use wasmi::{Caller, Extern, Func, FuncType, Store, ValType};

use crate::call::Call;

/// The one module that may be imported from.
pub(crate) const HOST_MODULE: &str = "trustkeep";

/// A function that a module imports.
#[derive(Clone, Copy)]
pub(crate) struct Import(&'static Known);

struct Known {
    name: &'static str,
    /// All of them `i32`.
    parameters: usize,
    /// Whether it gives an `i32`.
    answers: bool,
    link: Link,
}

type Link = fn(&mut Store<Call<'_>>) -> Func;

impl Import {
    /// The function itself, for one execution.
    pub(crate) fn link(self, store: &mut Store<Call<'_>>) -> Extern {
        Extern::Func((self.0.link)(store))
    }
}

/// The function of that name, if its type is right.
pub(crate) fn find(name: &str, given: &FuncType) -> Result<Import, LoadError> {
    let known = KNOWN.iter().find(|known| known.name == name).ok_or_else(|| {
        let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
        LoadError(format!(
            "the WebAssembly module imports {HOST_MODULE}.{name}, which is not there; there are {}",
            names.join(", ")
        ))
    })?;
    let (parameters, results) =
        (vec![ValType::I32; known.parameters], vec![ValType::I32; known.answers.into()]);
    if *given != FuncType::new(parameters, results) {
        return Err(LoadError(format!(
            "the WebAssembly module imports {HOST_MODULE}.{name} with another type: it takes {} i32 and gives {}",
            known.parameters,
            if known.answers { "an i32" } else { "nothing" }
        )));
    }
    Ok(Import(known))
}

/// One entry of [`KNOWN`]: the name, the parameters, and `i32` or `()` for what it gives.
macro_rules! known {
    ($name:literal, ($($parameter:ident),*) -> i32, $function:path) => {
        Known {
            name: $name,
            parameters: <[&str]>::len(&[$(stringify!($parameter)),*]),
            answers: true,
            link: |store| {
                Func::wrap(store, |caller: Caller<'_, Call<'_>>, $($parameter: u32),*| -> Result<i32, wasmi::Error> {
                    $function(&mut Host::of(caller)?, $($parameter),*)
                })
            },
        }
    };
    ($name:literal, ($($parameter:ident),*) -> (), $function:path) => {
        Known {
            name: $name,
            parameters: <[&str]>::len(&[$(stringify!($parameter)),*]),
            answers: false,
            link: |store| {
                Func::wrap(store, |caller: Caller<'_, Call<'_>>, $($parameter: u32),*| -> Result<(), wasmi::Error> {
                    $function(&mut Host::of(caller)?, $($parameter),*)
                })
            },
        }
    };
}

const KNOWN: [Known; 22] = [
    known!("argument", () -> i32, texts::argument),
    known!("properties", () -> i32, texts::properties),
    known!("contract_argument", () -> i32, texts::contract_argument),
    known!("contract_context", () -> i32, texts::contract_context),
    known!("read", (to) -> (), texts::read),
    known!("result", (at, len) -> (), texts::result),
    known!("fail", (at, len) -> (), texts::fail),
    known!("abort", (at, len) -> (), texts::abort),
    known!("get", (namespace, namespace_len, id, id_len) -> i32, assets::get),
    known!("put", (namespace, namespace_len, id, id_len, data, data_len) -> (), assets::put),
    known!("scan", (filter, filter_len) -> i32, assets::scan),
    known!("invoke", (contract_id, contract_id_len, argument, argument_len) -> i32, assets::invoke),
    known!("is_root", () -> i32, assets::is_root),
    known!("client_identity_key", () -> i32, assets::client_identity_key),
    known!("set_context", (at, len) -> (), assets::set_context),
    known!("sha256", (at, len, to) -> (), checks::sha256),
    known!("verify_p256", (key, key_len, message, message_len, signature, signature_len) -> i32, checks::verify_p256),
    known!("verify_ed25519", (key, key_len, message, message_len, signature, signature_len) -> i32, checks::verify_ed25519),
    known!("database_get", (key, key_len) -> i32, records::get),
    known!("database_scan", (scan, scan_len) -> i32, records::scan),
    known!("database_put", (record, record_len) -> (), records::put),
    known!("database_delete", (key, key_len) -> (), records::delete),
];
