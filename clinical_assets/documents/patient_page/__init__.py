"""One patient's timeline, documents and kept notes as a page to look at."""
