"""What a measured value can be in a living adult: one table of wide limits, by column name and unit.

Values outside are kept, as published, and counted as a warning: most are slips of a pen or of a probe, a few are the
patient of a lifetime. The limits are this project's own, wider than the reference ranges and never narrower than the
bounds within which the published concepts believe a value. What does not belong here: those bounds; they decide what is
computed and stand with the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping

Limits = tuple[float, float]

# fmt: off
_LIMITS: tuple[tuple[str, str | None, float, float], ...] = (
    # column names (of one meaning, separated by blanks), unit, lowest, highest
    # vital signs and body size
    ("heart_rate heartrate", "/min", 0, 300), ("resp_rate resprate", "/min", 0, 70),
    ("sbp sbp_ni", "mm[Hg]", 0, 400), ("dbp dbp_ni mbp mbp_ni meanbp", "mm[Hg]", 0, 300), ("icp", "mm[Hg]", 0, 100),
    ("temperature temp", "Cel", 20, 46), ("spo2", "%", 0, 100),
    ("height", "cm", 120, 230), ("weight weight_admit", "kg", 20, 400),
    ("gcs", "points", 3, 15), ("gcs_motor", "points", 1, 6), ("gcs_verbal", "points", 0, 5),
    ("gcs_eyes", "points", 1, 4),
    # chemistry
    ("albumin globulin", "g/dL", 0, 10), ("total_protein", "g/dL", 0, 20), ("aniongap", "meq/L", -20, 80),
    ("bicarbonate", "meq/L", 0, 60), ("bun", "mg/dL", 0, 300), ("calcium", "mg/dL", 0, 30),
    ("chloride", "meq/L", 40, 180), ("glucose", "mg/dL", 5, 2500), ("sodium", "meq/L", 90, 200),
    ("potassium", "meq/L", 1, 15), ("scr scr_baseline mdrd_est", "mg/dL", 0, 50),
    ("creatinine creat creat_low_past_48hr creat_low_past_7day", "mg/dL", 0, 50),
    # blood count and differential
    ("hematocrit", "%", 0, 80), ("hemoglobin", "g/dL", 0, 28), ("mch", "pg", 10, 60), ("mchc", "g/dL", 15, 50),
    ("mcv", "fL", 40, 160), ("platelet platelets", "10*3/uL", 0, 3000), ("rbc", "10*6/uL", 0, 12), ("rdw", "%", 8, 50),
    ("wbc", "10*3/uL", 0, 1000),
    ("basophils_abs eosinophils_abs lymphocytes_abs monocytes_abs neutrophils_abs", "10*3/uL", 0, 1000),
    ("abs_basophils abs_eosinophils abs_lymphocytes abs_monocytes abs_neutrophils", "10*3/uL", 0, 1000),
    ("basophils eosinophils lymphocytes monocytes neutrophils", "%", 0, 100),
    ("atypical_lymphocytes atyps bands immature_granulocytes imm_granulocytes metamyelocytes metas", "%", 0, 100),
    ("nrbc", "%", 0, 1000),
    # clotting
    ("d_dimer", "ng/mL{FEU}", 0, 200_000), ("fibrinogen", "mg/dL", 0, 2000), ("thrombin", "s", 0, 300),
    ("inr", "{INR}", 0.5, 30), ("pt", "s", 5, 250), ("ptt", "s", 10, 250),
    # enzymes, bilirubin and markers
    ("alt ast", "[IU]/L", 0, 40_000), ("alp ggt", "[IU]/L", 0, 10_000), ("amylase", "[IU]/L", 0, 20_000),
    ("ld_ldh", "[IU]/L", 0, 60_000), ("ck_cpk", "[IU]/L", 0, 500_000), ("ck_mb", "ng/mL", 0, 2000),
    ("bilirubin bilirubin_total bilirubin_direct bilirubin_indirect", "mg/dL", 0, 80),
    ("troponin_t", "ng/mL", 0, 100), ("ntprobnp", "pg/mL", 0, 200_000), ("crp", "mg/L", 0, 1000),
    # blood gases; nothing can exceed the pressure of the air, nor PO2 / FiO2 that over a fifth
    ("so2 carboxyhemoglobin methemoglobin", "%", 0, 100), ("po2", "mm[Hg]", 0, 760), ("pco2", "mm[Hg]", 0, 250),
    ("ph", "[pH]", 6.3, 8), ("fio2 fio2_chartevents", "%", 20, 100), ("aado2", "mm[Hg]", 0, 713),
    ("aado2_calc", "mm[Hg]", -760, 713), ("baseexcess", "meq/L", -50, 50), ("totalco2", "meq/L", 0, 80),
    ("pao2fio2ratio pao2fio2ratio_novent pao2fio2ratio_vent", "mm[Hg]", 0, 3800), ("lactate", "mmol/L", 0, 40),
    ("calcium", "mmol/L", 0.2, 5),
    # urine; bladder irrigation makes it negative
    ("urineoutput uo uo_24hr", "mL", -10_000, 20_000),
    ("urineoutput_6hr urineoutput_12hr urineoutput_24hr", "mL", -10_000, 30_000),
    ("uo_mlkghr_6hr uo_mlkghr_12hr uo_mlkghr_24hr uo_rt_6hr uo_rt_12hr uo_rt_24hr", "mL/kg/h", -20, 50),
    # ventilator
    ("o2_flow o2_flow_additional", "L/min", 0, 100), ("respiratory_rate_set", "/min", 0, 70),
    ("respiratory_rate_total respiratory_rate_spontaneous", "/min", 0, 100), ("minute_volume", "L/min", 0, 60),
    ("tidal_volume_set", "mL", 0, 2000), ("tidal_volume_observed tidal_volume_spontaneous", "mL", 0, 3000),
    ("plateau_pressure peep", "cm[H2O]", 0, 100), ("flow_rate", "L/min", 0, 200),
    # dialysis
    ("access_pressure effluent_pressure", "mm[Hg]", -500, 500), ("return_pressure", "mm[Hg]", -300, 500),
    ("filter_pressure", "mm[Hg]", -100, 600), ("blood_flow", "mL/min", 0, 500), ("citrate", "mL/h", 0, 600),
    ("dialysate_rate replacement_rate prefilter_replacement_rate postfilter_replacement_rate", "mL/h", 0, 8000),
    ("heparin_dose", "[U]/h", 0, 5000), ("hourly_patient_fluid_removal current_goal", "mL", -3000, 3000),
    ("ultrafiltrate_output", "mL", 0, 6000),
    # infusions
    ("vaso_rate dopamine dobutamine rate_dopamine rate_dobutamine", "ug/kg/min", 0, 60),
    ("norepinephrine epinephrine rate_norepinephrine rate_epinephrine", "ug/kg/min", 0, 10),
    ("phenylephrine", "ug/kg/min", 0, 25), ("milrinone", "ug/kg/min", 0, 2),
    ("norepinephrine_equivalent_dose", "ug/kg/min", 0, 15), ("vaso_rate vasopressin", "[U]/h", 0, 12),
    # scores
    ("meld meld_initial", "points", 6, 40), ("apsiii_prob oasis_prob sapsii_prob", None, 0, 1),
    ("los_icu", "d", 0, 400),
)
# fmt: on
LIMITS: Mapping[tuple[str, str | None], Limits] = {
    (name, unit): (low, high) for names, unit, low, high in _LIMITS for name in names.split()
}
"""Lowest and highest plausible value by column name and unit."""
STATISTICS = ("_min", "_max", "_mean")


def limits_of(name: str, unit: str | None) -> Limits | None:
    """The limits of a column of that name and unit; those of `x` hold for `x_min`, `x_max` and `x_mean`."""
    names = [name, *(name.removesuffix(statistic) for statistic in STATISTICS if name.endswith(statistic))]
    return next((LIMITS[n, unit] for n in names if (n, unit) in LIMITS), None)
