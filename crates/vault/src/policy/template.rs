//! Paths that name their holder: `secret/data/{{identity.entity.id}}/*`.

/// Why a templated path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TemplateError {
    /// `{{` without `}}`, or the other way round.
    #[error("failed to validate policy templating: unbalanced templating characters")]
    Unbalanced,
}

/// What stands between `{{` and `}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `identity.entity.…`
    Entity(Attribute),
    /// `identity.entity.aliases.<mount accessor>.…`
    Alias {
        /// Of the auth mount.
        accessor: String,
        /// Of the alias.
        attribute: Attribute,
    },
    /// `identity.groups.ids.<id>.…`
    GroupById {
        /// The group's id.
        id: String,
        /// Of the group.
        attribute: Attribute,
    },
    /// `identity.groups.names.<name>.…`
    GroupByName {
        /// The group's name.
        name: String,
        /// Of the group.
        attribute: Attribute,
    },
    /// Anything else: never has a value.
    Unknown(String),
}

/// What is taken of an entity, an alias or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// `id`
    Id,
    /// `name`
    Name,
    /// `metadata.<key>`
    Metadata(String),
    /// `custom_metadata.<key>`
    CustomMetadata(String),
}

/// A path with selectors in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Selector(Selector),
}

impl Template {
    /// Reads a path; `None` if nothing in it is templated.
    ///
    /// # Errors
    /// [`TemplateError::Unbalanced`].
    pub(super) fn parse(text: &str) -> Result<Option<Self>, TemplateError> {
        let mut parts = text.split("{{");
        let head = parts.next().unwrap_or_default();
        if head.contains("}}") {
            return Err(TemplateError::Unbalanced);
        }
        let mut pieces = vec![Piece::Literal(head.to_owned())];
        for part in parts {
            let (selector, literal) = part.split_once("}}").ok_or(TemplateError::Unbalanced)?;
            if literal.contains("}}") {
                return Err(TemplateError::Unbalanced);
            }
            pieces.push(Piece::Selector(Selector::parse(selector.trim())));
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        Ok((pieces.len() > 1).then_some(Self { pieces }))
    }

    /// The path with its selectors replaced. `None`, and so no rule, if one has no value, or one whose value
    /// would change which paths are meant: `+`, `*`, `/` (OpenBao advisory GHSA-59w7-v8rr-pr4p), control characters.
    pub(super) fn resolve(&self, value_of: &dyn Fn(&Selector) -> Option<String>) -> Option<String> {
        let mut path = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => path.push_str(literal),
                Piece::Selector(selector) => {
                    let value = value_of(selector)?;
                    if value.is_empty()
                        || value.contains(|c: char| matches!(c, '+' | '*' | '/') || c.is_control())
                    {
                        return None;
                    }
                    path.push_str(&value);
                }
            }
        }
        Some(path)
    }
}

impl Selector {
    fn parse(text: &str) -> Self {
        let known = || {
            let rest = text.strip_prefix("identity.")?;
            if let Some(rest) = rest.strip_prefix("entity.aliases.") {
                let (accessor, attribute) = rest.split_once('.')?;
                let attribute = Attribute::parse(attribute)?;
                return Some(Selector::Alias { accessor: accessor.to_owned(), attribute });
            }
            if let Some(rest) = rest.strip_prefix("entity.") {
                return Attribute::parse(rest).map(Selector::Entity);
            }
            if let Some(rest) = rest.strip_prefix("groups.ids.") {
                let (id, attribute) = rest.split_once('.')?;
                return Some(Selector::GroupById {
                    id: id.to_owned(),
                    attribute: Attribute::parse(attribute)?,
                });
            }
            let rest = rest.strip_prefix("groups.names.")?;
            // A group's name may hold dots; its attribute is at the end.
            let (name, attribute) = match rest.split_once(".metadata.") {
                Some((name, key)) => (name, Attribute::Metadata(key.to_owned())),
                None => {
                    let (name, attribute) = rest.rsplit_once('.')?;
                    (name, Attribute::parse(attribute)?)
                }
            };
            Some(Selector::GroupByName { name: name.to_owned(), attribute })
        };
        known().unwrap_or_else(|| Selector::Unknown(text.to_owned()))
    }
}

impl Attribute {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "id" => Some(Attribute::Id),
            "name" => Some(Attribute::Name),
            _ => match text.split_once('.')? {
                ("metadata", key) if !key.is_empty() => Some(Attribute::Metadata(key.to_owned())),
                ("custom_metadata", key) if !key.is_empty() => {
                    Some(Attribute::CustomMetadata(key.to_owned()))
                }
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Selector {
        let template = Template::parse(&format!("a/{{{{{text}}}}}/b")).unwrap().unwrap();
        match &template.pieces[1] {
            Piece::Selector(selector) => selector.clone(),
            Piece::Literal(_) => panic!("{text}"),
        }
    }

    #[test]
    fn selectors_are_those_of_vault() {
        for (text, expected) in [
            ("identity.entity.id", Selector::Entity(Attribute::Id)),
            (" identity.entity.name ", Selector::Entity(Attribute::Name)),
            ("identity.entity.metadata.team.x", Selector::Entity(Attribute::Metadata("team.x".into()))),
            (
                "identity.entity.aliases.auth_userpass_1.custom_metadata.k",
                Selector::Alias {
                    accessor: "auth_userpass_1".into(),
                    attribute: Attribute::CustomMetadata("k".into()),
                },
            ),
            (
                "identity.groups.ids.g1.name",
                Selector::GroupById { id: "g1".into(), attribute: Attribute::Name },
            ),
            (
                "identity.groups.names.a.b.id",
                Selector::GroupByName { name: "a.b".into(), attribute: Attribute::Id },
            ),
            ("identity.entity.secret", Selector::Unknown("identity.entity.secret".into())),
            ("x", Selector::Unknown("x".into())),
        ] {
            assert_eq!(selector(text), expected);
        }
    }

    #[test]
    fn unbalanced_braces_are_refused_and_plain_paths_are_no_templates() {
        assert_eq!(Template::parse("a/b{c}"), Ok(None));
        for text in ["a/{{b", "a/b}}", "a/{{b}}c}}", "{{a{{b}}"] {
            assert_eq!(Template::parse(text), Err(TemplateError::Unbalanced), "{text}");
        }
    }

    #[test]
    fn values_that_would_widen_the_rule_drop_it() {
        let template = Template::parse("kv/{{identity.entity.name}}/*").unwrap().unwrap();
        let resolve = |value: &str| template.resolve(&|_| Some(value.to_owned()));
        assert_eq!(resolve("alice"), Some("kv/alice/*".to_owned()));
        for value in ["", "+", "*", "a/b", "a*", "a\n"] {
            assert_eq!(resolve(value), None, "{value}");
        }
        assert_eq!(template.resolve(&|_| None), None);
    }
}
