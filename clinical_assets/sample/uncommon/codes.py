"""Chronic diseases that are seldom coded, spread over the admissions of three blocks: one code for some of them.

Admissions with intensive care are taken where there are enough, because the severity scores look at theirs only.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from clinical_assets.sample.blocks import Integers
from clinical_assets.sample.columns import words
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.uncommon import icd9 as uncommon_icd9
from clinical_assets.sample.uncommon import icd10 as uncommon_icd10
from clinical_assets.sample.uncommon.dealing import in_turn

TITLES: dict[tuple[str, int], str] = {
    **{(code, 9): title for code, title in uncommon_icd9.CODES.items()},
    **{(code, 10): title for code, title in uncommon_icd10.CODES.items()},
}
BLOCKS = 3


def coded_besides(story: Story, versions: Integers) -> pl.DataFrame:
    """encounter, icd_code and icd_version of the codes dealt to the block's admissions, each in its own revision."""
    parts = []
    for version, codes in ((9, list(uncommon_icd9.CODES)), (10, list(uncommon_icd10.CODES))):
        rows = np.flatnonzero(story.encounters.admitted & (versions == version))
        intensive = rows[np.isin(rows, story.stays.encounter)]
        rows = intensive if len(intensive) * BLOCKS >= len(codes) else rows
        encounter, which = in_turn(story.block, f"codes of revision {version}", rows, len(codes), blocks=BLOCKS)
        parts.append(
            pl.DataFrame(
                {
                    "encounter": encounter.astype(np.int64),
                    "icd_code": words(codes, which),
                    "icd_version": np.full(len(encounter), version, np.int64),
                }
            )
        )
    return pl.concat(parts)
