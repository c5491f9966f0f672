"""What the imaging tests share: days of one month."""

from datetime import datetime

import pytest


@pytest.fixture(scope="session")
def at():
    """A moment by day, hour and minute."""
    return lambda day, hour=0, minute=0: datetime(2150, 1, day, hour, minute)
