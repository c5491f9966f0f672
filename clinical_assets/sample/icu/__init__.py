"""What the intensive care module tells: the bedside chart, infusions and procedures."""
