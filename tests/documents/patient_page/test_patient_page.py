"""The page of one patient: what the lake holds of him, escaped, self-contained, for its owner's eyes."""

import datetime as dt
import json
import shutil
import stat
from html.parser import HTMLParser

import polars as pl
import pyarrow as pa
import pytest

from clinical_assets.documents.patient_page import page
from clinical_assets.documents.patient_page.page import PageError, main, record_of, render
from clinical_assets.documents.tables import INDEX, PRIORITISED, PRIORITISED_TRIGGERS, TEXT, TIMELINE
from resources.lake import Lake

CHROMIUM = shutil.which("chromium")
DAY = dt.date(2150, 3, 10)
NOON = dt.datetime(2150, 3, 10, 12)
HOSTILE = "<script>document.title = 'read'</script> & \"Hgb < 7\""


def event(event_id, kind, start, **said):
    return {
        "patient_id": "p1", "event_id": event_id, "event_type": kind, "start_date": start.date(), "start_time": start,
        "known_date": start.date(), "known_time": start, "rule": "words", "n_documents": 0, "description": kind, **said,
    }  # fmt: skip


def document(document_id, day, **said):
    return {
        "patient_id": "p1", "document_id": document_id, "source": "manifest", "document_type": "Progress note",
        "authored_date": day, "uri": f"file:///{document_id}", "status": "indexed", **said,
    }  # fmt: skip


def text(document_id, words, **said):
    return {
        "patient_id": "p1", "document_id": document_id, "extraction_success": True, "text": words,
        "characters": len(words), "n_pages": 0, "n_sections": 0, "spans": "[]", "method": "plain", "extractor": "plain",
        "extractor_version": "1", "n_warnings": 0, "warnings": "[]", "facts": "{}", "attempts": 0, "given_up": False,
        **said,
    }  # fmt: skip


def kept(document_id, day, reasons, event_id):
    return {
        "patient_id": "p1", "document_id": document_id, "note_date": day, "dated_by": "index", "characters": 5,
        "note_type": "Operative report", "kind": "note", "rule": "include: surgery", "reasons": reasons,
        "event_id": event_id, "days": 1, "order_known": True, "profile": "oncology",
    }  # fmt: skip


def trigger(event_id, kind, document_id, days):
    return {
        "patient_id": "p1", "event_id": event_id, "event_type": "surgery", "reason": "post_surgery", "edge": "start",
        "direction": "after", "kind": kind, "event_date": DAY, "event_time": NOON, "document_id": document_id,
        "days": days, "order_known": None if days is None else True, "profile": "oncology", "window_days": 7,
    }  # fmt: skip


STRANGER = event("Procedure/other", "surgery", NOON) | {"patient_id": "p2", "description": "of somebody else"}
ROWS = {
    TIMELINE: [
        event("Procedure/s", "surgery", NOON, description="Craniotomy <left>"),
        event("Encounter/e", "encounter", NOON - dt.timedelta(days=1), end_date=DAY + dt.timedelta(days=5)),
        event("ImagingStudy/i", "imaging", NOON + dt.timedelta(days=400)),
        STRANGER,
    ],
    INDEX: [
        document("d-operative", DAY + dt.timedelta(days=1)),
        document("d-linked", DAY + dt.timedelta(days=400)),
        document("d-stated", None),
        document("d-broken", DAY, status="indexed"),
        document("d-gone", DAY, status="missing"),
    ],
    TEXT: [
        text("d-operative", HOSTILE),
        text("d-linked", "MRI brain: stable."),
        text("d-stated", "other", stated_date=DAY, stated_at=NOON, stated_by="C-CDA effectiveTime",
             warnings=json.dumps([{"code": "guessed_encoding", "detail": ""}])),
        text("d-broken", "", extraction_success=False, reason="encrypted"),
    ],
    PRIORITISED: [
        kept("d-operative", DAY + dt.timedelta(days=1), "post_surgery", "Procedure/s"),
        kept("d-linked", DAY + dt.timedelta(days=400), "last_note, linked", "ImagingStudy/i"),
    ],
    PRIORITISED_TRIGGERS: [
        trigger("Procedure/s", "note", "d-operative", 1), trigger("Procedure/s", "pathology", None, None),
    ],
}  # fmt: skip


def put(lake: Lake, batch: str, rows) -> None:
    for table, own in rows.items():
        frame = pl.DataFrame(own, table.polars_schema)
        arrow: pa.Table = frame.to_arrow()
        with lake.write(table.path, arrow.schema, [batch], {}) as writer:
            writer.write(batch, arrow)


@pytest.fixture
def lake(tmp_path):
    made = Lake(root=str(tmp_path / "home" / "lake"), subject_shards=8)
    put(made, "cohort-00001", ROWS)
    return made


@pytest.fixture
def command(lake, tmp_path, monkeypatch):
    """Runs the command over the lake; gives its exit status."""
    monkeypatch.setenv("CLINICAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CLINICAL_LAKE", lake.root)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main([str(each) for each in arguments])


