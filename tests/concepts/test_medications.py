import pytest

from clinical_assets.concepts.medications import acei, arb, neuroblock, nsaid


@pytest.mark.parametrize(
    ("concept", "drug", "counts"),
    [
        (acei, "Lisinopril", True),
        (acei, "ENALAPRILAT", True),
        (acei, "Losartan Potassium", False),
        (arb, "Losartan Potassium", True),
        (arb, "Sacubitril-Valsartan (24mg-26mg)", True),
        (arb, "Lisinopril", False),
        (nsaid, "Aspirin EC", True),
        (nsaid, "Ketorolac", False),
        (nsaid, "Acetaminophen", False),
    ],
)
def test_drugs_by_name_in_any_case(mimic_rows, concept, drug, counts):
    frame = concept(mimic_rows("prescriptions", {"subject_id": 1, "hadm_id": 10, "drug": drug})).collect()
    assert frame[concept.__name__].to_list() == ([drug] if counts else [])


@pytest.mark.parametrize(
    ("itemid", "rate", "counts"),
    [(222062, 1.0, True), (221555, 1.0, True), (221555, None, False), (221906, 1.0, False)],
)
def test_continuous_neuromuscular_blockade(mimic_rows, at, itemid, rate, counts):
    infusion = {"stay_id": 100, "itemid": itemid, "rate": rate, "starttime": at(0), "endtime": at(1)}
    assert neuroblock(mimic_rows("inputevents", infusion)).collect().height == counts
