"""The SDK that notebooks use: see `vcpsdk.vcpsdk`."""
from .plugins import spec as _spec  # noqa: F401  makes the modules of the providers
