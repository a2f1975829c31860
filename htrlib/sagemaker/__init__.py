"""All that knows the folders and files of a SageMaker container."""
