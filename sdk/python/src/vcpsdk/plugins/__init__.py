"""Providers: what their specs hold and send."""
