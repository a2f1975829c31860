"""Reading: one pipeline from a page to its result, used by everything that reads pages."""
