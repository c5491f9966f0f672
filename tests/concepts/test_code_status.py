import pytest

from clinical_assets.concepts.code_status import code_status


@pytest.fixture
def statuses(chart, mimic_rows, one_stay, at):
    def rows(charted=(), ordered=()):
        order = {"subject_id": 1, "hadm_id": 10, "order_type": "General Care", "order_subtype": "Code status"}
        poe = mimic_rows("poe", *(order | {"poe_id": str(n), "ordertime": at(h)} for n, (h, _) in enumerate(ordered)))
        details = mimic_rows("poe_detail", *({"poe_id": str(n), "field_value": v} for n, (_, v) in enumerate(ordered)))
        found = code_status(chart(*((hour, 223758, value) for hour, value in charted)), poe, details, one_stay)
        return found.collect().select("stay_id", "fullcode", "cmo", "dni", "dnr").rows()

    return rows


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Full code", (1, 0, 0, 0)),
        ("Comfort measures only", (0, 1, 0, 0)),
        ("DNI (do not intubate)", (0, 0, 1, 0)),
        ("DNR (do not resuscitate)", (0, 0, 0, 1)),
        ("DNR / DNI", (0, 0, 1, 1)),
        ("Something else", (0, 0, 0, 0)),
    ],
)
def test_charted(statuses, text, flags):
    assert statuses(charted=[(30, text)]) == [(100, *flags)]


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Resuscitate (Full code)", (1, 0, 0, 0)),
        ("Full code  (attempt resuscitation)", (1, 0, 0, 0)),
        ("Do not resuscitate (DNR/DNI)", (0, 0, 1, 1)),
        ("DNAR (DO NOT attempt resuscitation for cardiac arrest) ", (0, 0, 0, 1)),
        (None, (0, 0, 0, 0)),
    ],
)
def test_ordered(statuses, text, flags):
    assert statuses(ordered=[(30, text)]) == [(100, *flags)]


@pytest.mark.parametrize(("hour", "stay"), [(23.9, None), (24, 100), (72, 100), (72.1, None)])
def test_an_order_belongs_to_the_icu_stay_it_was_given_in(statuses, hour, stay):
    assert statuses(ordered=[(hour, "Resuscitate (Full code)")]) == [(stay, 1, 0, 0, 0)]


def test_a_chart_without_texts_tells_nothing(statuses):
    assert statuses(charted=[(30, None)]) == [(100, 0, 0, 0, 0)]
