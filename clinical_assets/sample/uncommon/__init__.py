"""What chance alone would leave out of a small hospital; `dealing` gives it to a few stays, the rest say what it is."""
