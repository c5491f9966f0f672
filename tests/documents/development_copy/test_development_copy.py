import datetime as dt
import json
import re
from random import Random

import polars as pl
import pytest

from clinical_assets.documents import tables
from clinical_assets.documents.development_copy import copying as development_copy
from clinical_assets.documents.development_copy.column_rules import (
    INDEX_COLUMNS,
    TEXT_COLUMNS,
    Fate,
    LeakError,
    copied,
)
from clinical_assets.documents.development_copy.copying import CopyError, main, write_copy
from clinical_assets.documents.development_copy.deidentification import Deidentifier
from clinical_assets.documents.readers.extraction import extract
from clinical_assets.sample.documents.formats import WRITTEN, Filed, plain
from clinical_assets.sample.documents.store import header
from clinical_assets.sample.documents.stories import Person, illness
from clinical_assets.sample.documents.templates import templates
from clinical_assets.sample.documents.text import laid_out
from clinical_assets.sample.documents.wording import occasions
from resources.lake import Lake

SECRET = b"a secret for the tests"
DAY = dt.date(2150, 3, 14)
BATCHES = {"everyone-001": ("10000014", "10000047"), "everyone-002": ("10000065",)}
NAMES = {"10000014": "Quillfeather, Kasper", "10000047": "Ormerod, Fenna", "10000065": "Silverlock, Ilse"}


def documents_of(patient: str) -> list[tuple[str, dt.datetime, str]]:
    """Texts of a made-up patient: id, time, text."""
    rng = Random(patient)
    person = Person(
        patient,
        NAMES[patient],
        f"77{patient[-5:]}",
        dt.date(2090, 5, 6),
        True,
        61.0,
        DAY,
        dt.date(2153, 1, 1),
        None,
        (),
    )
    case = illness(person, rng)
    found = []
    for number, occasion in enumerate(occasions(person, case, rng)):
        note = rng.choice(templates(occasion.kind)).filled(
            occasion.slots, header(person, "Achterberg, Tilda", occasion.at, rng)
        )
        found.append((f"{patient}x{number}", occasion.at, laid_out(note, WRITTEN).text))
    return found[:25]


def frames(patients) -> tuple[pl.DataFrame, pl.DataFrame]:
    """An index and texts with every declared column."""
    index, text = [], []
    for patient in patients:
        for document, at, words in documents_of(patient):
            extraction = extract(words.encode())
            index.append(
                {
                    "patient_id": patient, "document_id": document, "source": "manifest", "document_type": "Note",
                    "category": "Oncology", "description": f"Note on {NAMES[patient]}", "authored_date": at.date(),
                    "authored_at": at, "stored_date": at.date(), "stored_at": at + dt.timedelta(hours=3),
                    "age_at_document_days": 22_000, "content_type": "text/plain", "size_bytes": len(words),
                    "sha256": extraction.bytes_sha256, "uri": f"file:///store/{patient}/{document}.txt",
                    "status": "indexed",
                }
            )  # fmt: skip
            spans = [
                {"kind": s.kind.value, "start": s.start, "end": s.end, "title": s.title, "level": s.level}
                for s in extraction.spans
            ]
            text.append(
                {
                    "patient_id": patient, "document_id": document, "sha256": extraction.bytes_sha256,
                    "extraction_success": True, "text": words, "characters": len(words), "spans": json.dumps(spans),
                    "text_sha256": extraction.text_sha256, "n_pages": 0, "n_sections": len(spans), "method": "plain",
                    "extractor": "plain", "extractor_version": "1", "n_warnings": 0, "warnings": "[]",
                    "facts": json.dumps({"effective_time": at.isoformat()}),
                }
            )  # fmt: skip
    return tuple(
        pl.DataFrame(rows, schema=table.polars_schema) for rows, table in ((index, tables.INDEX), (text, tables.TEXT))
    )


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    made = Lake(root=str(tmp_path_factory.mktemp("lake")), subject_shards=2)
    for batch, patients in BATCHES.items():
        for table, frame in zip(("documents/index", "documents/text"), frames(patients), strict=True):
            rows = frame.to_arrow()
            with made.write(table, rows.schema, [batch], {}) as writer:
                writer.write(batch, rows)
    return made


@pytest.fixture(scope="module")
def known():
    return {patient: (name, *name.split(", "), f"77{patient[-5:]}") for patient, name in NAMES.items()}


@pytest.fixture(scope="module")
def copy(lake, known, tmp_path_factory):
    out = tmp_path_factory.mktemp("copies") / "copy"
    report = write_copy(lake, out, Deidentifier(SECRET), known)
    return Lake(root=str(out), subject_shards=2), report


