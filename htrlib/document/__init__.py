"""Types passed between stages: geometry, charset, and results with their JSON form."""
