//! One request's entries: that of the request, before anything is done, and that of its answer.

use std::sync::Arc;

use super::caller::{Caller, Kept};
use super::entry::{Shared, Subject};
use super::{Audit, Devices, entry};
use crate::core::mount::Mount;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// What is kept between the two entries. Nothing where there is no device.
#[derive(Default)]
pub(in crate::core) struct Trail(Option<Box<Begun>>);

struct Begun {
    audit: Arc<Audit>,
    devices: Devices,
    /// One for each device.
    shared: Vec<Shared>,
    mount: Option<Arc<Mount>>,
    lists: bool,
    /// The request itself and its caller, where it may enable a device: that one logs the answer too.
    enabling: Option<(Request, Option<Kept>)>,
}

impl Trail {
    /// Logs the request before it is handled.
    ///
    /// # Errors
    /// 500 where no device takes it: then nothing may be done.
    pub(in crate::core) async fn begin(
        &mut self,
        audit: &Arc<Audit>,
        mount: Option<&Arc<Mount>>,
        request: &Request,
        caller: Caller<'_>,
        refusal: Option<&Error>,
    ) -> Result<()> {
        let devices = audit.devices();
        let enables = request.mount_point == "sys/" && request.path.starts_with("audit/");
        if devices.is_empty() && !enables {
            return Ok(());
        }
        let started = audit.clock.monotonic();
        let subject = Subject { request, mount: mount.map(Arc::as_ref), caller: &caller };
        let headers = audit.audited_headers();
        let share = |device: &Arc<super::Enabled>| {
            Shared::new(&device.veil, &subject, &headers.of(&request.headers, device.veil.salt()))
        };
        let shared = devices.iter().map(share).collect::<Result<Vec<_>>>()?;
        let time = audit.time();
        let lines = devices.iter().zip(&shared).map(|(device, shared)| {
            Ok((device.clone(), shared.request_line(&device.prefix, &time, refusal)?))
        });
        let lines = lines.collect::<Result<Vec<_>>>()?;
        self.0 = Some(Box::new(Begun {
            audit: audit.clone(),
            devices,
            shared,
            mount: mount.cloned(),
            lists: request.operation == Operation::List,
            enabling: enables.then(|| (request.clone(), caller.kept())),
        }));
        let logged = audit.log(lines, "request").await;
        metrics::histogram!("vault_audit_log_request").record(audit.seconds_since(started));
        metrics::counter!("vault_audit_log_request_failure").increment(u64::from(logged.is_err()));
        logged
    }

    /// Logs a request that is refused, and gives the refusal back.
    pub(in crate::core) async fn refuse(
        &mut self,
        audit: &Arc<Audit>,
        mount: Option<&Arc<Mount>>,
        request: &Request,
        caller: Caller<'_>,
        refusal: Error,
    ) -> Error {
        match self.begin(audit, mount, request, caller, Some(&refusal)).await {
            Ok(()) => refusal,
            Err(error) => error,
        }
    }

    /// Logs the answer and gives it back.
    ///
    /// # Errors
    /// The answer's, or 500 where no device takes the entry; what was done stays done.
    pub(in crate::core) async fn end(self, answer: Result<Option<Response>>) -> Result<Option<Response>> {
        let Some(begun) = self.0 else { return answer };
        let started = begun.audit.clock.monotonic();
        let logged = match begun.answer_lines(&answer) {
            Ok(lines) => begun.audit.log(lines, "response").await,
            Err(error) => Err(error),
        };
        metrics::histogram!("vault_audit_log_response").record(begun.audit.seconds_since(started));
        metrics::counter!("vault_audit_log_response_failure").increment(u64::from(logged.is_err()));
        logged.and(answer)
    }
}

impl Begun {
    /// The entries of the answer, for the devices that are there now.
    fn answer_lines(&self, answer: &Result<Option<Response>>) -> Result<Vec<super::Line>> {
        let time = self.audit.time();
        let mut lines = Vec::new();
        for device in self.audit.devices().iter() {
            let known = self.devices.iter().position(|known| known.entry.uuid == device.entry.uuid);
            let shared = match (known.and_then(|index| self.shared.get(index)), &self.enabling) {
                (Some(shared), _) => shared.clone(),
                (None, Some((request, kept))) => {
                    let caller = kept.as_ref().map_or(Caller::Public, Caller::Kept);
                    let subject = Subject { request, mount: self.mount.as_deref(), caller: &caller };
                    let headers = self.audit.audited_headers().of(&request.headers, device.veil.salt());
                    Shared::new(&device.veil, &subject, &headers)?
                }
                // Enabled while the request was handled, whose beginning it does not know.
                (None, None) => continue,
            };
            let answered = answer.as_ref().map(Option::as_ref);
            let elide = device.elide_lists && self.lists;
            let response = entry::response(&device.veil, self.mount.as_deref(), elide, answered)?;
            let error = answer.as_ref().err();
            lines.push((device.clone(), shared.response_line(&device.prefix, &time, &response, error)?));
        }
        Ok(lines)
    }
}
