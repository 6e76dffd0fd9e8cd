"""What human parsing is made of: SegFormers, their sets of labels, and zones for garments from a parse."""
