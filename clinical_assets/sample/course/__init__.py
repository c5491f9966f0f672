"""What happens to the patients, decided once: who they are, why they come, how sick they get, what is done about it."""
