"""A small store of documents, and the documents group of the graph over it, on a real warehouse."""

import csv
import json
from pathlib import Path

import dagster as dg

from clinical_assets.declaration import BATCH_IO_MANAGER, LAKE_IO_MANAGER, Site
from clinical_assets.documents import assets
from clinical_assets.documents.index import index_checks
from clinical_assets.documents.tables import INDEX, PATIENT_BATCHES, TEXT
from clinical_assets.documents.text import text_checks
from clinical_assets.mimic.inventory import take_inventory
from clinical_assets.settings import Settings
from clinical_assets.table_checks import table_checks
from resources.document_store import DocumentStore
from resources.lake import Lake
from resources.lake_io_manager import BatchIOManager, LakeIOManager
from resources.sources import Sources

COLUMNS = ("document_id", "patient_id", "file", "document_type", "category", "authored_at", "stored_at", "content_type")
NOTE = "IMPRESSION:\nNo evidence of pneumonia. Hgb 9.1.\n"
HTML = "<html><body><h1>Findings</h1><table><tr><td>Hgb</td><td>9.1</td></tr></table></body></html>"
RTF = r"{\rtf1\ansi Gross total resection {\b confirmed}.}"
# Of five patients: what is read, what cannot be, what two share, and what the manifest gets wrong.
FILES = {
    ("d1", "p1", "p1/a.txt", "text/plain"): NOTE.encode(),
    ("d2", "p1", "p1/b.html", "text/html"): HTML.encode(),
    ("d3", "p2", "p2/c.rtf", "application/pdf"): RTF.encode(),
    ("d4", "p2", "p2/same.txt", "text/plain"): NOTE.encode(),
    ("d5", "p3", "p3/broken.pdf", "application/pdf"): b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    ("d6", "p3", "p3/zip.pdf", "application/pdf"): b"PK\x03\x04" + bytes(40),
    ("d7", "p3", "p3/empty.txt", "text/plain"): b"",
    ("d8", "p4", "p4/gone.txt", "text/plain"): None,
    ("d9", "p5", "p5/latin.txt", "text/plain; charset=iso-8859-1"): "Größe 3 cm, keine Ödeme.\n".encode("latin-1"),
}


def write_store(root: Path, files=FILES) -> Path:
    """The files and their manifest below a folder."""
    rows = []
    for (document, patient, path, kind), content in files.items():
        place = root / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            place.write_bytes(content)
        times = ("2150-01-02", "2150-01-03T04:05:06")
        rows.append((document, patient, f"files/{path}", "Progress note", "clinical", *times, kind))
    write_manifest(root, rows)
    (root / "truth").mkdir(exist_ok=True)
    (root / "truth" / "facts.csv").write_text("document_id,value\n")
    return root


def write_manifest(root: Path, rows) -> None:
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


class Graph:
    """The documents group over one store."""

    def __init__(self, home: Path, store: Path | str, warehouse, *, size: int = 2, checked: bool = True, **settings):
        home.mkdir(exist_ok=True)
        self.settings = Settings.load(
            home=home, sources=str(home / "sources"), documents=str(store), batch_patients=size, **settings
        )
        self.site = Site(self.settings, take_inventory(Sources(root=self.settings.sources_root)))
        self.lake = Lake(root=self.settings.lake_root, subject_shards=2)
        self.warehouse = warehouse
        own = {"documents/patient_batches", "documents/index", "documents/text"}
        made = [a for a in assets.document_assets(self.site) if {k.to_user_string() for k in a.keys} <= own]
        tables = (PATIENT_BATCHES, INDEX, TEXT)
        batches = dg.AssetSelection.assets(dg.AssetKey(list(PATIENT_BATCHES.key)))
        both = dg.AssetSelection.assets(dg.AssetKey(list(INDEX.key)), dg.AssetKey(list(TEXT.key)))
        self.definitions = dg.Definitions(
            assets=made,
            asset_checks=[*(table_checks(t, self.site) for t in tables), *index_checks.CHECKS, *text_checks.CHECKS]
            if checked
            else [],
            jobs=[dg.define_asset_job("batches", batches), dg.define_asset_job("documents", both)],
            resources={
                "lake": self.lake,
                "warehouse": warehouse,
                "sources": Sources(root=self.settings.sources_root),
                "document_store": DocumentStore(root=self.settings.documents_root),
                LAKE_IO_MANAGER: LakeIOManager(lake=self.lake),
                BATCH_IO_MANAGER: BatchIOManager(lake=self.lake, warehouse=warehouse),
            },
            executor=dg.in_process_executor,
        )
        self.instance = dg.DagsterInstance.ephemeral()
        self.verdicts: dict[str, dg.AssetCheckEvaluation] = {}

    def cut(self, **how):
        self._run("batches", **how)
        return list(self.instance.get_dynamic_partitions("patient_batch"))

    def run(self, first: str, last: str | None = None, **config):
        """One batch, or a range of them in one run; returns the metadata of `documents/text`."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        how = {"tags": tags} if last else {"partition_key": first}
        # One worker: starting a second one costs more than these few documents.
        how["run_config"] = {"ops": {"documents__text": {"config": {"workers": 1, **config}}}}
        result = self._run("documents", **how)
        return {
            event.asset_key.to_user_string(): dict(event.materialization.metadata)
            for event in result.get_asset_materialization_events()
        }

    def _run(self, job, **how):
        result = self.definitions.resolve_job_def(job).execute_in_process(instance=self.instance, **how)
        for verdict in result.get_asset_check_evaluations():
            self.verdicts[f"{verdict.asset_key.to_user_string()}:{verdict.check_name}"] = verdict
        return result

    def rows(self, table):
        return self.lake.scan(table.path, self.lake.partitions(table.path) or None).collect()

    def text(self):
        """Rows of `documents/text` by document."""
        return {row["document_id"]: row for row in self.rows(TEXT).to_dicts()}


def loads(row, column):
    return json.loads(row[column])
