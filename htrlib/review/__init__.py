"""A local web application to review results, correct them, and train on the corrections."""
