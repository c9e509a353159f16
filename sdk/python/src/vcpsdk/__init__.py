"""The SDK that notebooks use: see `vcpsdk.vcpsdk`."""
