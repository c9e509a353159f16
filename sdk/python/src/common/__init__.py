"""What notebooks import first: see `common.logsetting`."""
