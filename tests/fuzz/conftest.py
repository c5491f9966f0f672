"""Lets the tests of this folder import its strategies and the made-up PDFs: importlib mode leaves sys.path alone."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "documents")]
