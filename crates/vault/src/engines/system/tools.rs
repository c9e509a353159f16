//! `sys/tools`: random bytes and digests.

use trustkeep_crypto::Random;

use crate::engines::tools;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// Answers what is below `tools/`; `path` is what follows.
///
/// # Errors
/// 400 for what is not on offer, 404 for other tools, 405 for other operations.
pub(super) fn answer(request: &Request, path: &str, random: &dyn Random) -> Result<Option<Response>> {
    let (tool, rest) = path.split_once('/').unwrap_or((path, ""));
    let allowed = || if request.operation.is_write() { Ok(()) } else { Err(Error::UnsupportedOperation) };
    match tool {
        "random" if rest.split('/').count() <= 2 => {
            allowed()?;
            tools::random(request, rest, random)
        }
        "hash" if !rest.contains('/') => {
            allowed()?;
            tools::hash(request, rest)
        }
        _ => Err(Error::UnsupportedPath),
    }
}
