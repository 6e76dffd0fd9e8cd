"""What all that reads files has to know of them, whatever is in them."""
