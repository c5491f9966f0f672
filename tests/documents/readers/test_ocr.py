"""Tesseract's table of words becomes the page's text and how sure it is; whatever is no such table is refused."""

import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clinical_assets.documents.readers.ocr import PROGRAM, OcrFailedError, recognise, recognised
from clinical_assets.documents.readers.reading import Limits

# As tesseract 5.3 writes it: a picture is a word of blanks, and the last paragraph is of another block.
WRITTEN = """level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext
1\t1\t0\t0\t0\t0\t0\t0\t1653\t2339\t-1\t
2\t1\t1\t0\t0\t0\t121\t129\t1287\t811\t-1\t
3\t1\t1\t1\t0\t0\t121\t129\t276\t20\t-1\t
4\t1\t1\t1\t1\t0\t121\t129\t276\t20\t-1\t
5\t1\t1\t1\t1\t1\t121\t129\t155\t20\t96.517059\tOPERATIVE
5\t1\t1\t1\t1\t2\t286\t129\t111\t20\t96.468079\tREPORT
4\t1\t1\t1\t2\t0\t123\t169\t234\t26\t-1\t
5\t1\t1\t1\t2\t1\t123\t171\t100\t20\t49.399509\t1.8.cm.
3\t1\t1\t2\t0\t0\t123\t212\t315\t25\t-1\t
4\t1\t1\t2\t1\t0\t123\t212\t315\t25\t-1\t
5\t1\t1\t2\t1\t1\t123\t212\t169\t25\t95.000000\t \n\
2\t1\t2\t0\t0\t0\t123\t912\t315\t25\t-1\t
3\t1\t2\t1\t0\t0\t123\t912\t315\t25\t-1\t
4\t1\t2\t1\t1\t0\t123\t912\t315\t25\t-1\t
5\t1\t2\t1\t1\t1\t123\t912\t169\t25\t0\tHgb\r
5\t1\t2\t1\t1\t2\t302\t912\t136\t25\t100\t\ufb01ne
"""


def test_the_table_is_put_together_to_lines_and_paragraphs():
    got = recognised(WRITTEN)
    assert got.text == "OPERATIVE REPORT\n1.8.cm.\n\nHgb fine"
    weighed = 9 * 96.517059 + 6 * 96.468079 + 7 * 49.399509 + 3 * 0 + 4 * 100
    assert got.confidence == pytest.approx(weighed / 29)


def test_a_long_word_counts_for_more_than_a_short_one(word_table):
    assert recognised(word_table("adenocarcinoma a", [90.0, 0.0])).confidence == pytest.approx(84.0)
    assert recognised(word_table("adenocarcinoma a", [0.0, 90.0])).confidence == pytest.approx(6.0)


def test_a_page_of_no_words_has_no_text_and_no_confidence(word_table):
    for table in (WRITTEN.split("5\t")[0], WRITTEN[: WRITTEN.index("\n") + 1], word_table("")):
        assert (recognised(table).text, recognised(table).confidence) == ("", 0.0)


HEADER, _, ROWS = WRITTEN.partition("\n")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "no table of words, expected the columns level, page_num"),
        ("OPERATIVE REPORT\nPatient: Zoraquin\n", "no table of words"),
        (HEADER.replace("conf", "confidence") + "\n" + ROWS, "no table of words"),
        (f"{HEADER}\n5\t1\t1\t1\t1\t1\t96.5\tZoraquin\n", "row 1 of the table of words has 8 cells, expected 12"),
        (f"{HEADER}\n5\t1\t1\t1\tZoraquin\t1\t0\t0\t9\t9\t96.5\tx\n", "row 1 of the table of words: a place"),
        (f"{HEADER}\n5\t1\t1\t1\t1\t1\t0\t0\t9\t9\tnan\tZoraquin\n", "row 1 of the table of words: a place or a conf"),
        (f"{HEADER}\n5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t-1\tZoraquin\n", "no number in range"),
        (f"{HEADER}\n5\t1\t1\t1\t1\t1\t0\t0\t9\t9\t100.5\tZoraquin\n", "no number in range"),
    ],
)
def test_what_is_no_table_of_words_is_said_without_its_words(table, said):
    with pytest.raises(OcrFailedError) as failed:
        recognised(table)
    assert said in str(failed.value)
    assert "Zoraquin" not in str(failed.value)


WORDS = st.text(alphabet="abcXYZ019.,%µé<>\"'|-", min_size=1, max_size=8)
LINES = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
PARAGRAPHS = st.lists(LINES, min_size=1, max_size=4).map("\n".join)


@given(st.lists(PARAGRAPHS, min_size=1, max_size=4).map("\n\n".join), st.data())
@settings(max_examples=80, deadline=None)
def test_any_words_come_back_and_the_mean_lies_between_them(word_table, text, data):
    words = text.split()
    sure = data.draw(st.lists(st.floats(0, 100), min_size=len(words), max_size=len(words)))
    got = recognised(word_table(text, sure))
    assert got.text == text
    assert min(sure) - 1e-9 <= got.confidence <= max(sure) + 1e-9
    assert math.isfinite(got.confidence)


def language_data() -> Path | None:
    """Where the installed tesseract has its English; None without one."""
    if not shutil.which(PROGRAM):
        return None
    said = subprocess.run([PROGRAM, "--list-langs"], capture_output=True, text=True, check=False)
    folder = re.search('"(.+)"', said.stdout + said.stderr)
    found = Path(folder[1]) / "eng.traineddata" if folder else None
    return found if found and found.is_file() else None


def printed(text: str) -> tuple[list[bytes], int]:
    """A page with large print, as rows of grey pixels, and their width."""
    image_draw, image_font = (pytest.importorskip(f"PIL.{name}") for name in ("ImageDraw", "ImageFont"))
    image = pytest.importorskip("PIL.Image").new("L", (900, 150), 255)
    image_draw.Draw(image).text((20, 40), text, fill=0, font=image_font.load_default(48))
    pixels = image.tobytes()
    return [pixels[at : at + image.width] for at in range(0, len(pixels), image.width)], image.width


def test_a_folder_of_language_data_without_configurations_is_enough(tmp_path, monkeypatch):
    english = language_data()
    if english is None:
        pytest.skip("tesseract with English absent")
    (tmp_path / english.name).symlink_to(english)
    monkeypatch.setenv("TESSDATA_PREFIX", str(tmp_path))
    assert recognise(*printed("No evidence of pneumonia"), Limits()).text == "No evidence of pneumonia"
