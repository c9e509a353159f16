//! Which machine image to boot: `default`, a name, or an id.

use trustkeep_cloud::{Fault, Result};

use crate::ec2::{Image, Parameters};
use crate::provider::Visit;

/// The image that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) root_device: String,
}

/// Releases of Ubuntu for `default`, the best first.
const RELEASES: [&str; 2] = ["24.04", "22.04"];

impl Visit<'_> {
    /// The image of the spec, for machines of this type.
    ///
    /// # Errors
    /// [`trustkeep_cloud::Kind::Invalid`] if there is none.
    pub(crate) async fn image(&self, instance_type: &str) -> Result<Choice> {
        let wanted = self.place.text("cloud_image").unwrap_or("default");
        let architecture = match wanted {
            "default" => self.architecture(instance_type).await?,
            _ => String::new(),
        };
        let (region, account) = (self.site.region.clone(), self.site.credentials.access_key_id.clone());
        let key = (region, account, wanted.to_owned(), architecture.clone());
        let ask = async {
            let image = match wanted {
                "default" => self.ubuntu(&architecture).await?,
                id if id.starts_with("ami-") => {
                    self.ec2.images(Parameters::new().list("ImageId", &[id])).await?.pop()
                }
                name => self.named(name).await?,
            };
            let image = image.ok_or_else(|| self.no_image(wanted, &architecture))?;
            Ok(Choice { id: image.image_id, root_device: image.root_device_name })
        };
        self.aws.shared.images.get(key, ask).await
    }

    async fn architecture(&self, instance_type: &str) -> Result<String> {
        let key = (self.site.region.clone(), instance_type.to_owned());
        let ask = async {
            let architectures = self.ec2.architectures(instance_type).await?;
            let ours = ["x86_64", "arm64"].into_iter().find(|ours| architectures.iter().any(|a| a == ours));
            ours.map(str::to_owned).ok_or_else(|| {
                self.invalid(format!(
                    "InvalidInstanceType: instance_type {instance_type} is not offered in {} for 64-bit systems",
                    self.site.region
                ))
            })
        };
        self.aws.shared.architectures.get(key, ask).await
    }

    async fn ubuntu(&self, architecture: &str) -> Result<Option<Image>> {
        for release in RELEASES {
            // ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260101
            let name = format!("ubuntu/images/hvm-ssd*/ubuntu-*{release}-*-server*");
            let parameters = Parameters::new().list("Owner", &[canonical(&self.site.region)]).filters(&[
                ("name", &[&name]),
                ("architecture", &[architecture]),
                ("state", &["available"]),
            ]);
            if let Some(image) = newest(self.ec2.images(parameters).await?) {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }

    /// One's own, Amazon's or Canonical's of this name, or one that its owner shares with this account. Public images of
    /// others count by their id only, as anybody can give one any name.
    async fn named(&self, name: &str) -> Result<Option<Image>> {
        let named = || Parameters::new().filters(&[("name", &[name]), ("state", &["available"])]);
        let owners = ["self", "amazon", canonical(&self.site.region)];
        let own = newest(self.ec2.images(named().list("Owner", &owners)).await?);
        match own {
            Some(image) => Ok(Some(image)),
            None => Ok(newest(self.ec2.images(named().list("ExecutableBy", &["self"])).await?)),
        }
    }

    fn no_image(&self, wanted: &str, architecture: &str) -> Fault {
        let region = &self.site.region;
        match wanted {
            "default" => self.invalid(format!(
                "Canonical offers no Ubuntu {} for {architecture} in {region}. Name an image: cloud_image = 'ami-…'",
                RELEASES.join(" or ")
            )),
            id if id.starts_with("ami-") => {
                self.invalid(format!("InvalidAMIID.NotFound: there is no image {id} in {region}. Correct cloud_image"))
            }
            name => self.invalid(format!(
                "there is no image {name:?} in {region} that is yours, Amazon's, Canonical's or shared with your account. \
                 Correct cloud_image, or give the id of a public image (ami-…)"
            )),
        }
    }
}

fn newest(images: Vec<Image>) -> Option<Image> {
    images.into_iter().max_by(|a, b| (&a.creation_date, &a.name).cmp(&(&b.creation_date, &b.name)))
}

/// Canonical's account, which each partition of AWS has one of (<https://documentation.ubuntu.com/aws/>).
fn canonical(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "837727238323",
        region if region.starts_with("us-gov-") => "513442679011",
        _ => "099720109477",
    }
}
