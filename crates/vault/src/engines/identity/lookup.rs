//! `identity/lookup`: by whatever is known of it.

use super::Identity;
use crate::response::Response;
use crate::{Error, Result};

/// What is known.
enum Known {
    Id(String),
    Name(String),
    AliasId(String),
    Alias { name: String, mount_accessor: String },
}

impl Identity<'_> {
    pub(super) async fn look_up_entity(&self) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        let found = match self.known()? {
            Known::Id(id) => identity.entity(&id).await?,
            Known::Name(name) => identity.entity_by_name(&name).await?,
            Known::AliasId(id) => identity.entity_by_alias_id(&id).await?,
            Known::Alias { name, mount_accessor } => identity.entity_by_alias(&mount_accessor, &name).await?,
        };
        match found {
            Some(entity) => self.show_entity(Some(entity)).await,
            None => Ok(None),
        }
    }

    pub(super) async fn look_up_group(&self) -> Result<Option<Response>> {
        let groups = self.unsealed.identity.groups().await?;
        let found = match self.known()? {
            Known::Id(id) => groups.get(&id),
            Known::Name(name) => groups.by_name(&name),
            Known::AliasId(id) => groups.by_alias_id(&id),
            Known::Alias { name, mount_accessor } => groups.by_alias(&mount_accessor, &name),
        };
        match found {
            Some(group) => self.show_group(Some(group)).await,
            None => Ok(None),
        }
    }

    fn known(&self) -> Result<Known> {
        let text = |field: &str| Ok::<_, Error>(self.request.text(field)?.filter(|text| !text.is_empty()));
        let mut known = Vec::new();
        known.extend(text("id")?.map(Known::Id));
        known.extend(text("name")?.map(Known::Name));
        known.extend(text("alias_id")?.map(Known::AliasId));
        match (text("alias_name")?, text("alias_mount_accessor")?) {
            (Some(name), Some(mount_accessor)) => known.push(Known::Alias { name, mount_accessor }),
            (None, None) => {}
            _ => return Err(Error::invalid("both 'alias_name' and 'alias_mount_accessor' needs to be set")),
        }
        let one = known.pop().ok_or_else(|| Error::invalid("query parameter not supplied"))?;
        if !known.is_empty() {
            return Err(Error::invalid(
                "query parameter conflict; please supply distinct set of query parameters",
            ));
        }
        Ok(one)
    }
}
