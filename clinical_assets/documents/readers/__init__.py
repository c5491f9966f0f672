"""Bytes of any format to text with a map of its pages and sections: `extraction.extract`, in parallel `worker.Workers`.

Knows no patient, no store and no table.
"""
