"""Deploy a model to a SageMaker endpoint, and read a page with it.

    python deploy.py s3://BUCKET/models/JOB/output/model.tar.gz --image IMAGE --role ROLE \\
        --endpoint handwriting --page letter.png

An endpoint that is there goes over to the new model without a pause. It costs by the hour until it
is deleted: `htr aws undeploy handwriting`.
"""

from __future__ import annotations

import argparse
import sys

from htrlib.aws import machines
from htrlib.aws.endpoint_client import EndpointClient
from htrlib.aws.endpoints import EndpointConfig, ModelConfig, deploy
from htrlib.aws.session import Aws
from htrlib.errors import HtrError


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="S3 URI of a model.tar.gz")
    parser.add_argument("--image", required=True, help="URI of the container image, in ECR")
    parser.add_argument("--role", required=True, help="ARN of the role that the endpoint takes on")
    parser.add_argument("--endpoint", default="handwriting", help="its name")
    parser.add_argument("--instance-type", default=machines.ENDPOINT)
    parser.add_argument("--page", help="a picture to read")
    options = parser.parse_args()
    try:
        serve(options)
    except HtrError as error:
        sys.exit(f"deploy.py: {error}")


def serve(options: argparse.Namespace) -> None:
    """Deploy the endpoint, and read the page, if one is given."""
    aws = Aws()
    config = EndpointConfig(
        name=options.endpoint,
        model=ModelConfig(options.image, options.role, options.model),
        instance_type=options.instance_type,
    )
    deploy(config, aws, tell=lambda line: print(line, file=sys.stderr))
    if options.page:
        print(EndpointClient(options.endpoint, aws=aws).transcribe(options.page).text)


if __name__ == "__main__":
    main()
