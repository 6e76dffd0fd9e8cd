"""What ``TryOn`` is made of: checkpoints, the garment's picture, the zone, the way to the model's size and back."""