def read(lake, table):
    return lake.scan(table, lake.partitions(table)).collect()


def test_every_declared_column_has_a_fate():
    assert set(INDEX_COLUMNS) == set(tables.INDEX.column_names)
    assert set(TEXT_COLUMNS) == set(tables.TEXT.column_names)


def test_the_copy_holds_every_document_and_no_column_that_leads_back(lake, copy):
    made, report = copy
    for table, fates in (("documents/index", INDEX_COLUMNS), ("documents/text", TEXT_COLUMNS)):
        original, new = read(lake, table), read(made, table)
        assert new.height == original.height
        assert set(new.columns) == {name for name, fate in fates.items() if fate is not Fate.LEFT_OUT}
        assert not set(new["document_id"]) & set(original["document_id"])
        assert not set(new["patient_id"]) & set(NAMES)
        assert new["patient_id"].n_unique() == len(NAMES)
    assert made.partitions("documents/text") == sorted(BATCHES)
    assert (report.batches, report.patients) == (2, 3)


def test_nothing_that_names_a_patient_is_left_in_any_file(copy, known):
    made, _ = copy
    texts = "\n".join(read(made, "documents/text")["text"])
    for identifiers in known.values():
        for value in identifiers:
            assert not re.search(rf"\b{value}\b", texts)
    assert "Achterberg" not in texts
    assert texts.count("tumor") > 20


def test_dates_of_a_patient_move_together_in_index_and_text(lake, copy):
    made, _ = copy
    shifter = Deidentifier(SECRET)
    original = {row["document_id"]: row for row in read(lake, "documents/index").iter_rows(named=True)}
    new = {row["document_id"]: row for row in read(made, "documents/index").iter_rows(named=True)}
    texts = dict(read(made, "documents/text").select("document_id", "text").iter_rows())
    in_text = 0
    for document, row in original.items():
        name = shifter.pseudonym(document, of="document")
        moved = row["authored_date"] + shifter.shift(row["patient_id"])
        assert new[name]["authored_date"] == moved
        assert new[name]["stored_at"] - new[name]["authored_at"] == dt.timedelta(hours=3)
        in_text += any(moved.strftime(form) in texts[name] for form in ("%m/%d/%Y", "%Y-%m-%d", "%d %b %Y"))
        assert row["authored_date"].isoformat() not in texts[name]
    assert in_text > 10


def test_sections_stand_where_their_titles_are(copy):
    made, _ = copy
    seen = 0
    for row in read(made, "documents/text").iter_rows(named=True):
        for span in json.loads(row["spans"]):
            assert 0 <= span["start"] <= span["end"] <= row["characters"] == len(row["text"])
            if "title" in span:
                assert row["text"][span["start"] :].startswith(span["title"])
                seen += 1
    assert seen > 50


def test_the_same_secret_gives_the_same_copy_and_another_secret_another(lake, known, copy, tmp_path):
    write_copy(lake, tmp_path / "same", Deidentifier(SECRET), known, ["everyone-002"])
    write_copy(lake, tmp_path / "other", Deidentifier(b"another secret here"), known, ["everyone-002"])
    first = copy[0].scan("documents/text", ["everyone-002"]).collect()
    same, other = (read(Lake(root=str(tmp_path / n), subject_shards=2), "documents/text") for n in ("same", "other"))
    assert same.equals(first)
    assert not set(other["patient_id"]) & set(first["patient_id"])
    assert SECRET not in b"".join(p.read_bytes() for p in (tmp_path / "same").rglob("*") if p.is_file())


def test_a_name_found_in_one_document_is_replaced_in_the_others():
    index, text = frames(["10000014"])
    words = ["Patient Name: Quillfeather, Kasper\nStable.", "quillfeather was glad. Kasper Quillfeather smiled."]
    text = text.head(2).with_columns(text=pl.Series(words), spans=pl.lit("[]"))
    made = copied(index.head(2), text, Deidentifier(SECRET), {})
    assert not re.search("quillfeather", "\n".join(made.text["text"]), re.IGNORECASE)
    assert sum("smiled" in words for words in made.text["text"]) == 1


def test_failed_extractions_stay_failed():
    index, text = frames(["10000014"])
    text = text.head(1).with_columns(
        text=pl.lit(""), extraction_success=pl.lit(False), text_sha256=pl.lit(None, pl.String), spans=pl.lit("[]"),
        reason=pl.lit("corrupt"),
    )  # fmt: skip
    made = copied(index.head(1), text, Deidentifier(SECRET), {}).text.row(0, named=True)
    assert (made["text"], made["text_sha256"], made["reason"]) == ("", None, "corrupt")


