"""A synthetic hospital, so that everything runs with no credential and no network.

`hospital.write_hospital` writes it, with notes and FHIR resources (`documents`) for as many patients as are wanted.
`people`, `encounters`, `physiology` and `treatments` decide what happens;
`movements`, `emergency`, `bedside`, `infusions`, `procedures`, `laboratory`, `microbiology`, `orders`, `billing` and
`radiology` each tell it in some tables, with the slips of `dirt`; `writing` prints them as the catalogue says.

What does not belong here: anything read from a real patient, and anything the rest of the project computes. No rule,
concept or feature may be tuned to these patients: they are as right or wrong as the numbers in these modules.
"""
