"""What starts runs: schedules, and sensors that follow other runs."""
