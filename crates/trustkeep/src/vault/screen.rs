//! What the user sees: standard output in the asked form, warnings on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use serde_json::{Map, Value};

use super::error::Error;
use super::options::Options;
use super::secret::{Secret, sorted};
use super::table;

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// JSON, indented
    Json,
    /// YAML
    #[value(alias = "yml")]
    Yaml,
    /// As table
    Pretty,
    /// The bytes of the answer (`read` only)
    Raw,
}

/// Standard output in one form.
pub(crate) struct Screen {
    format: Format,
    field: Option<String>,
}

impl Screen {
    /// Takes the form from the flags, else from `VAULT_FORMAT`.
    ///
    /// # Errors
    ///
    /// If the variable names no form.
    pub(crate) fn new(
        options: &Options,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Error> {
        let format = match (options.format, environment("VAULT_FORMAT").filter(|text| !text.is_empty())) {
            (Some(format), _) => format,
            (None, Some(text)) => <Format as clap::ValueEnum>::from_str(&text, true).map_err(|_| {
                Error::Usage("VAULT_FORMAT must be table, json, yaml, pretty or raw".to_owned())
            })?,
            (None, None) => Format::Table,
        };
        Ok(Self { format, field: options.field.clone() })
    }

    /// Whether people read this, not programs.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.format, Format::Table | Format::Pretty)
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.format == Format::Raw
    }

    /// The field that was asked for, if any.
    pub(crate) fn wanted_field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Prints one line, in every form.
    pub(crate) fn line(&self, text: &str) -> Result<ExitCode, Error> {
        writeln!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints a line for people only.
    pub(crate) fn say(&self, text: &str) -> Result<ExitCode, Error> {
        if self.is_table() { self.line(text) } else { Ok(ExitCode::SUCCESS) }
    }

    /// Says something beside the output.
    pub(crate) fn warn(&self, text: &str) {
        // With standard error gone there is nobody left to warn.
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Prints an answer, or the field of it that was asked for.
    pub(crate) fn secret(&self, secret: &Secret) -> Result<ExitCode, Error> {
        if let Some(name) = &self.field {
            self.warnings(secret);
            return self.field_value(secret.field(name).as_ref(), name, "secret");
        }
        if self.is_table() {
            self.warnings(secret);
            return self.block(table::secret(secret));
        }
        self.structured(&secret.to_json())
    }

    /// Prints the keys of a listing.
    pub(crate) fn list(&self, secret: &Secret) -> Result<ExitCode, Error> {
        let keys = secret.keys().unwrap_or_default();
        if self.is_table() {
            self.warnings(secret);
            return self.line(&table::keys(&keys));
        }
        self.structured(&Value::from(keys))
    }

    /// Prints an object: as a table, or in the order of its keys as they are.
    pub(crate) fn object(&self, map: &Map<String, Value>) -> Result<ExitCode, Error> {
        if self.is_table() {
            self.block(table::object(map))
        } else {
            self.structured(&Value::Object(map.clone()))
        }
    }

    /// Prints a value as JSON or YAML.
    pub(crate) fn structured(&self, value: &Value) -> Result<ExitCode, Error> {
        if self.is_raw() {
            return Err(Error::Usage("-format=raw is only for `vault read`".to_owned()));
        }
        self.line(&render(value, self.format)?)
    }

    /// Prints one value alone, with a line end only for a terminal: pipes get exactly the value.
    pub(crate) fn field_value(&self, value: Option<&Value>, name: &str, of: &str) -> Result<ExitCode, Error> {
        let value = value
            .filter(|value| !value.is_null())
            .ok_or_else(|| Error::Usage(format!("Field \"{name}\" not present in {of}")))?;
        let text = match self.format {
            Format::Json | Format::Yaml => render(value, self.format)?,
            _ => table::plain(value),
        };
        let mut out = std::io::stdout();
        out.write_all(text.as_bytes())?;
        if out.is_terminal() {
            out.write_all(b"\n")?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }

    /// Prints bytes as they are.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Result<ExitCode, Error> {
        let mut out = std::io::stdout();
        out.write_all(bytes)?;
        if !bytes.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Shows an answer's warnings beside the output.
    pub(crate) fn warnings(&self, secret: &Secret) {
        let warnings = secret.warnings();
        if warnings.is_empty() || !self.is_table() {
            return;
        }
        self.warn("WARNING! The following warnings were returned from Vault:\n");
        for warning in warnings {
            self.warn(&format!("  * {warning}\n"));
        }
    }

    fn block(&self, text: Option<String>) -> Result<ExitCode, Error> {
        text.map_or(Ok(ExitCode::SUCCESS), |text| self.line(&text))
    }
}

/// JSON with two spaces of indentation, or YAML with sorted keys; no line end.
fn render(value: &Value, format: Format) -> Result<String, Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Usage(format!("cannot write the output in this form: {error}"))
    };
    match format {
        Format::Yaml => serde_saphyr::to_string(&sorted(value))
            .map(|text| text.trim_end().to_owned())
            .map_err(|error| failed(&error)),
        _ => serde_json::to_string_pretty(value).map_err(|error| failed(&error)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_keeps_the_order_of_the_envelope_and_sorts_data() {
        let secret = Secret::parse(
            json!({"lease_duration": 5, "request_id": "r", "auth": null, "mount_type": "kv", "wrap_info": null,
                "data": {"b": 1, "a": {"z": [], "y": null}}, "warnings": null, "renewable": false, "lease_id": ""})
            .to_string()
            .as_bytes(),
        )
        .unwrap()
        .unwrap();
        let expected = r#"{
  "request_id": "r",
  "lease_id": "",
  "lease_duration": 5,
  "renewable": false,
  "data": {
    "a": {
      "y": null,
      "z": []
    },
    "b": 1
  },
  "warnings": null
}"#;
        assert_eq!(render(&secret.to_json(), Format::Json).unwrap(), expected);
    }

    #[test]
    fn yaml_is_sorted_and_quotes_what_would_be_read_as_something_else() {
        let value = json!({"b": "true", "a": {"list": ["x", "1", 1, "- y"], "text": "line 1\nline 2\n", "none": null},
            "c": "", "d": "12:30", "e": "a: b", "f": "yes", "empty": {}, "nothing": []});
        let text = render(&value, Format::Yaml).unwrap();
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(back, value);
        let expected = "a:\n  list:\n  - x\n  - \"1\"\n  - 1\n  - \"- y\"\n  none: null\n  text: |\n    line 1\n    line 2\n\
            b: \"true\"\nc: \"\"\nd: \"12:30\"\ne: \"a: b\"\nempty: {}\nf: \"yes\"\nnothing: []";
        assert_eq!(text, expected);
    }
}
