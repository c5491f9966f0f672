"""Which documents there are: what names them (`entries`), where they lie (`bodies`), what they are (`indexing`)."""
