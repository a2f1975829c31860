"""What runs the networks. Nothing above this package imports a framework."""
