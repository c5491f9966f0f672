"""`make bench`: every benchmark's table here, its figures in `$CLINICAL_HOME/bench/<name>.json`."""

from __future__ import annotations

import argparse
import json
import sys

from clinical_assets.settings import Settings
from tests.bench import concepts, documents, features, mimic_reader

BENCHMARKS = {
    "mimic_reader": mimic_reader.run,
    "concepts": concepts.run,
    "features": features.run,
    "documents": documents.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), help=f"of {', '.join(BENCHMARKS)}")
    folder = Settings.load().home / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for name in parser.parse_args().names:
        table, figures = BENCHMARKS[name](folder)
        (folder / f"{name}.json").write_text(json.dumps(figures, indent=1))
        print(f"{name} ({folder / f'{name}.json'})\n{table}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
