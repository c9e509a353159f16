//! Clearing up after what should not happen: entries that stand for nothing.

use super::{AccessorEntry, TokenStore};
use crate::Result;
use crate::core::{Batch, TokenEntry};

impl TokenStore {
    /// Removes accessors and children's places whose token is gone, and tokens that ended; returns how many. A bounded number at a time.
    ///
    /// # Errors
    /// 503 while sealed, and the store's. Starting again later is safe.
    pub async fn tidy(&self, now: i64) -> Result<usize> {
        Ok(self.tidy_accessors(now).await? + self.tidy_children().await?)
    }

    async fn tidy_accessors(&self, now: i64) -> Result<usize> {
        let (mut after, mut tidied) = (String::new(), 0);
        loop {
            let names = self.view.list_page("accessor", &after, PAGE).await?;
            let Some(last) = names.last() else { return Ok(tidied) };
            after.clone_from(last);
            for name in names {
                let path = format!("accessor/{name}");
                let Some((accessor, _)) = self.view.get_json::<AccessorEntry>(&path).await? else { continue };
                match self.view.get_json::<TokenEntry>(&format!("id/{}", accessor.hash)).await? {
                    Some((entry, _)) if entry.is_expired(now) => {
                        self.revoke_tree(&entry.hash, now).await?;
                    }
                    Some(_) => continue,
                    None => {
                        self.view.commit(Batch::new().delete(path)).await?;
                    }
                }
                tidied += 1;
            }
        }
    }

    async fn tidy_children(&self) -> Result<usize> {
        let (mut after, mut tidied) = (String::new(), 0);
        loop {
            let parents = self.view.list_page("parent", &after, PAGE).await?;
            let Some(last) = parents.last() else { return Ok(tidied) };
            after.clone_from(last);
            for parent in parents.iter().filter_map(|name| name.strip_suffix('/')) {
                tidied += self.tidy_children_of(parent).await?;
            }
        }
    }

    async fn tidy_children_of(&self, parent: &str) -> Result<usize> {
        let (mut after, mut tidied) = (String::new(), 0);
        loop {
            let children = self.view.list_page(&format!("parent/{parent}"), &after, PAGE).await?;
            let Some(last) = children.last() else { return Ok(tidied) };
            after.clone_from(last);
            for child in children {
                if self.view.get(&format!("id/{child}")).await?.is_none() {
                    self.view.commit(Batch::new().delete(format!("parent/{parent}/{child}"))).await?;
                    tidied += 1;
                }
            }
        }
    }
}

const PAGE: usize = 256;
