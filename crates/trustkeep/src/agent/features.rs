//! Which features other agents are told of: a YAML file with the lists `protocols` and `goal-codes`.

use serde_json::Value;

use super::given::Given;

/// Bytes of a file.
const BYTES_MAX: u64 = 1 << 20;

/// What is told; where a list is empty, everything is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) protocols: Vec<String>,
    pub(super) goal_codes: Vec<String>,
}

impl Features {
    /// Those of the file that was given, if one was.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn of(given: &Given) -> Result<Self, String> {
        given.one("disclose-features-list").map_or_else(|| Ok(Self::default()), Self::read)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is something else.
    fn read(path: &str) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("--disclose-features-list {path}: {why}");
        let bytes = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
        if bytes > BYTES_MAX {
            return Err(wrong(&"the file is too large"));
        }
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        Self::parse(&text).map_err(|why| wrong(&why))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lists: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let list = |name: &str| match lists.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(|| format!("{name}: a list of texts is expected"))
            }
            Some(_) => Err(format!("{name}: a list of texts is expected")),
        };
        Ok(Self { protocols: list("protocols")?, goal_codes: list("goal-codes")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_are_read() {
        let read =
            Features::parse("protocols:\n  - https://didcomm.org/trust_ping/1.0\ngoal-codes: [aries.vc]\n");
        let expected = Features {
            protocols: vec!["https://didcomm.org/trust_ping/1.0".to_owned()],
            goal_codes: vec!["aries.vc".to_owned()],
        };
        assert_eq!(read, Ok(expected));
        assert_eq!(Features::parse("{}"), Ok(Features::default()));
        assert_eq!(Features::parse("protocols: 5"), Err("protocols: a list of texts is expected".to_owned()));
        assert!(
            Features::read("/nowhere/at/all").unwrap_err().starts_with("--disclose-features-list /nowhere")
        );
    }
}
