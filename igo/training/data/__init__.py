"""What is learned from, and what comes out: folders, captions, masks, degraded pairs; weights and exports."""
