//! What EC2's errors mean to the user.

use trustkeep_aws::ServiceError;
use trustkeep_cloud::{Fault, Kind};

/// The longest message of EC2 that is passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// A call that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The operation: `RunInstances`.
    pub(crate) action: &'static str,
    pub(crate) error: trustkeep_aws::Error,
}

impl Failure {
    /// EC2's code; empty if there is none.
    pub(crate) fn code(&self) -> &str {
        match &self.error {
            trustkeep_aws::Error::Service(error) => &error.code,
            _ => "",
        }
    }

    /// Whether the operation may have been carried out all the same.
    pub(crate) fn is_unsettled(&self) -> bool {
        match &self.error {
            trustkeep_aws::Error::Service(error) => kind(error) == Kind::Unavailable,
            trustkeep_aws::Error::Transport { .. } | trustkeep_aws::Error::Answer { .. } => true,
            _ => false,
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        let Failure { action, error } = failure;
        match error {
            trustkeep_aws::Error::Service(error) => of_service(action, &error),
            error @ trustkeep_aws::Error::Setting { .. } => {
                Fault::new(Kind::Invalid, format!("{action}: {error}"))
            }
            error => Fault::new(Kind::Unavailable, format!("{action}: {error}. It will be tried again")),
        }
    }
}

fn of_service(action: &str, error: &ServiceError) -> Fault {
    let kind = kind(error);
    let code = if error.code.is_empty() { "an error without code" } else { &error.code };
    let mut text = match error.message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{code}: {}…", error.message.get(..end).unwrap_or_default()),
        None => format!("{code}: {}", error.message),
    };
    text = text.trim_end_matches(['.', ' ', ':']).to_owned();
    text += &match &error.request_id {
        Some(id) => format!(" (EC2 {action}, HTTP {}, request {id})", error.status),
        None => format!(" (EC2 {action}, HTTP {})", error.status),
    };
    if let Some(advice) = advice(action, error, kind) {
        text += ". ";
        text += &advice;
    }
    Fault::new(kind, text)
}

/// By the code, as EC2 reports a lack of capacity with status 500 as well.
fn kind(error: &ServiceError) -> Kind {
    let code = error.code.as_str();
    if error.is_throttling() || code == "EC2ThrottledException" {
        return Kind::Throttled(None);
    }
    if error.is_bad_credentials() || error.is_access_denied() {
        return Kind::Denied;
    }
    match code {
        "OptInRequired" | "PendingVerification" | "Blocked" | "AccountDisabled" | "InvalidAccessKeyId" => {
            Kind::Denied
        }
        "SpotMaxPriceTooLow" | "MaxSpotInstanceCountExceeded" => Kind::Capacity,
        code if code.starts_with("Insufficient") || code.ends_with("LimitExceeded") => Kind::Capacity,
        "InvalidIPAddress.InUse" | "VolumeInUse" | "OperationNotPermitted" | "ResourceAlreadyAssociated" => {
            Kind::Conflict
        }
        // States that pass: a machine that is still stopping, a volume that is still being made.
        "IncorrectInstanceState" | "IncorrectState" | "InvalidInstanceID.NotLinkable" => Kind::Unavailable,
        _ if error.is_server_fault() => Kind::Unavailable,
        _ => Kind::Invalid,
    }
}

