"""What was billed after discharge: diagnoses, procedures, DRG and HCPCS codes of admissions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Booleans
from clinical_assets.sample.columns import spread, words
from clinical_assets.sample.course.people import DAY
from clinical_assets.sample.course.problems import REASONS
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.course.treatments import NOT_DONE, is_reason
from clinical_assets.sample.hosp.coding import coded, icd_versions


@dataclass(frozen=True)
class BilledProcedure:
    """A procedure in both revisions.

    Attributes:
        icd9: code before October 2015.
        icd10: code after.
        when: `ventilated briefly`, `ventilated long`, `central line`, `dialysis`, `transfused` or a reason's name.
        share: of the admissions it was done in that are billed.
    """

    icd9: str
    icd10: str
    when: str
    share: float


PROCEDURES: tuple[BilledProcedure, ...] = (
    BilledProcedure("3615", "02100Z9", "coronary bypass", 0.95),
    BilledProcedure("3961", "5A1221Z", "coronary bypass", 0.9),
    BilledProcedure("3844", "04R00JZ", "aortic surgery", 0.9),
    BilledProcedure("8154", "0SRD0J9", "knee replacement", 0.97),
    BilledProcedure("0131", "00C40ZZ", "head injury", 0.3),
    BilledProcedure("4513", "0DJ08ZZ", "gastrointestinal bleed", 0.7),
    BilledProcedure("5491", "0W9G3ZZ", "liver failure", 0.5),
    BilledProcedure("9671", "5A1945Z", "ventilated briefly", 0.8),
    BilledProcedure("9672", "5A1955Z", "ventilated long", 0.9),
    BilledProcedure("9604", "0BH17EZ", "ventilated long", 0.7),
    BilledProcedure("3897", "02HV33Z", "central line", 0.6),
    BilledProcedure("3995", "5A1D70Z", "dialysis", 0.9),
    BilledProcedure("9904", "30233N1", "gastrointestinal bleed", 0.5),
)
PROCEDURE_TITLES: dict[tuple[str, int], str] = {
    ("3615", 9): "Single internal mammary-coronary artery bypass",
    ("3961", 9): "Extracorporeal circulation auxiliary to open heart surgery",
    ("3844", 9): "Resection of vessel with replacement, aorta, abdominal",
    ("8154", 9): "Total knee replacement",
    ("0131", 9): "Incision of cerebral meninges",
    ("4513", 9): "Other endoscopy of small intestine",
    ("5491", 9): "Percutaneous abdominal drainage",
    ("9671", 9): "Continuous invasive mechanical ventilation for less than 96 consecutive hours",
    ("9672", 9): "Continuous invasive mechanical ventilation for 96 consecutive hours or more",
    ("9604", 9): "Insertion of endotracheal tube",
    ("3897", 9): "Central venous catheter placement with guidance",
    ("3995", 9): "Hemodialysis",
    ("9904", 9): "Transfusion of packed cells",
    ("02100Z9", 10): "Bypass Coronary Artery, One Artery from Left Internal Mammary, Open Approach",
    ("5A1221Z", 10): "Performance of Cardiac Output, Continuous",
    ("04R00JZ", 10): "Replacement of Abdominal Aorta with Synthetic Substitute, Open Approach",
    ("0SRD0J9", 10): "Replacement of Left Knee Joint with Synthetic Substitute, Cemented, Open Approach",
    ("00C40ZZ", 10): "Extirpation of Matter from Intracranial Subdural Space, Open Approach",
    ("0DJ08ZZ", 10): "Inspection of Upper Intestinal Tract, Via Natural or Artificial Opening Endoscopic",
    ("0W9G3ZZ", 10): "Drainage of Peritoneal Cavity, Percutaneous Approach",
    ("5A1945Z", 10): "Respiratory Ventilation, 24-96 Consecutive Hours",
    ("5A1955Z", 10): "Respiratory Ventilation, Greater than 96 Consecutive Hours",
    ("0BH17EZ", 10): "Insertion of Endotracheal Airway into Trachea, Via Natural or Artificial Opening",
    ("02HV33Z", 10): "Insertion of Infusion Device into Superior Vena Cava, Percutaneous Approach",
    ("5A1D70Z", 10): "Performance of Urinary Filtration, Intermittent, Less than 6 Hours Per Day",
    ("30233N1", 10): "Transfusion of Nonautologous Red Blood Cells into Peripheral Vein, Percutaneous Approach",
}
HCPCS: tuple[tuple[str, int | None, str | None, str], ...] = (
    ("93454", 1, None, "Cardiovascular"),
    ("99218", 1, None, "Hospital observation services"),
    ("99219", 1, None, "Hospital observation services"),
    ("43239", 1, None, "Digestive system"),
    ("27447", 1, None, "Musculoskeletal system"),
    ("64415", 1, None, "Nervous system"),
    ("G0378", None, "Hospital observation service, per hour", "Hospital observation per hr"),
    ("A0428", None, "Ambulance service, basic life support, non-emergency transport, (bls)", "Bls"),
    ("TD   ", None, "Rn", "Rn"),
)
"""Code (five characters, padded with blanks), category, long and short description."""


def tables(story: Story) -> dict[str, pl.DataFrame]:
    """The four tables of bills; their dictionaries are in `dictionaries`."""
    return {
        "mimic/hosp/diagnoses_icd": diagnoses(story),
        "mimic/hosp/procedures_icd": procedures(story),
        "mimic/hosp/drgcodes": groups(story),
        "mimic/hosp/hcpcsevents": services(story),
    }


def _of_admission(story: Story, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with its encounters replaced by patient and admission, without the encounters sent home."""
    encounter = frame["encounter"].to_numpy()
    return (
        frame.with_columns(
            subject_id=pl.Series(story.subject_of(encounter)), hadm_id=pl.Series(story.encounters.hadm_id[encounter])
        )
        .filter(pl.Series(story.encounters.admitted[encounter]))
        .drop("encounter")
    )


