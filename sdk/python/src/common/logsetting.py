"""Imported for its effect: the SDK's progress lines appear in the cell, as `2026-01-02 03:04:05,678 - INFO - BOOTING ... 5 sec`."""
import logging

FORMAT = "%(asctime)s - %(levelname)s - %(message)s"


def setup(level: int = logging.INFO) -> logging.Logger:
    """Gives the loggers below `vcp` one handler of their own; a second call changes only the level."""
    logger = logging.getLogger("vcp")
    if not any(getattr(handler, "is_of_vcp", False) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        handler.is_of_vcp = True  # type: ignore[attr-defined]
        logger.addHandler(handler)
        # The notebook's own logging stays as it is: no line appears twice.
        logger.propagate = False
    logger.setLevel(level)
    return logger


setup()
