"""What the hospital module tells: where patients were, laboratory, cultures, orders, drugs, codes, dictionaries."""
