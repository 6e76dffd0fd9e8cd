"""What outpainting is made of: the shape of a canvas, the passes that reach all of it, and what it begins with.

``fill`` imports numpy and cv2, ``growth`` nothing that is heavy.
"""
