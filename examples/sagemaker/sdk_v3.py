"""Train and serve with version 3 of SageMaker's own Python library instead of `htrlib.aws`.

    pip install 'sagemaker>=3.17'
    python sdk_v3.py s3://BUCKET/labels --image IMAGE --role ROLE --output s3://BUCKET/models \\
        --page letter.png

Version 3 trains with a ModelTrainer, and has classes for models and endpoints in place of the
Estimator, Model and Predictor of version 2 (`sdk.py`, which also shows the local mode).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    MetricDefinition,
    OutputDataConfig,
    StoppingCondition,
    Tag,
)
from sagemaker.train import ModelTrainer

METRICS = ("train_loss", "validation_cer", "validation_wer")
DAY = 24 * 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("labels", help="S3 prefix of labeled pages; it ends with /")
    parser.add_argument("--image", required=True, help="URI of the container image")
    parser.add_argument("--role", required=True, help="ARN of the role of jobs")
    parser.add_argument("--serving-role", help="ARN of the role of endpoints (default: --role)")
    parser.add_argument("--prefix", default="htr", help="names begin with it (default: htr)")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--output", required=True, help="S3 prefix for the model")
    parser.add_argument("--page", type=Path, help="a picture to read with the new model")
    options = parser.parse_args()
    model_data = train(options)
    print(model_data)
    if options.page:
        print(read(options, model_data))


def train(options: argparse.Namespace) -> str:
    """Train, and return the S3 URI of the model."""
    trainer = ModelTrainer(
        training_image=options.image,
        role=options.role,
        base_job_name=f"{options.prefix}-sdk",
        compute=Compute(instance_type="ml.m5.2xlarge", instance_count=1, volume_size_in_gb=50),
        hyperparameters={"task": "line-recognition", "epochs": options.epochs},
        output_data_config=OutputDataConfig(s3_output_path=options.output),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=DAY),  # an hour by default
        tags=[Tag(key="htrlib", value=options.prefix)],
    )
    metrics = [MetricDefinition(name=m, regex=rf"{m}=([0-9.e+-]+);") for m in METRICS]
    trainer.with_metric_definitions(metrics)
    trainer.train(input_data_config=[InputData(channel_name="train", data_source=options.labels)])
    return str(trainer._latest_training_job.model_artifacts.s3_model_artifacts)


def read(options: argparse.Namespace, model_data: str) -> str:
    """Deploy the model to an endpoint, read a page, and delete both."""
    name = f"{options.prefix}-sdk"
    tags = [Tag(key="htrlib", value=options.prefix)]
    made = []
    try:
        model = Model.create(
            model_name=name,
            primary_container=ContainerDefinition(image=options.image, model_data_url=model_data),
            execution_role_arn=options.serving_role or options.role,
            enable_network_isolation=True,
            tags=tags,
        )
        made.append(model)
        variant = ProductionVariant(
            variant_name="AllTraffic",
            model_name=name,
            initial_instance_count=1,
            instance_type="ml.m5.large",
        )
        made.append(
            EndpointConfig.create(
                endpoint_config_name=name, production_variants=[variant], tags=tags
            )
        )
        endpoint = Endpoint.create(endpoint_name=name, endpoint_config_name=name, tags=tags)
        made.append(endpoint)
        endpoint.wait_for_status("InService")
        answer = endpoint.invoke(
            body=options.page.read_bytes(),
            content_type="application/octet-stream",  # the container looks into it
            accept="text/plain",
        )
        return answer.body.read().decode()
    finally:
        for resource in reversed(made):
            resource.delete()


if __name__ == "__main__":
    main()
