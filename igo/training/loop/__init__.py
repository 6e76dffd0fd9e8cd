"""The loop that trains any task: optimizer, averages, state on disk, pace and plan, on the hardware there is."""
