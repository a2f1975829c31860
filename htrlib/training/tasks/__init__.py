"""What differs between the networks that are trained."""
