"""Which notes are worth reading, and why: `note_profiles` say it, `prioritisation` chooses."""
