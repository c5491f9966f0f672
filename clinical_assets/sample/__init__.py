"""A synthetic hospital, so that everything runs with no credential and no network.

`hospital.write_hospital` writes it: `course` decides what happens to the patients, once; `hosp`, `icu`, `emergency` and
`cxr` each tell it in the tables of a module of MIMIC, with the slips of `dirt`, and `documents` in notes and FHIR
resources, for as many patients as are wanted. `uncommon` deals out what chance alone would leave out of a small
hospital. `blocks`, `drawing` and `columns` serve them all; `writing` prints the tables as the catalogue says.

What does not belong here: anything read from a real patient, and anything the rest of the project computes. No rule,
concept or feature may be tuned to these patients: they are as right or wrong as the numbers in these modules.
"""
