"""Registration: from two photos of a scene to the homography between them, with measurements."""
