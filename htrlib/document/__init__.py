"""What the stages hand on: geometry, characters, and results with their JSON form."""
