"""Copies for development, dates shifted, identifiers replaced: `copying` by `column_rules` and `deidentification`."""
