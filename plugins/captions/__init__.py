"""What captions are made by."""
