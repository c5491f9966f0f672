"""Documents to text: a mixed set against the libraries alone, a second run over the unchanged set, and memory.

The set is the synthetic hospital's, without scans: recognising one page takes tesseract longer than reading a hundred
documents. Its notes are a paragraph or two, a hospital's are not: so each is filed anew, in the format it had, as 2 to
10 KB of text put together from the sections of other notes (PDFs of one to four pages), a C-CDA as 30 to 200 KB, most
of it coded entries beside the narrative, as in HL7's examples. The documents broken on purpose stay as they are. The
libraries alone get the same files. BENCH_DOCUMENTS sets the set's size (default 2,000).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from itertools import chain, cycle
from pathlib import Path
from random import Random

import polars as pl

from clinical_assets.sample.documents.formats import Filed
from clinical_assets.sample.documents.store import FORMATS
from clinical_assets.sample.documents.text import Note, Rows, Section
from clinical_assets.sample.hospital import write_hospital
from tests.bench.bare_libraries import BARE
from tests.bench.measuring import alone, table

DOCUMENTS = int(os.environ.get("BENCH_DOCUMENTS", "2000"))
HERE = "tests.bench.documents"
PER_PATIENT = 20
LARGE = 300_000_000
ROUNDS = 3
CHARACTERS = (2_000, 10_000)
"""Of a note's text: from a visit's note to a discharge summary."""
SECTION_CHARACTERS = 400
CCDA_BYTES = (30_000, 200_000)


def run(folder: Path) -> tuple[str, dict[str, object]]:
    """Per format, parallel, twice over the whole way into the lake, and with one very large file."""
    work = folder / "documents"
    shutil.rmtree(work, ignore_errors=True)
    listed = write_set(work / "store", DOCUMENTS)
    documents = paths(work / "store")
    formats = alone(HERE, "per_format", str(work / "store"))
    bare, readers, ours = [], [], []
    for _ in range(ROUNDS):  # in turns, so that what else the machine does falls on both
        bare.append(in_processes(documents, len(os.sched_getaffinity(0))))
        readers.append(in_processes(documents, len(os.sched_getaffinity(0)), "ours"))
        ours.append(alone(HERE, "extracted", str(work / "store"))["seconds"])
    whole = alone(HERE, "twice", str(work / "store"), str(work / "whole"))
    quarter = write_set(work / "quarter", DOCUMENTS // 4)
    part = alone(HERE, "twice", str(work / "quarter"), str(work / "part"))
    large = alone(HERE, "one_large", str(work))
    shutil.rmtree(work)
    size = sum(formats[f"{name} mb"] for name in names_of(formats))
    figures = {
        "documents": listed,
        "megabytes": size,
        "docs_per_s": listed / min(ours),
        "mb_per_s": size / min(ours),
        "overhead_ratio": min(ours) / min(bare),
        "overhead_ratio_to_readers_alone": min(ours) / min(readers),
        "pdf_ratio_to_pypdfium2": formats["pdf s"] / formats["pdf library s"],
        "rerun_speedup": whole["first_s"] / whole["second_s"],
        "first_run_s": whole["first_s"],
        "second_run_s": whole["second_s"],
        "peak_rss_mb": whole["peak_rss_mb"],
        "peak_rss_mb_of_a_quarter": part["peak_rss_mb"],
        "documents_of_a_quarter": quarter,
        "worker_peak_rss_mb": whole["worker_mb"],
        "worker_peak_rss_mb_with_300_mb_pdf": large["worker_mb"],
        "formats": formats,
    }
    lines = [
        (
            name,
            f"{formats[f'{name} n']:,.0f}",
            f"{formats[f'{name} n'] / formats[f'{name} s']:,.0f}",
            f"{formats[f'{name} mb'] / formats[f'{name} s']:.1f}",
            f"{formats[f'{name} s'] / formats[f'{name} library s']:.2f}",
        )
        for name in names_of(formats)
    ]
    said = (
        f"{listed:,} documents, {size:.1f} MB on {len(os.sched_getaffinity(0))} cores: {figures['docs_per_s']:,.0f} "
        f"documents/s, {figures['overhead_ratio']:.2f} times the libraries alone in as many processes, "
        f"{figures['overhead_ratio_to_readers_alone']:.2f} times our readers without workers' limits; into the lake "
        f"{whole['first_s']:.1f} s, unchanged again {whole['second_s']:.2f} s; peak {whole['peak_rss_mb']:.0f} MB "
        f"(a quarter of the set: {part['peak_rss_mb']:.0f} MB), a worker {whole['worker_mb']:.0f} MB"
    )
    columns = ("format", "documents", "documents/s on one core", "MB/s", "times the library")
    return f"{table(columns, lines)}\n\n{said}", figures


def write_set(store: Path, wanted: int) -> int:
    """A store of so many documents, no scans among them; how many there are."""
    patients = max(8, -(-wanted // PER_PATIENT))
    write_hospital(store.parent / f"{store.name}-hospital", patients=patients, patients_with_documents=patients)
    shutil.move(store.parent / f"{store.name}-hospital" / "documents", store)
    shutil.rmtree(store.parent / f"{store.name}-hospital")
    manifest = pl.read_csv(store / "manifest.csv", infer_schema=False)
    truth = pl.read_parquet(store / "truth" / "documents.parquet").select("document_id", "format", "expected")
    kept = manifest.join(truth.filter(pl.col("format") != "scan"), on="document_id").head(wanted)
    kept.write_csv(store / "listed.csv")
    kept.select(manifest.columns).write_csv(store / "manifest.csv")
    _lengthen(store, kept)
    return kept.height


def _lengthen(store: Path, listed: pl.DataFrame) -> None:
    """File every whole document of a store anew, long as a hospital's; equal files stay equal."""
    pool = cycle(_sections(pl.read_parquet(store / "truth" / "documents.parquet")))
    formats = {each.name: each for each in FORMATS}
    filed: dict[bytes, bytes] = {}
    for row in listed.filter(pl.col("format").is_in(list(formats))).iter_rows(named=True):
        path = store / row["file"]
        short = path.read_bytes()
        if short not in filed:
            rng = Random(hashlib.sha256(short).hexdigest())
            wanted, sections = _between(rng, CHARACTERS), []
            while wanted > 0:
                sections.append(next(pool))
                wanted -= _length(sections[-1])
            note = Note(row["document_type"], (f"Date of Service: {row['authored_at']}",), tuple(sections), "34133-9")
            about = Filed(
                row["document_id"], row["patient_id"], "Doe, J", "Roe, R", row["authored_at"], row["stored_at"]
            )
            filed[short] = formats[row["format"]].write(note, about)
            if row["format"] == "ccda":
                filed[short] = _with_entries(filed[short], _between(rng, CCDA_BYTES), rng)
        path.write_bytes(filed[short])


