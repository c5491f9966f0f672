"""What the imaging tests share: days of one month, and made-up reports (importlib mode leaves sys.path alone)."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def at():
    """A moment by day, hour and minute."""
    return lambda day, hour=0, minute=0: datetime(2150, 1, day, hour, minute)
