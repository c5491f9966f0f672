"""The hospital's notes: files in every format with the truth beside them (`store`), and the note module (`notes`)."""
