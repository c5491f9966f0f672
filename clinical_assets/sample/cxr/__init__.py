"""What MIMIC-CXR tells: chest X-rays with their labels, and the files behind some of them."""
