"""Train a recognizer with SageMaker, from a local folder of labeled pages to a model in S3.

    python train.py labels/ --image IMAGE --role ROLE --bucket BUCKET

`labels/` has an output manifest of Ground Truth and its pictures, or another format that htrlib
reads. The last line is the model's place in S3, which `deploy.py` takes.
"""

from __future__ import annotations

import argparse
import sys

from htrlib.aws import machines
from htrlib.aws.names import stamped
from htrlib.aws.session import Aws
from htrlib.aws.storage import upload
from htrlib.aws.training import TrainingJobConfig, start_training, wait_for_training
from htrlib.errors import HtrError


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", help="labeled pages")
    parser.add_argument("--image", required=True, help="URI of the container image, in ECR")
    parser.add_argument("--role", required=True, help="ARN of the role that the job takes on")
    parser.add_argument("--bucket", required=True, help="of S3, for data and model")
    parser.add_argument("--name", default="handwriting", help="what the job's name begins with")
    parser.add_argument("--epochs", default="30")
    parser.add_argument("--instance-type", default=machines.TRAINING)
    parser.add_argument("--spot", action="store_true", help="spare machines, for about a third")
    options = parser.parse_args()
    try:
        print(train(options))
    except HtrError as error:
        sys.exit(f"train.py: {error}")


def train(options: argparse.Namespace) -> str:
    """Train, and return the S3 URI of the model."""
    aws, name = Aws(), stamped(options.name)
    data = f"s3://{options.bucket}/training/{name}"  # without files of other trainings
    upload(options.folder, data, aws)
    job = TrainingJobConfig(
        name=name,
        image=options.image,
        role=options.role,
        channels={"train": data},
        output=f"s3://{options.bucket}/models",
        hyperparameters={"task": "line-recognition", "epochs": options.epochs},
        instance_type=options.instance_type,
        spot=options.spot,
    )
    start_training(job, aws)
    trained = wait_for_training(job.name, aws, tell=lambda line: print(line, file=sys.stderr))
    return trained.model_data


if __name__ == "__main__":
    main()
