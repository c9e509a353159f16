//! Clearing up leases after what should not happen: those whose token is gone, and entries that stand for nothing.

use super::Unsealed;
use super::lease_store::Stored;
use crate::Result;

impl Unsealed {
    /// Ends the leases of tokens that are gone and removes what shows tokens as leases that are none any more; returns
    /// how many. A bounded number at a time.
    ///
    /// # Errors
    /// 503 while sealed, and the store's. Starting again later is safe.
    pub async fn tidy_leases(&self, now: i64) -> Result<usize> {
        let mut tidied = self.tidy_owners(now).await?;
        let mut pending = vec![(String::new(), String::new())];
        while let Some((folder, after)) = pending.pop() {
            let names = self.leases.list(&folder, &after, self.leases.at_once()).await?;
            let Some(last) = names.last() else { continue };
            pending.push((folder.clone(), last.clone()));
            for name in names {
                let id = format!("{folder}{name}");
                if name.ends_with('/') {
                    pending.push((id, String::new()));
                } else if let Some(Stored::Token(hash)) = self.leases.get(&id).await?
                    && !self.tokens.is_stored(&hash).await?
                {
                    self.leases.commit(self.leases.removal_of_id(&id)).await?;
                    tidied += 1;
                }
            }
        }
        Ok(tidied + self.expire_leases(now).await?)
    }

    async fn tidy_owners(&self, now: i64) -> Result<usize> {
        let (owners, mut after, mut tidied) = (self.leases.owners(), String::new(), 0);
        loop {
            let names = owners.list_page("", &after, self.leases.at_once()).await?;
            let Some(last) = names.last() else { return Ok(tidied) };
            after.clone_from(last);
            for hash in names.iter().filter_map(|name| name.strip_suffix('/')) {
                if !self.tokens.is_stored(hash).await? {
                    self.leases.end_all_of(hash, now).await?;
                    tidied += 1;
                }
            }
        }
    }
}
