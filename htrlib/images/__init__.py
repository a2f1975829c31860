"""Input images: opening and checking them, cutting regions and line strips."""
