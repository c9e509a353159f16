//! What Docker, `sudo` and the shell say when they refuse, as faults.

use http::StatusCode;

use crate::fault::{Fault, Kind};

/// Begins the text of a fault for something that Docker does not have.
const MISSING: &str = "Docker (not found): ";

/// The end of a `docker system dial-stdio` that reached no Docker. `Denied` means that root may be allowed what this user is not.
pub(super) fn of_command(words: &str) -> Fault {
    let lower = words.to_lowercase();
    let has = |what: &str| lower.contains(what);
    if has("cannot connect to the docker daemon") || has("connection refused") || has("connect: no such file")
    {
        Fault::new(Kind::Unavailable, format!("Docker does not run on the server: {words}"))
    } else if has("sudo") || has("password is required") {
        Fault::new(
            Kind::Denied,
            format!(
                "the user may neither use Docker nor become root without a password: add it to the group docker, or let it use \
                 `sudo -n` ({words})"
            ),
        )
    } else if has("not found") {
        Fault::new(
            Kind::Denied,
            format!("Docker is not installed on the server: install Docker 20.10 or newer ({words})"),
        )
    } else if has("permission denied") {
        Fault::new(
            Kind::Denied,
            format!(
                "the user may not use Docker: add it to the group docker, or let it use `sudo -n` ({words})"
            ),
        )
    } else {
        Fault::new(Kind::Unavailable, format!("Docker cannot be reached on the server: {words}"))
    }
}

/// An answer of Docker's API that is an error.
pub(super) fn of_docker(status: StatusCode, message: &str) -> Fault {
    let lower = message.to_lowercase();
    let has = |what: &str| lower.contains(what);
    if has("no space left on device") || has("disk quota exceeded") {
        return Fault::new(Kind::Capacity, format!("no space is left on the server's disk: {message}"));
    }
    if has("cannot allocate memory") {
        return Fault::new(Kind::Capacity, format!("no memory is left on the server: {message}"));
    }
    if has("address already in use") || has("port is already allocated") {
        return Fault::new(Kind::Conflict, format!("Docker: {message}"));
    }
    if has("could not select device driver") {
        return Fault::new(
            Kind::Invalid,
            format!("gpus: the server has no NVIDIA container runtime, or no such GPU: {message}"),
        );
    }
    if has("oci runtime create failed") || has("invalid ") || has("error mounting") || has("bind source path")
    {
        return Fault::new(Kind::Invalid, format!("Docker cannot start the container: {message}"));
    }
    match status {
        StatusCode::NOT_FOUND => Fault::new(Kind::Invalid, format!("{MISSING}{message}")),
        StatusCode::CONFLICT => Fault::new(Kind::Conflict, format!("Docker: {message}")),
        status if status.is_client_error() => Fault::new(Kind::Invalid, format!("Docker: {message}")),
        _ => Fault::new(Kind::Unavailable, format!("Docker: {message}")),
    }
}

/// A line of the streams that loading and pulling an image give, if it tells of an error.
pub(super) fn of_progress(line: &[u8]) -> Option<Fault> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    let message = line.get("error")?.as_str()?;
    let fault = of_docker(StatusCode::INTERNAL_SERVER_ERROR, message);
    Some(fault)
}

/// Whether Docker has no such thing.
pub(super) fn is_missing(fault: &Fault) -> bool {
    fault.kind == Kind::Invalid && fault.text.starts_with(MISSING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_lack_of_capacity() {
        let fault =
            of_progress(br#"{"errorDetail":{"message":"x"},"error":"write /blob: no space left on device"}"#);
        assert_eq!(fault.unwrap().kind, Kind::Capacity);
        assert!(of_progress(br#"{"status":"Loading layer"}"#).is_none());
    }

    #[test]
    fn who_may_not_use_docker_is_told_what_to_do() {
        let fault = of_command("Got permission denied while trying to connect to the Docker daemon socket");
        assert_eq!(fault.kind, Kind::Denied);
        assert!(fault.text.contains("group docker"), "{fault}");
        assert_eq!(of_command("sudo: a password is required").kind, Kind::Denied);
        assert!(of_command("bash: line 1: docker: command not found").text.contains("not installed"));
    }

    #[test]
    fn a_docker_that_does_not_run_is_unavailable() {
        let words = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";
        assert_eq!(of_command(words).kind, Kind::Unavailable);
        let words =
            "failed to open the raw stream connection: dial unix /x: connect: no such file or directory";
        assert_eq!(of_command(words).kind, Kind::Unavailable);
    }

    #[test]
    fn a_container_that_cannot_start_is_the_users_to_mend() {
        let fault = of_docker(StatusCode::BAD_REQUEST, "OCI runtime create failed: exec: \"x\": not found");
        assert_eq!(fault.kind, Kind::Invalid);
        assert!(is_missing(&of_docker(StatusCode::NOT_FOUND, "No such image: x")));
        assert_eq!(of_docker(StatusCode::CONFLICT, "x").kind, Kind::Conflict);
        assert_eq!(of_docker(StatusCode::INTERNAL_SERVER_ERROR, "invalid mode: x").kind, Kind::Invalid);
        assert_eq!(of_docker(StatusCode::INTERNAL_SERVER_ERROR, "x").kind, Kind::Unavailable);
    }
}