class Parts(HTMLParser):
    """Ids, links and elements of a page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.tags, self.outside = [], set(), set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.tags.add(tag)
        self.ids += [said["id"]] if "id" in said else []
        if tag == "a":
            self.links.add(said["href"].removeprefix("#"))
        self.outside += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]


def test_the_record_is_the_patients_alone_and_dated_as_index_or_document_say(lake):
    record = record_of(lake, "p1")
    assert record.events["event_id"].to_list() == ["Encounter/e", "Procedure/s", "ImagingStudy/i"]
    dated = {row["document_id"]: (row["day"], row["time"], row["kept"]) for row in record.documents.to_dicts()}
    assert dated["d-stated"] == (DAY, NOON, False)
    assert dated["d-operative"] == (DAY + dt.timedelta(days=1), None, True)
    assert record.kept["text"].to_list() == [HOSTILE, "MRI brain: stable."]


def test_a_patient_of_two_batches_is_shown_once(lake):
    once = record_of(lake, "p1")
    put(lake, "other-00001", ROWS)
    twice = record_of(lake, "p1")
    for name in ("events", "documents", "kept", "triggers"):
        assert getattr(twice, name).equals(getattr(once, name)), name


def test_batches_of_an_earlier_version_are_shown_without_what_they_lack(lake):
    now = record_of(lake, "p1")
    older = lake.scan(TIMELINE.path, ["cohort-00001"]).drop("scan_id").collect().to_arrow()
    with lake.write(TIMELINE.path, older.schema, ["cohort-00001"], {}) as writer:
        writer.write("cohort-00001", older)
    put(lake, "other-00001", {TIMELINE: [STRANGER]})
    shown = record_of(lake, "p1")
    assert shown.events.drop("scan_id").equals(now.events.drop("scan_id"))
    assert render(shown) == render(now)


def test_every_link_of_the_page_leads_somewhere_and_nothing_is_fetched(lake):
    parts = Parts(render(record_of(lake, "p1")))
    assert len(parts.ids) == len(set(parts.ids)) == 3 + 5
    assert parts.links == set(parts.ids)
    assert parts.outside == []
    assert not parts.tags & {"script", "img", "link", "iframe"}


def test_words_of_a_record_stand_on_the_page_as_written_and_are_not_run(lake):
    shown = render(record_of(lake, "p1"))
    assert "&lt;script&gt;document.title = &#39;read&#39;&lt;/script&gt; &amp; &#34;Hgb &lt; 7&#34;" in shown
    assert "Craniotomy &lt;left&gt;" in shown
    assert "Craniotomy <left>" not in shown
    assert "of somebody else" not in shown


def test_the_page_says_why_a_note_was_kept_what_found_none_and_why_a_document_has_no_text(lake):
    shown = " ".join(render(record_of(lake, "p1")).split())
    assert 'first note after the start of <a href="#e-Procedure/s">surgery: Craniotomy' in shown
    assert '<span class="tag">linked</span> to <a href="#e-ImagingStudy/i">imaging: imaging</a>' in shown
    assert "the first pathology after its start (post_surgery)" in shown
    for state in ("encrypted", "missing", '<span class="tag">guessed_encoding</span>'):
        assert state in shown


def test_without_text_no_word_of_a_note_is_on_the_page(lake):
    record = record_of(lake, "p1")
    assert "MRI brain: stable." in render(record)
    shown = render(record, texts=False)
    assert "MRI brain: stable." not in shown
    assert "Hgb" not in shown


def test_a_patient_without_any_date_has_tables_and_no_picture(tmp_path):
    lake = Lake(root=str(tmp_path / "lake"), subject_shards=8)
    put(lake, "cohort-00001", {INDEX: [document("d1", None)]})
    shown = render(record_of(lake, "p1"))
    assert "there is nothing to draw" in shown
    assert 'id="d-d1"' in shown


def test_nothing_of_a_patient_says_what_to_do_and_does_not_repeat_his_id(lake, command, tmp_path, capsys):
    with pytest.raises(PageError, match="expected a patient of documents/index"):
        record_of(lake, "p7")
    assert command("p-unheard-of", "out.html") == 2
    assert "materialize the batch he is in" in capsys.readouterr().err
    assert not (tmp_path / "out.html").exists()


def test_the_command_writes_a_file_for_its_owner_alone(command, tmp_path, capsys):
    out = tmp_path / "out.html"
    out.write_text("older")
    assert command("p1", "out.html") == 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "Craniotomy" in out.read_text()
    assert capsys.readouterr().out == "out.html: 3 events, 5 documents, 2 without text, 0 without a day, 2 notes kept\n"


def test_a_failure_leaves_the_older_page_and_nothing_beside_it(command, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out.html"
    out.write_text("older")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(page.Path, "replace", fail)
    assert command("p1", "out.html") == 2
    assert out.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "out.html"]
    assert "no space left" in capsys.readouterr().err


@pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM: the page was not looked at; install Debian's `chromium`")
def test_in_a_browser_a_mark_opens_its_note_and_the_page_is_no_wider_than_the_window(command, tmp_path):
    from playwright.sync_api import sync_playwright

    assert command("p1", "out.html") == 0
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        shown = browser.new_page(viewport={"width": 1200, "height": 900})
        shown.goto((tmp_path / "out.html").as_uri())
        words = shown.get_by_text("MRI brain: stable.")
        assert not words.is_visible()
        shown.locator('a[href="#d-d-linked"] circle, a[href="#d-d-linked"] rect').first.click()
        words.wait_for(state="visible", timeout=10_000)
        assert shown.title() == "Patient p1"
        assert shown.evaluate("document.documentElement.scrollWidth") <= 1200
        browser.close()