fn advice(action: &str, error: &ServiceError, kind: Kind) -> Option<String> {
    let code = error.code.as_str();
    Some(match kind {
        Kind::Denied if error.is_access_denied() => format!(
            "Give the key of the spec the right ec2:{action}; docs/providers-aws.md has the whole policy"
        ),
        Kind::Denied if error.is_bad_credentials() => {
            let clock = error.hint.as_ref().filter(|hint| hint.contains("clock"));
            clock.cloned().unwrap_or_else(|| {
                "Check access_key and secret_key of the spec: as a rule they are in the vault at cubbyhole/aws/access_key \
                 and cubbyhole/aws/secret_key, in the field value"
                    .into()
            })
        }
        Kind::Denied => "Only the owner of the AWS account can settle this, in its console".into(),
        Kind::Capacity => match code {
            "SpotMaxPriceTooLow" => "Raise spot_price, or leave it empty to pay at most the on-demand price".into(),
            "InsufficientFreeAddressesInSubnet" => "Free addresses of the subnet, or use another network of the catalogue".into(),
            code if code.starts_with("Insufficient") => {
                "AWS has none left there now: try later, another instance_type, or a network in another availability zone".into()
            }
            _ => "Ask AWS for a higher quota (Service Quotas, Amazon EC2), or remove what is not needed".into(),
        },
        Kind::Throttled(_) => "AWS limits the rate of calls of the account; it will be tried again".into(),
        Kind::Unavailable => "It will be tried again".into(),
        Kind::Conflict => match code {
            "InvalidIPAddress.InUse" => "Choose another address, or remove what has it".into(),
            "VolumeInUse" => "Remove the node that it is attached to, or detach it".into(),
            "OperationNotPermitted" => "Is the protection against termination or stopping on? Turn it off in the console".into(),
            _ => return None,
        },
        Kind::Invalid => match code {
            "InvalidSubnetID.NotFound" => "Correct aws_vpc_subnet_id in the VPN catalogue: it must be a subnet of aws_region".into(),
            code if code.starts_with("InvalidGroup") || code.starts_with("InvalidSecurityGroup") => {
                "Correct aws_vpc_security_group_id in the VPN catalogue: it must be in the VPC of the subnet".into()
            }
            code if code.starts_with("InvalidAMI") => "Correct cloud_image: an image id or a name in aws_region".into(),
            "InvalidVolume.NotFound" => "Correct disks of the spec: it must be a volume in aws_region".into(),
            "InvalidVolume.ZoneMismatch" => {
                "A disk can be attached only in its own availability zone: make it in the network of the unit".into()
            }
            "InvalidInstanceType" | "Unsupported" => {
                "Correct instance_type: it must be offered in the availability zone of the subnet".into()
            }
            "VPCIdNotSpecified" | "InvalidSubnet" => "Correct aws_vpc_subnet_id in the VPN catalogue".into(),
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, code: &str, message: &str) -> Fault {
        let error = ServiceError {
            service: "ec2".into(),
            status,
            code: code.into(),
            message: message.into(),
            request_id: Some("r-1".into()),
            hint: None,
        };
        Failure { action: "RunInstances", error: trustkeep_aws::Error::Service(Box::new(error)) }.into()
    }

    #[test]
    fn each_code_has_its_kind_and_says_what_to_do() {
        let cases = [
            (401, "AuthFailure", Kind::Denied, "cubbyhole/aws/access_key"),
            (403, "InvalidClientTokenId", Kind::Denied, "cubbyhole/aws/secret_key"),
            (403, "UnauthorizedOperation", Kind::Denied, "ec2:RunInstances"),
            (401, "OptInRequired", Kind::Denied, "owner of the AWS account"),
            (500, "InsufficientInstanceCapacity", Kind::Capacity, "another instance_type"),
            (400, "InstanceLimitExceeded", Kind::Capacity, "quota"),
            (400, "VcpuLimitExceeded", Kind::Capacity, "quota"),
            (400, "SpotMaxPriceTooLow", Kind::Capacity, "spot_price"),
            (503, "RequestLimitExceeded", Kind::Throttled(None), "tried again"),
            (400, "Throttling", Kind::Throttled(None), "tried again"),
            (400, "InvalidParameterValue", Kind::Invalid, "InvalidParameterValue"),
            (400, "InvalidSubnetID.NotFound", Kind::Invalid, "aws_vpc_subnet_id"),
            (400, "InvalidGroup.NotFound", Kind::Invalid, "aws_vpc_security_group_id"),
            (400, "InvalidAMIID.NotFound", Kind::Invalid, "cloud_image"),
            (400, "InvalidIPAddress.InUse", Kind::Conflict, "another address"),
            (400, "VolumeInUse", Kind::Conflict, "detach"),
            (400, "IncorrectInstanceState", Kind::Unavailable, "tried again"),
            (500, "InternalError", Kind::Unavailable, "tried again"),
            (503, "", Kind::Unavailable, "an error without code"),
        ];
        for (status, code, kind, says) in cases {
            let fault = fault(status, code, "What EC2 said.");
            assert_eq!(fault.kind, kind, "{code}");
            assert!(fault.text.contains(says), "{}", fault.text);
            assert!(fault.text.contains("What EC2 said (EC2 RunInstances, HTTP"), "{}", fault.text);
        }
    }

    #[test]
    fn long_messages_are_cut() {
        let fault = fault(400, "InvalidParameterValue", &"é".repeat(3_000));
        assert_eq!(fault.text.matches('é').count(), 2_000);
    }
}
