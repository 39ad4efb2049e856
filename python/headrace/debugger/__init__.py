"""Looking at the past of a journal: as a page for a browser."""
