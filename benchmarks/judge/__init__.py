"""The judge: reads clothes, colours and background off a drawn picture, and whether the figure is whole."""