def diagnoses(story: Story) -> pl.DataFrame:
    """One row per diagnosis, the reason first."""
    rows = coded(story).with_columns(seq_num=pl.int_range(1, pl.len() + 1).over("encounter")).drop("rank")
    return _of_admission(story, rows)


def _done(story: Story) -> dict[str, Booleans]:
    """For which encounters each `when` of the procedures holds."""
    told, done, stays = story.encounters, story.treatments, story.stays
    n = len(told.patient)

    def any_stay(of_stay: Booleans) -> Booleans:
        happened = np.zeros(n, bool)
        happened[stays.encounter[of_stay]] = True
        return happened

    lasted = np.where(done.ventilated_from == NOT_DONE, 0, done.ventilated_to - done.ventilated_from)
    return {
        "ventilated briefly": any_stay((lasted > 0) & (lasted < 4 * DAY)),
        "ventilated long": any_stay(lasted >= 4 * DAY),
        "central line": any_stay(done.central_line),
        "dialysis": any_stay(done.haemodialysis | (done.crrt_from != NOT_DONE)),
        **{reason.name: is_reason((reason.name,), told.reason) for reason in REASONS},
    }


def procedures(story: Story) -> pl.DataFrame:
    """One row per billed procedure."""
    rng, told = story.block.rng("billed procedures"), story.encounters
    n, done, ten = len(told.patient), _done(story), icd_versions(story) == 10
    parts = []
    for procedure in PROCEDURES:
        encounter = np.flatnonzero(done[procedure.when] & (rng.random(n) < procedure.share))
        day = told.admit[encounter] // DAY + rng.integers(0, 3, len(encounter))
        parts.append(
            pl.DataFrame(
                {
                    "encounter": encounter,
                    "chartdate": np.minimum(day, told.over[encounter] // DAY) * DAY,
                    "icd_code": words((procedure.icd9, procedure.icd10), ten[encounter].astype(np.int64)),
                    "icd_version": np.where(ten[encounter], 10, 9),
                }
            )
        )
    rows = pl.concat(parts).sort("encounter", maintain_order=True)
    return _of_admission(story, rows.with_columns(seq_num=pl.int_range(1, pl.len() + 1).over("encounter")))


def groups(story: Story) -> pl.DataFrame:
    """One HCFA row per admission, and an APR row for most with severity and risk as the groupers grade them."""
    rng, told = story.block.rng("drg"), story.encounters
    n = len(told.patient)
    grade = np.clip(np.round(2.1 + 0.9 * told.courses.illness + rng.normal(0, 0.5, n)), 1, 4)
    risk = np.clip(np.round(grade - 0.3 + 0.15 * (told.age - 60) / 10 + rng.normal(0, 0.5, n)), 1, 4)
    parts = []
    for drg_type, place, share in (("HCFA", 0, 0.85), ("APR", 2, 0.8)):
        keep = rng.random(n) < share
        frame = pl.DataFrame(
            {
                "encounter": np.arange(n),
                "drg_type": [drg_type] * n,
                "drg_code": words([r.drgs[place] for r in REASONS], told.reason),
                "description": words([r.drgs[place + 1] for r in REASONS], told.reason),
                "drg_severity": grade.astype(np.int64),
                "drg_mortality": risk.astype(np.int64),
            }
        ).filter(pl.Series(keep))
        if drg_type == "HCFA":
            frame = frame.with_columns(drg_severity=pl.lit(None, pl.Int64), drg_mortality=pl.lit(None, pl.Int64))
        parts.append(frame)
    return _of_admission(story, pl.concat(parts).sort("encounter", maintain_order=True))


def services(story: Story) -> pl.DataFrame:
    """One row per billed service of observation stays and day surgery."""
    rng, told = story.block.rng("hcpcs"), story.encounters
    encounter, _ = spread(rng.poisson(0.22, len(told.patient)))
    code = rng.integers(0, len(HCPCS), len(encounter))
    rows = pl.DataFrame(
        {
            "encounter": encounter,
            "chartdate": told.admit[encounter] // DAY * DAY,
            "hcpcs_cd": words([entry[0] for entry in HCPCS], code),
            "short_description": words([entry[3] for entry in HCPCS], code),
        }
    ).with_columns(seq_num=pl.int_range(1, pl.len() + 1).over("encounter"))
    return _of_admission(story, rows)
