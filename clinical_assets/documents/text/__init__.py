"""The documents' text, each content read once: `extracting` through `text_cache`, written by `text_files`."""
