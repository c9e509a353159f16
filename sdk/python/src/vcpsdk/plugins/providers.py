"""The providers as a table: what a spec of each holds, sends and shows."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

CREDENTIAL, FLAVOR, OWN, IMAGE, ADDRESSES, MACS, DISKS = (
    "credential", "flavor", "own", "image", "addresses", "macs", "disks")


@dataclass(frozen=True)
class Field:
    """A key of `cloud_params`.

    `source` is where its first value comes from: the user's configuration, the flavor, or `default`.
    `attr` is the spec's attribute, if users may change it. `kind` is `int`, `text` or `any`.
    """

    key: str
    source: str
    attr: Optional[str] = None
    kind: str = "text"
    default: Any = None
    quoted: bool = False


@dataclass(frozen=True)
class Provider:
    """A provider of nodes, or of disks (`name` ends with `_disk`).

    `cloud` is the provider's name in documents, `section` in the configuration. `fields` stand in the order in which they are sent,
    `shown` are the keys that `print(spec)` shows. `gap` and `deep` are the layout in which the original shows them.
    """

    name: str
    version: str
    fields: tuple[Field, ...]
    shown: tuple[str, ...]
    cloud: str = ""
    section: str = ""
    tags: bool = False
    gap: bool = False
    deep: bool = False
    unit_type: str = "compute"

    def __post_init__(self) -> None:
        object.__setattr__(self, "cloud", self.cloud or self.name)
        object.__setattr__(self, "section", self.section or self.cloud)

    @property
    def cci_version(self) -> str:
        """The version of `cloud_params`."""
        return self.version.split("+")[0]

    @property
    def credentials(self) -> tuple[str, ...]:
        """The keys of the credentials in the configuration."""
        return tuple(field.key for field in self.fields if field.source == CREDENTIAL)

    @property
    def class_name(self) -> str:
        """The name of the spec's class: `VcpSpecResourceAwsDisk`."""
        return "VcpSpecResource" + "".join(word.capitalize() for word in self.name.split("_"))


def _credential(key: str, quoted: bool = False) -> Field:
    return Field(key, CREDENTIAL, quoted=quoted)


def _number(key: str, attr: str = "") -> Field:
    return Field(key, FLAVOR, attr or key, "int")


def _text(key: str, attr: str = "") -> Field:
    return Field(key, FLAVOR, attr or key)


def _disks(key: str) -> Field:
    return Field(key, DISKS, "disks", "any", ())


_IMAGE = Field("cloud_image", IMAGE, "cloud_image", default="default")
_ADDRESSES = Field("ip_address_list", ADDRESSES, "ip_addresses", "any", ())
_MACS = Field("mac_address_list", MACS, "mac_addresses", "any", ())
_AWS_KEYS = (_credential("access_key"), _disks("volume_id"), _credential("secret_key"))
_AWS_MACHINE = (_text("instance_type"), _number("volume_size"), _text("volume_type"), _IMAGE, _ADDRESSES, *_AWS_KEYS)
_AZURE_KEYS = tuple(_credential(key) for key in ("subscription_id", "client_id", "client_secret", "tenant_id"))
_ORACLE_KEYS = tuple(_credential(key) for key in ("user_ocid", "fingerprint", "private_key"))
_LOGIN = (_credential("user_name", quoted=True), _credential("password"))
_OPENSTACK = (_text("flavor_name"), *_LOGIN, _ADDRESSES, _IMAGE)

