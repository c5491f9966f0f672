"""Diagnosis codes by prefix and range.

Diagnoses are coded for billing after discharge, whatever they describe: nothing derived from them was known during the
stay. What does not belong here: which codes mean what.
"""

from __future__ import annotations

from collections import defaultdict

import polars as pl


def coded_as(icd9: str, icd10: str) -> pl.Expr:
    """Whether a diagnosis (`icd_version`, `icd_code`) is one of the codes of its own version.

    Args:
        icd9: codes without dots, separated by blanks; a code stands for all that begin with it, `4254-4259` for all
            whose first four characters lie between the two, both included.
        icd10: likewise.
    """
    version = pl.col("icd_version")
    return (version == 9) & _matches(icd9) | (version == 10) & _matches(icd10)


def _matches(codes: str) -> pl.Expr:
    prefixes: defaultdict[int, list[str]] = defaultdict(list)
    rules = [pl.lit(value=False)]
    for code in codes.split():
        first, _, last = code.partition("-")
        if last:
            rules.append(_beginning(len(first)).is_between(pl.lit(first), pl.lit(last)))
        else:
            prefixes[len(first)].append(first)
    rules += [_beginning(length).is_in(listed) for length, listed in prefixes.items()]
    return pl.any_horizontal(rules)


def _beginning(length: int) -> pl.Expr:
    return pl.col("icd_code").str.slice(0, length)


def flags_of_stays(diagnoses_icd: pl.LazyFrame, **conditions: pl.Expr) -> pl.LazyFrame:
    """One row per hospital stay with any diagnosis: 1 where one of them meets the condition, else 0.

    Each distinct code is judged once: there are a few thousand codes and millions of diagnoses.
    """
    codes = diagnoses_icd.select("icd_version", "icd_code").unique()
    judged = codes.with_columns(
        expr.fill_null(value=False).cast(pl.Int64).alias(name) for name, expr in conditions.items()
    )
    return (
        diagnoses_icd.select("hadm_id", "icd_version", "icd_code")
        .join(judged, on=["icd_version", "icd_code"], how="inner", nulls_equal=True)
        .group_by("hadm_id")
        .agg(pl.col(name).max() for name in conditions)
    )
