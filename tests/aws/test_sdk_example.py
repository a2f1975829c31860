"""The example for version 3 of SageMaker's own Python library asks for what `htrlib.aws` asks for.

It is run with stand-ins for the library's classes, which take the names that those of the library
take. `test_sdk_libraries` runs the examples with the libraries themselves.
"""

from __future__ import annotations

import runpy
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, Dict, List, Tuple

from htrlib.aws import machines
from htrlib.aws.training import TrainingJobConfig
from tests.aws.conftest import IMAGE, ROLE
from tests.aws.test_examples import LETTER, SAGEMAKER

V3: Dict[str, Tuple[str, ...]] = {
    "sagemaker.train:ModelTrainer": (
        *("training_image", "role", "base_job_name", "compute", "hyperparameters"),
        *("output_data_config", "stopping_condition", "tags"),
    ),
    "sagemaker.core.training.configs:Compute": (
        *("instance_type", "instance_count", "volume_size_in_gb"),
    ),
    "sagemaker.core.training.configs:InputData": ("channel_name", "data_source"),
    "sagemaker.core.training.configs:MetricDefinition": ("name", "regex"),
    "sagemaker.core.training.configs:OutputDataConfig": ("s3_output_path",),
    "sagemaker.core.training.configs:StoppingCondition": ("max_runtime_in_seconds",),
    "sagemaker.core.training.configs:Tag": ("key", "value"),
    "sagemaker.core.shapes:ContainerDefinition": ("image", "model_data_url"),
    "sagemaker.core.shapes:ProductionVariant": (
        *("variant_name", "model_name", "initial_instance_count", "instance_type"),
    ),
    "sagemaker.core.resources:Model": (
        *("model_name", "primary_container", "execution_role_arn"),
        *("enable_network_isolation", "tags"),
    ),
    "sagemaker.core.resources:EndpointConfig": (
        *("endpoint_config_name", "production_variants", "tags"),
    ),
    "sagemaker.core.resources:Endpoint": ("endpoint_name", "endpoint_config_name", "tags"),
}
"""Classes of version 3 that the example uses, and the names that they take."""


def stand_in(place: str, made: List[Any]) -> type:
    """A class that accepts the arguments of a library class and records them."""
    taken = set(V3[place])

    def keep(self: Any, **given: Any) -> None:
        assert set(given) <= taken, f"{place.partition(':')[2]} takes no {set(given) - taken}"
        self.__dict__.update(given)
        made.append(self)

    members: Dict[str, Any] = {"__init__": keep, "deleted": False}
    if place.startswith("sagemaker.core.resources"):
        members["create"] = classmethod(lambda cls, **given: cls(**given))
        members["delete"] = lambda self: self.__dict__.update(deleted=True)
        members["wait_for_status"] = lambda self, status: None
        body = SimpleNamespace(read=lambda: b"read elsewhere\n")
        members["invoke"] = lambda self, body, content_type, accept, answer=body: SimpleNamespace(
            body=answer
        )
    if place.endswith("ModelTrainer"):
        artifacts = SimpleNamespace(s3_model_artifacts="s3://pages/models/a/output/model.tar.gz")
        members["_latest_training_job"] = SimpleNamespace(model_artifacts=artifacts)
        members["with_metric_definitions"] = lambda self, metrics: setattr(self, "metrics", metrics)
        members["train"] = lambda self, input_data_config: setattr(self, "data", input_data_config)
    return type(place.partition(":")[2], (), members)


def test_the_example_for_version_3_asks_for_what_the_library_asks_for(monkeypatch, capsys):
    made: List[Any] = []
    for place in V3:
        module, _, name = place.partition(":")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, package, sys.modules.get(package, ModuleType(package)))
        monkeypatch.setattr(sys.modules[module], name, stand_in(place, made), raising=False)
    account = ["--image", IMAGE, "--role", ROLE, "--output", "s3://pages/models"]
    arguments = ["sdk_v3.py", "s3://pages/labels/", *account, "--page", str(LETTER)]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(SAGEMAKER / "sdk_v3.py"), run_name="__main__")
    assert capsys.readouterr().out.endswith("read elsewhere\n\n")

    by_name = {type(item).__name__: item for item in made}
    trainer, variant = by_name["ModelTrainer"], by_name["ProductionVariant"]
    ours = TrainingJobConfig("htr-own", IMAGE, ROLE, {"train": "s3://pages/labels"}, "s3://pages/m")
    assert (trainer.training_image, trainer.role) == (IMAGE, ROLE)
    assert trainer.compute.instance_type == ours.instance_type
    assert trainer.compute.volume_size_in_gb == ours.volume_gb
    assert trainer.stopping_condition.max_runtime_in_seconds == ours.seconds
    assert trainer.data[0].channel_name == "train"
    assert variant.instance_type == machines.ENDPOINT
    assert by_name["Model"].enable_network_isolation is True
    resources = [item for item in made if hasattr(item, "delete")]
    assert [type(item).__name__ for item in resources] == ["Model", "EndpointConfig", "Endpoint"]
    assert all(item.deleted for item in resources)
