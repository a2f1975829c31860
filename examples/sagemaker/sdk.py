"""Train and serve with SageMaker's own Python library instead of `htrlib.aws`.

    pip install 'sagemaker<3'
    python sdk.py s3://BUCKET/labels --image IMAGE --role ROLE --prefix htr --page letter.png
    python sdk.py labels/ --image htrlib:serve-mxnet --local --page letter.png

With `--local` the library runs the image on this machine instead, by Docker Compose, without an
endpoint that costs; it still wants a region and credentials, which may be invented.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from sagemaker import Session
from sagemaker.deserializers import StringDeserializer
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import IdentitySerializer

METRICS = ("train_loss", "validation_cer", "validation_wer")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("labels", help="S3 prefix of labeled pages, or with --local a folder")
    parser.add_argument("--image", required=True, help="URI of the container image")
    parser.add_argument("--role", default="arn:aws:iam::000000000000:role/local", help="ARN")
    parser.add_argument("--prefix", default="htr", help="names begin with it (default: htr)")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", help="prefix for the model, s3:// or with --local file:///")
    parser.add_argument("--page", type=Path, help="a picture to read with the new model")
    parser.add_argument("--local", action="store_true", help="run on this machine")
    options = parser.parse_args()
    session: Any = LocalSession() if options.local else Session()
    if options.local:  # which else uploads models to S3
        session.config = {"local": {"local_code": True}}
        options.output = options.output or f"file://{Path('local-models').resolve()}"
    estimator = train(options, session)
    print(estimator.model_data)
    if options.page:
        print(read(options, session, estimator.model_data))


def train(options: argparse.Namespace, session: Any) -> Estimator:
    """Train, and return the finished estimator."""
    estimator = Estimator(
        image_uri=options.image,
        role=options.role,
        instance_count=1,
        instance_type="local" if options.local else "ml.m5.2xlarge",
        base_job_name=f"{options.prefix}-sdk",
        hyperparameters={"task": "line-recognition", "epochs": options.epochs},
        metric_definitions=[{"Name": m, "Regex": rf"{m}=([0-9.e+-]+);"} for m in METRICS],
        output_path=options.output,
        tags=[{"Key": "htrlib", "Value": options.prefix}],
        sagemaker_session=session,
    )
    labels = options.labels
    estimator.fit({"train": f"file://{Path(labels).resolve()}" if options.local else labels})
    return estimator


def read(options: argparse.Namespace, session: Any, model_data: str) -> str:
    """Deploy the model to an endpoint, read a page, and delete both."""
    model = Model(
        image_uri=options.image,
        model_data=model_data,
        role=options.role,
        predictor_cls=Predictor,
        name=f"{options.prefix}-sdk",
        enable_network_isolation=not options.local,
        sagemaker_session=session,
    )
    predictor = model.deploy(
        initial_instance_count=1,
        instance_type="local" if options.local else "ml.m5.large",
        endpoint_name=f"{options.prefix}-sdk",
        serializer=IdentitySerializer("application/octet-stream"),  # the container looks into it
        deserializer=StringDeserializer(accept="text/plain"),
        tags=[{"Key": "htrlib", "Value": options.prefix}],
    )
    try:
        return str(predictor.predict(options.page.read_bytes()))
    finally:
        predictor.delete_endpoint()
        model.delete_model()


if __name__ == "__main__":
    main()
