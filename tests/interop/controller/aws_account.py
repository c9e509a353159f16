"""An account at moto's EC2, which checks every key and signature: a network, the controller's user, and a look from outside."""

import json
import re

import boto3
import requests

from backends import TOP, moto

REGION = "ap-northeast-1"
UBUNTU = {
    "ami_id": "ami-24040001", "owner_id": "099720109477", "architecture": "x86_64",
    "name": "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260301", "creation_date": "2026-03-01T00:00:00.000Z",
    "description": "Ubuntu", "public": True, "state": "available", "root_device_type": "ebs", "root_device_name": "/dev/sda1",
    "sriov": "simple", "image_type": "machine", "image_location": "amazon/x", "virtualization_type": "hvm", "hypervisor": "xen",
    "platform": None,
}
ALL_RIGHTS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Account:
    """The account, whose subnets are all `network`."""

    def __init__(self, folder, network):
        images = folder / "images.json"
        images.write_text(json.dumps([UBUNTU]))
        self._moto = moto({"MOTO_AMIS_PATH": str(images), "MOTO_ENABLE_AMI_VALIDATION": "true"})
        self.endpoint = self._moto.endpoint
        iam = self._client("iam", ("AKIAFIRST", "secret"))
        guide = (TOP / "docs" / "providers-aws.md").read_text()
        documented = json.loads(re.search(r"```json\n(.*?)```", guide, re.DOTALL).group(1))
        self.key = _user(iam, "controller", documented)
        console = _user(iam, "console", ALL_RIGHTS)
        # From now on moto asks who it is.
        assert requests.post(f"{self.endpoint}/moto-api/reset-auth", data="0", timeout=30).status_code == 200
        self.ec2 = self._client("ec2", console)
        self._network = network

    def new_catalogue(self):
        """The VPN catalogue for a new subnet: moto never gives an address free."""
        vpc = self.ec2.create_vpc(CidrBlock=self._network)["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock=self._network, AvailabilityZone=REGION + "a")
        group = self.ec2.create_security_group(VpcId=vpc, GroupName="nodes", Description="nodes")["GroupId"]
        return f"""cci_version: '1.0'
onpremises:
  default: {{}}
aws: &aws
  default:
    aws_region: {REGION}
    aws_vpc_subnet_id: {subnet["Subnet"]["SubnetId"]}
    aws_vpc_security_group_id: {group}
    private_network_ipmask: {self._network}
aws_spot: *aws
"""

    def instances(self, *states):
        """The instances that are in one of these states, by their private addresses."""
        states = states or ("pending", "running", "stopping", "stopped", "shutting-down")
        found = self.ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": list(states)}])
        listed = [instance for one in found["Reservations"] for instance in one["Instances"]]
        return {instance["PrivateIpAddress"]: instance for instance in listed}

    def volumes(self):
        """Every volume by its id."""
        return {volume["VolumeId"]: volume for volume in self.ec2.describe_volumes()["Volumes"]}

    def spot_requests(self):
        """The states of all spot requests."""
        return [request["State"] for request in self.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]]

    def stop(self):
        self._moto.stop()

    def _client(self, service, key):
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id=key[0], aws_secret_access_key=key[1])


def tags(resource):
    """The tags of a resource."""
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def _user(iam, name, policy):
    """The access key of a new user with these rights."""
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]
