"""Records: what a run gives back, and the text in a picture from which it can be made again."""
