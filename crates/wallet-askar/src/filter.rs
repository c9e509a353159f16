//! Conditions on tags, in Askar's words.

use askar_storage::entry::{EntryTag, TagFilter};
use trustkeep_wallet::{Error, Filter, Result, Tag};

/// What a condition comes to.
pub(crate) enum Condition {
    /// It holds for all.
    Always,
    /// It holds for none.
    Never,
    /// It depends on the tags.
    Tags(TagFilter),
}

/// Askar's conditions know no "always" and no "never" (an empty "or" is no valid SQL on PostgreSQL), so they are
/// reckoned away first.
pub(crate) fn condition(filter: &Filter) -> Result<Condition> {
    Ok(match filter {
        Filter::Is(tag) => Condition::Tags(TagFilter::is_eq(queried(&tag.name, tag.is_plain)?, &tag.value)),
        Filter::Has { name, is_plain } => Condition::Tags(TagFilter::exist(vec![queried(name, *is_plain)?])),
        Filter::Not(filter) => match condition(filter)? {
            Condition::Always => Condition::Never,
            Condition::Never => Condition::Always,
            Condition::Tags(filter) => Condition::Tags(TagFilter::negate(filter)),
        },
        Filter::All(filters) => {
            let mut parts = Vec::with_capacity(filters.len());
            for filter in filters {
                match condition(filter)? {
                    Condition::Always => {}
                    Condition::Never => return Ok(Condition::Never),
                    Condition::Tags(part) => parts.push(part),
                }
            }
            if parts.is_empty() { Condition::Always } else { Condition::Tags(TagFilter::all_of(parts)) }
        }
        Filter::Any(filters) => {
            let mut parts = Vec::with_capacity(filters.len());
            for filter in filters {
                match condition(filter)? {
                    Condition::Always => return Ok(Condition::Always),
                    Condition::Never => {}
                    Condition::Tags(part) => parts.push(part),
                }
            }
            if parts.is_empty() { Condition::Never } else { Condition::Tags(TagFilter::any_of(parts)) }
        }
    })
}

fn queried(name: &str, is_plain: bool) -> Result<String> {
    check(name)?;
    Ok(if is_plain { format!("~{name}") } else { name.to_owned() })
}

/// A tag as it is stored.
pub(crate) fn to_askar(tag: &Tag) -> Result<EntryTag> {
    check(&tag.name)?;
    let (name, value) = (tag.name.clone(), tag.value.clone());
    Ok(if tag.is_plain { EntryTag::Plaintext(name, value) } else { EntryTag::Encrypted(name, value) })
}

/// A tag that was stored.
pub(crate) fn from_askar(tag: EntryTag) -> Tag {
    match tag {
        EntryTag::Encrypted(name, value) => Tag { name, value, is_plain: false },
        EntryTag::Plaintext(name, value) => Tag { name, value, is_plain: true },
    }
}

/// In queries, and for whoever else opens the wallet, `~` marks a plain tag.
fn check(name: &str) -> Result<()> {
    if name.starts_with('~') {
        return Err(Error::Invalid(format!("the tag's name {name} begins with ~")));
    }
    Ok(())
}
