"""What can be learned: one module for each loss."""
