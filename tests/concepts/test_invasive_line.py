import pytest

from clinical_assets.concepts.invasive_line import LINES, invasive_line


@pytest.mark.parametrize(
    ("label", "site", "kind", "where"),
    [
        ("Arterial Line", "Left Radial", "Arterial", "Left Radial"),
        ("A-Line", "Left Antecub", "Arterial", "Left Antecube"),
        ("PICC Line", "Right Femoral.", "PICC", "Right Femoral"),
        ("Midline", None, "Midline", None),
    ],
)
def test_names_of_two_charts_are_made_one(mimic_rows, at, label, site, kind, where):
    line = {"stay_id": 100, "itemid": LINES[0], "location": site, "starttime": at(0), "endtime": at(1)}
    items = mimic_rows("d_items", {"itemid": LINES[0], "label": label})
    rows = invasive_line(mimic_rows("procedureevents", line), items).collect()
    assert rows.select("line_type", "line_site").rows() == [(kind, where)]


def test_other_procedures_are_no_lines(mimic_rows, at):
    scan = {"stay_id": 100, "itemid": 221216, "starttime": at(0), "endtime": at(1)}
    items = mimic_rows("d_items", {"itemid": 221216, "label": "X-ray"})
    assert invasive_line(mimic_rows("procedureevents", scan), items).collect().is_empty()
