"""The hospital's patients as persons on paper: invented names, record numbers, birthdays; and who writes about them.

Names are invented and drawn at random: none belongs to anybody. Sex, age, weight, stays and death are the hospital's.
"""

from __future__ import annotations

import datetime as dt
from random import Random

import numpy as np

from clinical_assets.sample.course.people import LAST_DAY_YEARS_ON
from clinical_assets.sample.course.story import Story
from clinical_assets.sample.documents.stories import DAY, Person

_EPOCH = dt.date(1970, 1, 1)
_SECONDS_OF_A_DAY = 86_400
_WOMEN = "Adela Brigid Corinne Delphine Edith Fenna Gwen Helga Ilse Jocasta Kerstin Lavinia Mirela Nerys Odile Philippa"
_MEN = "Anselm Benedikt Cormac Dagfinn Emeric Florian Gareth Hamish Ivo Jorgen Kasper Lorcan Matthias Niall Ossian"
_FAMILIES = (
    "Arkwright Bramblecombe Castleforth Dunwoodie Elderkin Fothergill Greystoke Harrowgate Inglethorpe Jessamine"
    " Kettlewell Lindqvist Marchbanks Nettlefold Ormerod Penhaligon Quillfeather Ravensworth Silverlock Thistlewood"
    " Umberfield Vanterpool Winterbourne Yarborough"
)
AUTHORS = (
    "Achterberg, Tilda", "Brisbane, Ewan", "Cavendish-Roe, Marta", "Dragomir, Petru", "Esterhazy, Lena",
    "Faircloth, Simon", "Gallagher-Voss, Una", "Hartigan, Cole", "Iwasaki, Ren", "Jablonski, Olga",
)  # fmt: skip


def person_of(story: Story, patient: int, death: int | None, rng: Random) -> Person:
    """A patient of the block as a person on paper; `death` as the hospital's tables have it, seconds since 1970."""
    people, told = story.people, story.encounters
    female = bool(people.female[patient])
    own = np.flatnonzero(told.patient == patient)
    away = tuple((_day(int(told.arrival[e])) - DAY, _day(int(told.over[e])) + DAY) for e in own)
    year = int(people.anchor_year[patient])
    died = None if death is None else _day(death)
    born = dt.date(year - int(people.age[patient]), 1, 1) + rng.randrange(365) * DAY
    return Person(
        patient_id=str(people.subject_id[patient]),
        name=f"{rng.choice(_FAMILIES.split())}, {rng.choice((_WOMEN if female else _MEN).split())}",
        mrn=f"{rng.randrange(1_000_000, 9_999_999)}",
        born=born,
        female=female,
        weight=float(people.weight[patient]),
        first_day=dt.date(year, 1, 1),
        last_day=died or dt.date(year + LAST_DAY_YEARS_ON - 1, 12, 31),
        died=died,
        away=away,
    )


def _day(seconds: int) -> dt.date:
    return _EPOCH + dt.timedelta(days=seconds // _SECONDS_OF_A_DAY)
