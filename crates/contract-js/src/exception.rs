//! From what a script threw to how its execution ended.

use rquickjs::{Ctx, Object, Type, Value};
use trustkeep_contract::Error;

use crate::limits::{MEMORY_BYTES_MAX, STACK_BYTES_MAX};

/// Why something in the interpreter failed. `class` is that of a contract's own exceptions.
pub(crate) fn explain<'js>(ctx: &Ctx<'js>, class: Option<&Object<'js>>, error: &rquickjs::Error) -> Error {
    match error {
        rquickjs::Error::Exception => thrown(&ctx.catch(), class),
        rquickjs::Error::Allocation => Error::Runtime(out_of_memory()),
        rquickjs::Error::Utf8(_) => {
            Error::Runtime("the contract gave a string with half of a surrogate pair".into())
        }
        other => Error::Runtime(format!("the contract could not be run: {other}")),
    }
}

fn thrown<'js>(thrown: &Value<'js>, class: Option<&Object<'js>>) -> Error {
    if thrown.is_null() || thrown.type_of() == Type::Uninitialized {
        // With no memory left there is none for an exception either.
        return Error::Runtime(format!(
            "the contract threw null, or {}",
            out_of_memory().replace("the contract", "it")
        ));
    }
    let Some(object) = thrown.as_object() else {
        let what = thrown.get::<rquickjs::Coerced<String>>().map(|text| text.0);
        return Error::Runtime(format!("the contract threw {}", what.unwrap_or_else(|_| "a value".into())));
    };
    let text = |name: &str| object.get::<_, String>(name).unwrap_or_default();
    let message = text("message");
    if class.is_some_and(|class| object.is_instance_of(class)) {
        return Error::Contextual(message);
    }
    let name = text("name");
    match (name.as_str(), message.as_str()) {
        ("InternalError", "out of memory") => return Error::Runtime(out_of_memory()),
        ("RangeError", "Maximum call stack size exceeded") => {
            return Error::Runtime(format!(
                "the contract's calls are nested too deeply: they take more than {STACK_BYTES_MAX} bytes of stack"
            ));
        }
        _ => {}
    }
    // The innermost line of the script: "    at invoke (contract:3:7)".
    let stack = text("stack");
    let place = stack.lines().find(|line| line.contains("contract:")).map(str::trim);
    Error::Runtime(match place {
        Some(place) => format!("{name}: {message} ({place})"),
        None => format!("{name}: {message}"),
    })
}

fn out_of_memory() -> String {
    format!("the contract used all of its {MEMORY_BYTES_MAX} bytes of memory")
}
