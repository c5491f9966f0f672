"""One timeline per patient: what happened (`events`), read from three kinds of source, kept in PostgreSQL.

`timeline_sources` gathers what `fhir_events`, `timeline_mimic` and `timeline_csv` read; `timeline_store` keeps it, and
`scans` says which imaging events are one scan.
"""
