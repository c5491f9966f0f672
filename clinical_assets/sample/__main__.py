"""`python -m clinical_assets.sample --patients 1000 --seed 20 --out DIR` writes a synthetic hospital."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from clinical_assets.sample.hospital import write_hospital


def main(arguments: list[str] | None = None) -> int:
    """Write a hospital and say how many rows it has; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m clinical_assets.sample", description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--documents", type=int, default=0, help="patients with notes and FHIR resources")
    parser.add_argument("--reports", type=int, default=0, help="labelled chest X-ray studies with a report file")
    parser.add_argument("--out", type=Path, required=True, help="folder to be made")
    wanted = parser.parse_args(arguments)
    started = time.monotonic()

    def progress(done: int, of: int) -> None:
        sys.stderr.write(f"\r{done:,} of {of:,} patients, {time.monotonic() - started:.0f} s")
        sys.stderr.flush()

    try:
        rows = write_hospital(
            wanted.out,
            patients=wanted.patients,
            seed=wanted.seed,
            studies_with_reports=wanted.reports,
            patients_with_documents=wanted.documents,
            progress=progress,
        )
    except (FileExistsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stderr.write("\n")
    for path, count in sorted(rows.items()):
        sys.stdout.write(f"{count:>12,}  {path}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
