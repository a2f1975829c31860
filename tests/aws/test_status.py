from __future__ import annotations

import pytest

from htrlib.aws.status import Row, list_kind
from tests.aws.front import answer

LISTS = {
    "training": ("TrainingJob", "TrainingJobSummaries"),
    "labeling": ("LabelingJob", "LabelingJobSummaryList"),
    "batch": ("TransformJob", "TransformJobSummaries"),
}


def entries(noun, numbers, status="InService"):
    return [{f"{noun}Name": f"{n}", f"{noun}Status": status} for n in numbers]


def test_no_endpoint_is_left_out_since_each_costs(front, aws):
    pages = (entries("Endpoint", range(100)), entries("Endpoint", range(100, 103)))
    front.answers(
        "ListEndpoints", {"Endpoints": pages[0], "NextToken": "more"}, {"Endpoints": pages[1]}
    )
    rows = list_kind("endpoint", aws)
    assert rows == tuple(Row("endpoint", f"{n}", "InService") for n in range(103))


@pytest.mark.parametrize("kind", LISTS)
def test_a_job_in_progress_is_listed_however_many_are_newer(front, aws, kind):
    noun, key = LISTS[kind]
    running, ended = entries(noun, [20, 3], "InProgress"), entries(noun, [19, 18], "Completed")

    def listed(request):
        if request.operation != f"List{noun}s":
            return None
        asked = request.parameters
        assert (asked["SortBy"], asked["SortOrder"]) == ("CreationTime", "Descending")
        newest = [*running[:1], *ended]
        return answer({key: running if asked.get("StatusEquals") == "InProgress" else newest})

    front.rules.append(listed)
    assert [(row.name, row.status) for row in list_kind(kind, aws)] == [
        *(("20", "InProgress"), ("3", "InProgress")),
        *(("19", "Completed"), ("18", "Completed")),
    ]
