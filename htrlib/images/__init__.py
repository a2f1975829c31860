"""Pictures in: opened and checked, cut into regions and line strips."""