def test_ages_of_ninety_and_more_are_left_out_and_types_that_name_somebody_emptied():
    index, text = frames(["10000014"])
    index = index.head(2).with_columns(
        age_at_document_days=pl.Series([33_500, 20_000]), document_type=pl.Series(["Letter to Dr. Abernathy", "Letter"])
    )
    made = copied(index, text.head(0), Deidentifier(SECRET), {}).index
    assert set(made["age_at_document_days"]) == {None, 20_000}
    assert set(made["document_type"]) == {None, "Letter"}


def test_a_known_identifier_left_in_a_text_stops_the_copy(lake, monkeypatch, tmp_path, known):
    monkeypatch.setattr(
        development_copy, "copied", lambda *a: (_ for _ in ()).throw(LeakError("1 known identifiers are left"))
    )
    with pytest.raises(LeakError):
        write_copy(lake, tmp_path / "copy", Deidentifier(SECRET), known)
    assert list(tmp_path.iterdir()) == []


def test_the_leak_is_found_and_not_shown(monkeypatch):
    index, text = frames(["10000014"])
    monkeypatch.setattr("clinical_assets.documents.development_copy.deidentification.detect", lambda *a: [])
    with pytest.raises(LeakError, match=r"^\d+ known identifiers") as raised:
        copied(index, text, Deidentifier(SECRET), {"10000014": ("Quillfeather",)})
    assert "Quillfeather" not in str(raised.value)


@pytest.mark.parametrize("where", [".", "inside/it", ".."])
def test_no_copy_into_the_lake_or_around_it(lake, where, known, monkeypatch, tmp_path):
    place = development_copy.Path(lake.root) / where
    with pytest.raises(CopyError, match=r"name another folder"):
        write_copy(lake, place, Deidentifier(SECRET), known)


def test_a_folder_in_use_is_left_alone(lake, known, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(CopyError, match="found something there"):
        write_copy(lake, tmp_path, Deidentifier(SECRET), known)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_batches_that_are_not_there_are_named(lake, known, tmp_path):
    with pytest.raises(CopyError, match=r"without \['everyone-009'\]"):
        write_copy(lake, tmp_path / "copy", Deidentifier(SECRET), known, ["everyone-009"])
    with pytest.raises(CopyError, match="materialize documents/index and documents/text first"):
        write_copy(Lake(root=str(tmp_path / "empty"), subject_shards=2), tmp_path / "copy", Deidentifier(SECRET), {})


def test_the_command_reports_recall_by_type_and_what_it_cannot_do(lake, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    (tmp_path / "known.csv").write_text("patient_id,identifier\n10000065,Silverlock\n")
    command = [str(tmp_path / "copy"), "--batches", "everyone-002", "--known", str(tmp_path / "known.csv")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert re.search(r"recall on phrasings the rules were written for: 100%", said)
    assert re.search(r"recall on phrasings written down before the rules saw them: [78]\d%", said)
    assert re.search(r"recall on what rules of this kind cannot see: 0%", said)
    for kind in ("name", "date", "number", "phone", "address", "age"):
        assert re.search(rf"\d+%  {kind} \(", said), kind
    assert "still protected health information" in said
    assert "Silverlock" not in said
    recorded = json.loads((tmp_path / "copy" / development_copy.REPORT).read_text())
    assert {row["set"] for row in recorded["recall"]} == set(development_copy.TRIAL)
    assert main(command) == 1
    assert "found something there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--secret-file", b"short", "at least 16"),
        ("--secret-file", None, "expected a secret of 16 bytes"),
        ("--known", b"a,b\n1,2\n", "expected the columns patient_id, identifier"),
        ("--known", None, "expected a CSV of known identifiers"),
    ],
)
def test_what_the_command_is_given_is_checked(lake, tmp_path, monkeypatch, capsys, option, content, message):
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.setenv("CLINICAL_SUBJECT_SHARDS", "2")
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    assert main([str(tmp_path / "copy"), option, str(tmp_path / "file")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "copy").exists()


def test_a_written_note_is_what_the_copy_is_tested_with():
    filed = Filed("d", "10000014", NAMES["10000014"], "Doe, Jon", "2150-01-01T10:00:00", "2150-01-01T12:00:00")
    note = templates("telephone")[0].filled({}, ("Patient Name: Quillfeather, Kasper",))
    assert NAMES["10000014"] in extract(plain(note, filed)).text