def _between(rng: Random, bounds: tuple[int, int]) -> int:
    """A size between two, small ones more often than large ones."""
    low, high = bounds
    return round(low * (high / low) ** rng.random())


def _length(section: Section) -> int:
    return sum(len(block) if isinstance(block, str) else sum(map(len, chain(*block))) for block in section.blocks)


def _sections(truth: pl.DataFrame) -> list[Section]:
    """Sections of a few paragraphs and tables: what stands below one heading in several of the hospital's notes."""
    below: dict[str, dict[str | Rows, None]] = defaultdict(dict)
    for text in truth.filter(pl.col("format") == "plain")["text"]:
        for piece in text.split("\n\n")[1:]:
            heading, colon, body = piece.partition(":\n")
            if colon and "\n" not in heading:
                table = tuple(tuple(line.split("\t")) for line in body.split("\n"))
                below[heading][table if "\t" in body else body.replace("\n", " ")] = None
    found = []
    for heading, blocks in below.items():
        section = Section(heading, ())
        for block in blocks:
            section = Section(heading, (*section.blocks, block))
            if _length(section) >= SECTION_CHARACTERS:
                found.append(_in_paragraphs(section))
                section = Section(heading, ())
        found += [_in_paragraphs(section)] if section.blocks else []
    Random(0).shuffle(found)
    return found