_ALL = (
    Provider("aws", "1.2+20191001", _AWS_MACHINE, tags=True,
             shown=("instance_type", "volume_size", "volume_type", "volume_id", "cloud_image", "ip_address_list")),
    Provider("aws_disk", "1.0+20190408", cloud="aws", tags=True, unit_type="storage", shown=("size", "type", "cloud_image"),
             fields=(_number("size"), _text("type"), _IMAGE, _credential("access_key"), _credential("secret_key"))),
    Provider("aws_spot", "1.1+20191001", section="aws", tags=True, fields=(
                 Field("spot_type", OWN, "spot_type", default="one-time"),
                 Field("spot_price", OWN, "spot_price", "any", "", quoted=True),
                 Field("block_duration_minutes", OWN, "block_duration_minutes", "int", 0), *_AWS_MACHINE),
             shown=("spot_type", "spot_price", "block_duration_minutes", "instance_type", "volume_size", "volume_type",
                    "volume_id", "cloud_image")),
    Provider("azure", "1.2+20191001", tags=True, gap=True, deep=True,
             fields=(_text("vm_size"), _number("disk_size_gb"), _text("managed_disk_type"), _IMAGE, *_AZURE_KEYS, _ADDRESSES,
                     _disks("ext_managed_disk")),
             shown=("vm_size", "disk_size_gb", "managed_disk_type", "ext_managed_disk", "cloud_image", "ip_address_list")),
    Provider("azure_disk", "1.0+20190408", cloud="azure", tags=True, unit_type="storage",
             fields=(_number("disk_size_gb"), _text("storage_account_type"), _IMAGE, *_AZURE_KEYS),
             shown=("disk_size_gb", "storage_account_type", "cloud_image")),
    Provider("sakura", "1.1+20191001", gap=True,
             fields=(_number("core", "num_cores"), _number("memory"), _text("sakuracloud_disk_plan"),
                     _number("sakuracloud_disk_size"), _disks("server_disks"), _ADDRESSES, _IMAGE, _credential("token"),
                     _credential("secret")),
             shown=("cci_version", "core", "memory", "sakuracloud_disk_plan", "sakuracloud_disk_size", "server_disks",
                    "cloud_image", "ip_address_list")),
    Provider("sakura_disk", "1.0+20190930", cloud="sakura", tags=True, unit_type="storage",
             fields=(_text("sakuracloud_disk_plan"), _number("sakuracloud_disk_size"), _IMAGE, _credential("secret"),
                     _credential("token")),
             shown=("sakuracloud_disk_plan", "sakuracloud_disk_size", "cloud_image")),
    Provider("oracle", "1.0+20200331", tags=True, gap=True,
             fields=(_text("shape"), _number("boot_volume_size_in_gbs"), _ADDRESSES, _disks("volume_id"), _IMAGE, *_ORACLE_KEYS),
             shown=("cci_version", "shape", "boot_volume_size_in_gbs", "cloud_image", "ip_address_list", "volume_id")),
    Provider("oracle_disk", "1.0+20200331", cloud="oracle", tags=True, unit_type="storage",
             fields=(_number("size_in_gbs"), _IMAGE, *_ORACLE_KEYS), shown=("size_in_gbs", "cloud_image")),
    Provider("proxmox", "1.0+20251001", tags=True,
             fields=(_number("num_cpus"), Field("disk_size", FLAVOR, "disk_size", "any"), _number("memory"), _IMAGE, _ADDRESSES,
                     _MACS, _credential("token_id", quoted=True), _credential("token_secret", quoted=True),
                     Field("user_name", OWN, "user_name", default="ubuntu")),
             shown=("num_cpus", "memory", "disk_size", "cloud_image")),
    Provider("mdx2", "1.0+20251001", tags=True, gap=True,
             fields=(_text("flavor_name"), _number("volume_size"), _text("volume_type"),
                     Field("user_name", CREDENTIAL, "user_name", quoted=True), _credential("password"), _ADDRESSES,
                     _disks("volume_id"), _IMAGE),
             shown=("flavor_name", "volume_size", "volume_type", "volume_id", "user_name", "cloud_image", "ip_address_list")),
    Provider("mdx2_disk", "1.0+20251001", cloud="mdx2", tags=True, unit_type="storage",
             fields=(_number("size"), _text("type"), *_LOGIN, _IMAGE), shown=("size", "type", "cloud_image")),
    Provider("hokudai", "1.1+20191001",
             fields=(_text("flavor_name"), _number("volume_size"), *_LOGIN, _ADDRESSES, _IMAGE),
             shown=("flavor_name", "volume_size", "user_name", "cloud_image", "ip_address_list")),
    Provider("aic", "1.2+20191001", _OPENSTACK, shown=("flavor_name", "user_name", "cloud_image", "ip_address_list")),
    Provider("abc", "1.3+20190408", _OPENSTACK, shown=("flavor_name", "user_name", "cloud_image", "ip_address_list")),
    Provider("vmware", "1.1+20191001",
             fields=(_number("num_cpus"), _number("disk_size"), _number("memory"), _IMAGE, _ADDRESSES, _MACS,
                     _credential("user", quoted=True), _credential("password", quoted=True)),
             shown=("num_cpus", "memory", "disk_size", "cloud_image")),
    Provider("gcp", "1.0+20190408",
             fields=(_text("machine_type"), _number("disk_size_gb"), _text("disk_type"), _disks("attached_disk"), _IMAGE,
                     _ADDRESSES, _credential("credentials")),
             shown=("machine_type", "disk_size_gb", "disk_type", "attached_disk", "cloud_image")),
    Provider("chameleon", "1.0+20200831",
             fields=(Field("reservation", OWN, "reservation", default=""), _ADDRESSES, _IMAGE,
                     _credential("application_credential_id"), _credential("application_credential_secret")),
             shown=("reservation", "cloud_image")),
    Provider("onpremises", "1.0+20190408", gap=True,
             fields=(Field("user_name", OWN, "user_name"), _ADDRESSES, Field("network_if", OWN, "network_if")),
             shown=("user_name", "network_if", "ip_address_list")),
)

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ALL}
"""Every provider by its name."""
