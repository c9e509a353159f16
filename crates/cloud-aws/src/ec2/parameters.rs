use std::collections::BTreeMap;

/// The parameters of one operation, in the query protocol's way of writing lists and structures.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.0.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets what is there.
    #[must_use]
    pub(crate) fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.set(key, value),
            None => self,
        }
    }

    /// `Key.1`, `Key.2` and so on.
    #[must_use]
    pub(crate) fn list(mut self, key: &str, values: &[&str]) -> Self {
        for (number, value) in (1..).zip(values) {
            self = self.set(&format!("{key}.{number}"), value);
        }
        self
    }

    /// What is found matches each of these by one of its values.
    #[must_use]
    pub(crate) fn filters(mut self, filters: &[(&str, &[&str])]) -> Self {
        for (number, (name, values)) in (1..).zip(filters) {
            self = self.set(&format!("Filter.{number}.Name"), name);
            self = self.list(&format!("Filter.{number}.Value"), values);
        }
        self
    }

    /// These tags for each of these kinds of resource that the operation makes.
    #[must_use]
    pub(crate) fn tags(mut self, kinds: &[(&str, &BTreeMap<String, String>)]) -> Self {
        for (number, (kind, tags)) in (1..).zip(kinds) {
            self = self.set(&format!("TagSpecification.{number}.ResourceType"), kind);
            for (tag, (key, value)) in (1..).zip(*tags) {
                self = self.set(&format!("TagSpecification.{number}.Tag.{tag}.Key"), key);
                self = self.set(&format!("TagSpecification.{number}.Tag.{tag}.Value"), value);
            }
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_structures_are_numbered() {
        let tags = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        let parameters = Parameters::new()
            .filters(&[("state", &["a", "b"]), ("id", &["c"])])
            .tags(&[("instance", &tags)])
            .maybe("Nothing", None);
        let written: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            written.join("&"),
            "Filter.1.Name=state&Filter.1.Value.1=a&Filter.1.Value.2=b&Filter.2.Name=id&Filter.2.Value.1=c\
             &TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=k&TagSpecification.1.Tag.1.Value=v"
        );
    }
}