def _in_paragraphs(section: Section) -> Section:
    """The section with its short paragraphs put together by three."""
    words = [block for block in section.blocks if isinstance(block, str)]
    tables = [block for block in section.blocks if not isinstance(block, str)]
    return Section(section.heading, (*(" ".join(words[i : i + 3]) for i in range(0, len(words), 3)), *tables))


def _with_entries(document: bytes, wanted: int, rng: Random) -> bytes:
    """A C-CDA document with coded observations behind the narrative of its sections, up to a size."""
    sections = max(document.count(b"</section>"), 1)
    made: list[bytes] = []

    def entries(end: re.Match[bytes]) -> bytes:
        nonlocal sections
        due, first = (wanted - len(document) - sum(map(len, made))) / sections, len(made)
        sections -= 1
        while sum(map(len, made[first:])) < due:
            day, value = rng.randrange(10, 29), rng.randrange(10, 999)
            made.append(
                f'''
<entry typeCode="DRIV"><organizer classCode="CLUSTER" moodCode="EVN">
  <templateId root="2.16.840.1.113883.10.20.22.4.1" extension="2015-08-01"/><id root="2.25.{rng.getrandbits(96)}"/>
  <code code="57021-8" codeSystem="2.16.840.1.113883.6.1" displayName="CBC W Auto Differential panel in Blood"/>
  <statusCode code="completed"/><effectiveTime value="218007{day}0830+0000"/>
  <component><observation classCode="OBS" moodCode="EVN">
    <templateId root="2.16.840.1.113883.10.20.22.4.2" extension="2015-08-01"/><id root="2.25.{rng.getrandbits(96)}"/>
    <code code="777-3" codeSystem="2.16.840.1.113883.6.1" displayName="Platelets [#/volume] in Blood"/>
    <text><reference value="#result{value}"/></text><statusCode code="completed"/>
    <effectiveTime value="218007{day}0830+0000"/><value xsi:type="PQ" value="{value}" unit="10*3/uL"/>
    <interpretationCode code="N" codeSystem="2.16.840.1.113883.5.83"/>
    <referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="150" unit="10*3/uL"/>
      <high value="400" unit="10*3/uL"/></value></observationRange></referenceRange>
  </observation></component>
</organizer></entry>'''.encode()
            )
        return b"".join([*made[first:], end[0]])

    named = document.replace(
        b"<ClinicalDocument ", b'<ClinicalDocument xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    )
    return re.sub(b"</section>", entries, named)


def paths(store: Path) -> list[tuple[str, Path]]:
    """Reader and file of each document that can be read."""
    from clinical_assets.documents.readers.extraction import READERS
    from clinical_assets.documents.readers.sniffing import settle, sniff

    listed = pl.read_csv(store / "listed.csv", infer_schema=False).filter(pl.col("expected") == "read")
    found = []
    for path in (store / file for file in listed["file"]):
        data = path.read_bytes()
        found.append((READERS[settle(sniff(data), None, data)].name, path))
    return found


def names_of(formats: dict[str, float]) -> list[str]:
    """The formats measured."""
    return sorted(name.removesuffix(" n") for name in formats if name.endswith(" n"))


def in_processes(documents: list[tuple[str, Path]], count: int, *arguments: str) -> float:
    """Seconds until so many processes have each read their part of the documents with the libraries alone.

    With the argument `ours`, with our readers: what then is missing are limits, streaming and results for the caller.
    """
    parts = [json.dumps([(name, str(path)) for name, path in documents[part::count]]).encode() for part in range(count)]
    started = time.perf_counter()
    command = [sys.executable, "-m", "tests.bench.bare_libraries", *arguments]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in parts]
    for process, part in zip(running, parts, strict=True):
        assert process.stdin is not None
        process.stdin.write(part)
        process.stdin.close()
    if any(process.wait() for process in running):
        raise RuntimeError("the libraries alone failed")
    return time.perf_counter() - started


