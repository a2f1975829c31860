"""Amazon SageMaker: all calls to AWS are made here.

==================  =================================================================
module              what
==================  =================================================================
`session`           `Aws`: region, credentials, time-outs, retries, errors, dry runs
`storage`           folders, objects and archives to and from S3
`labeling`          manifests, work teams and labeling jobs of Ground Truth
`training`          training jobs
`images`            the container image to ECR
`sagemaker_models`  what an endpoint or a batch job reads with
`endpoints`         endpoints: with machines, serverless, or with a queue
`rollouts`          how an endpoint goes over to a new model
`scaling`           how many machines it has
`batch`             batch transform
`endpoint_client`   `EndpointClient`: reads pages with an endpoint
`queue`             asks an asynchronous endpoint
`registry`          the model registry
`status`            what is there and runs
==================  =================================================================

The functions take the account as `aws`; without it they take that of the environment. boto3 comes
with the first `Aws` (``pip install 'htrlib[aws]'``).

What the calls need to be allowed is the walk's policy in `examples/sagemaker/template.yaml`.
"""
