"""What makes denoising steps fewer and cheaper."""
