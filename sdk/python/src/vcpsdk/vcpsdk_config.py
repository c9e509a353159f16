"""The release of the original SDK whose surface this one has."""

VCP_SDK_VERSION = "25.10.0+20251001"
