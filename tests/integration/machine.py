"""What a machine must have for a test, and what it means when it has not."""

from __future__ import annotations

import os

import pytest


def must_work() -> bool:
    return bool(os.environ.get("CI") or os.environ.get("COURSER_MUST_WORK"))


def require(there: object, what: str) -> None:
    """Skips where this machine lacks `what`; where everything must work, that is a failure."""
    if there:
        return
    if must_work():
        pytest.fail(f"this machine lacks {what}", pytrace=False)
    pytest.skip(f"this machine lacks {what}")
