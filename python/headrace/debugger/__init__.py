"""Looking at the past of a journal: on a screen, and as a page."""
