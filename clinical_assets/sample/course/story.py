"""Everything the tables of a block are told from."""

from __future__ import annotations

from dataclasses import dataclass

from clinical_assets.sample.blocks import Block, Booleans, Integers
from clinical_assets.sample.course.encounters import Encounters, IcuStays
from clinical_assets.sample.course.people import Patients
from clinical_assets.sample.course.treatments import Treatments


@dataclass(frozen=True)
class Story:
    """A block's patients and what happens to them.

    Attributes:
        block: ids and random numbers.
        people: who they are.
        encounters: what happens to them.
        stays: their ICU stays.
        treatments: what is done about it.
    """

    block: Block
    people: Patients
    encounters: Encounters
    stays: IcuStays
    treatments: Treatments

    def has(self, condition: str, encounter: Integers) -> Booleans:
        """Whether the patients of encounters have a chronic condition."""
        return self.people.has(condition, self.encounters.patient[encounter])

    def subject_of(self, encounter: Integers) -> Integers:
        """subject_id of encounters."""
        return self.people.subject_id[self.encounters.patient[encounter]]
