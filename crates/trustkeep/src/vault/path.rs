//! Paths of the interface: `secret/data/db`, without `v1/`.

/// Without surrounding space and slashes.
pub(crate) fn clean(path: &str) -> &str {
    path.trim().trim_matches('/')
}

/// With exactly one slash at the end, as mounts are written.
pub(crate) fn mount(path: &str) -> String {
    format!("{}/", clean(path))
}

/// The parts with single slashes between them, empty parts left out.
pub(crate) fn join(parts: &[&str]) -> String {
    let segments: Vec<&str> =
        parts.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty()).collect();
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_come_out_single_and_inside() {
        assert_eq!(clean(" /secret/db/ "), "secret/db");
        assert_eq!(mount("kv"), "kv/");
        assert_eq!(mount("/kv/"), "kv/");
        assert_eq!(join(&["secret/", "data", "/a//b/"]), "secret/data/a/b");
        assert_eq!(join(&["secret/", "metadata", ""]), "secret/metadata");
    }
}
