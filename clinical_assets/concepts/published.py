"""Where each concept's definition was published: repository, commit and file, for readers who want to compare."""

from __future__ import annotations

from collections.abc import Mapping

REPOSITORY, COMMIT, FOLDER = "MIT-LCP/mimic-code", "8bcbd190", "mimic-iv/concepts_duckdb"
SOURCE = f"{REPOSITORY}, commit {COMMIT}, {FOLDER}"

_FILES = {
    "comorbidity": "charlson",
    "demographics": "age icustay_detail icustay_hourly icustay_times weight_durations",
    "firstday": "first_day_bg first_day_bg_art first_day_gcs first_day_height first_day_lab first_day_rrt "
    "first_day_sofa first_day_urine_output first_day_vitalsign first_day_weight",
    "measurement": "bg blood_differential cardiac_marker chemistry coagulation complete_blood_count "
    "creatinine_baseline enzyme gcs height icp inflammation oxygen_delivery rhythm urine_output urine_output_rate "
    "ventilator_setting vitalsign",
    "medication": "acei antibiotic arb dobutamine dopamine epinephrine milrinone neuroblock norepinephrine "
    "norepinephrine_equivalent_dose nsaid phenylephrine vasoactive_agent vasopressin",
    "organfailure": "kdigo_creatinine kdigo_stages kdigo_uo meld",
    "score": "apsiii lods oasis sapsii sirs sofa",
    "sepsis": "sepsis3 suspicion_of_infection",
    "treatment": "code_status crrt invasive_line rrt ventilation",
}
PUBLISHED: Mapping[str, str] = {
    name: f"{folder}/{name}.sql" for folder, names in _FILES.items() for name in names.split()
}
"""File below `FOLDER` by name of the concept."""


def source_of(name: str) -> str:
    """Where the concept of that name was published, in words; KeyError where it was not."""
    return f"{SOURCE}/{PUBLISHED[name]}"


def link_to(name: str) -> str | None:
    """The definition's address, None where nobody published the concept."""
    return f"https://github.com/{REPOSITORY}/blob/{COMMIT}/{FOLDER}/{PUBLISHED[name]}" if name in PUBLISHED else None
