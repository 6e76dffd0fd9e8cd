"""What virtual styling is made of: a garment found by text, the zone that another one needs, the prompt for it."""
