"""Copies for development, dates shifted, identifiers replaced: `copying` by `column_rules` and `deidentification`.

`opening` makes a copy usable where it lies; `deidentification_trial` says how much the rules find.
"""
