"""Everything that depends on the folders and files of a SageMaker container."""
