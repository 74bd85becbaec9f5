"""Looking closely where it is worth it: windows at the camera's own resolution beside rarer looks at the whole."""
