//! The region: setting, `AWS_REGION`, `AWS_DEFAULT_REGION`, profile files, instance metadata.

use crate::credentials::instance::Imds;
use crate::credentials::{Missing, Profile};
use crate::{Attempt, ChainSettings, Context, Error, Result};

/// Finds the region, in the order above.
///
/// # Errors
/// [`Error::Region`] lists each place that was tried; [`Error::Setting`] if a place holds nonsense.
pub async fn resolve(context: &Context, settings: &ChainSettings) -> Result<String> {
    if let Some(region) = configured(context, settings).await? {
        return Ok(region);
    }
    let nearby = crate::credentials::nearby_client()?;
    let instance = match Imds::open(&context.env, &nearby).await {
        Ok(imds) => imds.region().await,
        Err(missing) => Err(missing),
    };
    match instance {
        Ok(region) => valid("instance metadata", region),
        Err(Missing::Absent(reason) | Missing::Broken(reason)) => {
            let unset = |place, reason: &str| Attempt { place, reason: reason.into() };
            Err(Error::Region {
                tried: vec![
                    unset("configuration", "`region` is not set"),
                    unset("environment", "AWS_REGION and AWS_DEFAULT_REGION are not set"),
                    unset("profile files", "the profile has no region"),
                    Attempt { place: "instance metadata", reason },
                ],
            })
        }
    }
}

/// The same without asking the network.
pub(crate) async fn configured(context: &Context, settings: &ChainSettings) -> Result<Option<String>> {
    if let Some(region) = settings.region.clone().filter(|region| !region.is_empty()) {
        return valid("region", region).map(Some);
    }
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Some(region) = context.env.get(variable) {
            return valid(variable, region).map(Some);
        }
    }
    // An unreadable profile is the chain's to complain about.
    let profile = Profile::read(context, settings).await.ok();
    profile.and_then(|profile| profile.region()).map(|region| valid("profile region", region)).transpose()
}

/// A region becomes part of a host name, so it must look like one's label.
fn valid(parameter: &'static str, region: String) -> Result<String> {
    let looks_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&region.len()) && region.chars().all(looks_right) && !region.starts_with('-') {
        return Ok(region);
    }
    Err(Error::Setting { parameter, reason: format!("{region:?} is not a region; one looks like eu-west-1") })
}