# -- ours ----------------------------------------------------------------------------------------------------------


def per_format(store: str) -> dict[str, float]:
    """CPU seconds of each format's documents on one core, ours and the library's, best of several rounds."""
    from clinical_assets.documents.readers.extraction import extract

    bodies = defaultdict(list)
    for name, path in paths(Path(store)):
        bodies[name].append(path.read_bytes())
    found: dict[str, float] = {}
    for name, data in bodies.items():
        extract(data[0])
        BARE[name](data[0])
        ours, library = [], []
        for _ in range(ROUNDS):
            ours.append(_cpu(lambda data=data: [extract(each) for each in data]))
            library.append(_cpu(lambda data=data, name=name: [BARE[name](each) for each in data]))
        found |= {f"{name} n": len(data), f"{name} mb": sum(map(len, data)) / 1e6}
        found |= {f"{name} s": min(ours), f"{name} library s": max(min(library), 1e-9)}
    return found


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def extracted(store: str) -> dict[str, float]:
    """Seconds for the set by the worker processes, one a core, from their start to their end."""
    from clinical_assets.documents.readers.worker import Unread
    from clinical_assets.documents.readers.worker_pool import extract_all

    documents = paths(Path(store))
    started = time.perf_counter()
    done = sum(1 for _ in extract_all(Unread(str(path), path) for _, path in documents))
    assert done == len(documents)
    return {"seconds": time.perf_counter() - started}


def twice(store: str, home: str) -> dict[str, float]:
    """Seconds from the store to index and text in the lake, for the first time and again; a worker's peak memory."""
    from clinical_assets.documents.index.bodies import Bodies
    from clinical_assets.documents.index.document_sources import DocumentSources
    from clinical_assets.documents.index.index_files import write_index
    from clinical_assets.documents.text.extracting import Extractor
    from clinical_assets.documents.text.text_files import write_text
    from resources import patient_batches
    from resources.document_store import DocumentStore
    from resources.lake import Lake
    from resources.warehouse import Warehouse

    place, lake = DocumentStore(root=store), Lake(root=f"{home}/lake", subject_shards=2)
    warehouse = Warehouse(embedded_folder=f"{home}/postgres")
    warehouse.engine()
    patients = DocumentSources(place, place, lake).patients()
    names = patient_batches.cut(warehouse, "all", "documents", "", patients, 25)

    def go() -> float:
        started = time.perf_counter()
        sources, bodies = DocumentSources(place, place, lake), Bodies((place,), lake)
        members = patient_batches.members(warehouse, names).partition_by(patient_batches.AXIS, as_dict=True)
        for batch in names:
            own = members[batch,]["patient_id"].to_list()
            write_index(batch, own, sources, bodies, warehouse, "bench")
        list(write_text(names, Extractor(warehouse, bodies), lake, "bench"))
        return time.perf_counter() - started

    first, again = go(), min(go() for _ in range(ROUNDS))
    return {"first_s": first, "second_s": again, "worker_mb": _children_mb()}


def one_large(work: str) -> dict[str, float]:
    """A PDF beyond the limit, given to one worker with a small document behind it; the worker's peak memory."""
    from clinical_assets.documents.readers.worker import Unread
    from clinical_assets.documents.readers.worker_pool import extract_all

    path = Path(work) / "large.pdf"
    with path.open("wb") as file:
        file.write(b"%PDF-1.7\n1 0 obj\n<< /Length 300000000 >>\nstream\n")
        for _ in range(LARGE // 1_000_000):
            file.write(b"\0" * 1_000_000)
        file.write(b"\nendstream\nendobj\n%%EOF\n")
    documents = [Unread("large", path), Unread("small", b"After it.")]
    reasons = {key: found.reason for key, found in extract_all(documents, workers=1)}
    assert reasons == {"large": "too_large", "small": None}, reasons
    return {"worker_mb": _children_mb()}


def _children_mb() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
