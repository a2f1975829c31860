"""A client for SageMaker endpoints, with the results of `htrlib.transcribe`."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from htrlib import client
from htrlib.aws.session import Aws
from htrlib.client import (
    BusyError,
    HttpTransport,
    Picture,
    ReadingRequest,
    RefusedRequestError,
    Result,
    encode,
)
from htrlib.document.geometry import Size
from htrlib.document.results import PageResult
from htrlib.errors import AwsAccessError, AwsError, AwsNotFoundError, ConfigError, HtrError

SERVERLESS_BYTES = 4 << 20
"""Largest request that a serverless endpoint accepts."""

_BUSY_CODES = {
    *("ModelNotReadyException", "ServiceUnavailable", "InternalFailure"),
    *("Throttling", "ThrottlingException", "TooManyRequestsException"),
}


class SageMakerTransport:
    """Carries requests to an endpoint of SageMaker."""

    def __init__(self, endpoint: str, aws: Aws) -> None:
        self.name = f"endpoint {endpoint}"
        self._endpoint = endpoint
        self._aws = aws

    def send(self, request: ReadingRequest) -> bytes:
        """Send a request and return the body of the answer. Raises as `Transport.send`."""
        from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError

        parameters = self._parameters(request)
        busy = False
        try:
            with self._aws.explained("sagemaker-runtime", "invoke_endpoint", parameters):
                try:
                    runtime = self._aws.client("sagemaker-runtime")
                    answer = runtime.invoke_endpoint(Body=request.body, **parameters)
                    data: bytes = answer["Body"].read()
                    return data
                except ClientError as error:
                    refused = error.response
                    code = refused.get("Error", {}).get("Code", "")
                    busy = code in _BUSY_CODES
                    if code != "ModelError":
                        raise
                except HTTPClientError as error:
                    busy = not isinstance(error, ReadTimeoutError)
                    raise
        except HtrError as error:
            if busy:
                raise BusyError(error) from None
            raise
        status = int(refused.get("OriginalStatusCode", 500))
        raise RefusedRequestError(status, str(refused.get("OriginalMessage", "")))

    def _parameters(self, request: ReadingRequest) -> Dict[str, Any]:
        parameters: Dict[str, Any] = {
            "EndpointName": self._endpoint,
            "ContentType": request.content_type,
            "Accept": "application/json",
        }
        if request.attributes:
            parameters["CustomAttributes"] = request.attributes
        if request.target_model is not None:
            parameters["TargetModel"] = request.target_model
        return parameters


class EndpointClient(client.EndpointClient):
    """Reads pages with an endpoint of SageMaker.

    The client retries for about a minute while the endpoint is busy or starting. It does not retry
    a request that timed out, which would time out again.

    Its methods raise AwsError and AwsNotFoundError where `htrlib.client.EndpointClient` raises
    EndpointError and EndpointNotFoundError.

    Args:
        name: name of the endpoint.
        region: region of the endpoint; None means that of the environment.
        url: address of a server that stands in for the endpoint; needs no account.
        aws: the account; None means the one of the environment.
    Raises:
        ConfigError: neither or both of `name` and `url` are given.
        AwsError: see `Aws`.
    """

    _failure = AwsError
    _not_found = AwsNotFoundError

    def __init__(
        self,
        name: Optional[str] = None,
        *,
        region: Optional[str] = None,
        url: Optional[str] = None,
        aws: Optional[Aws] = None,
    ) -> None:
        if (name is None) == (url is None):
            raise ConfigError("give either the name of an endpoint or the URL of a server")
        self._name = name or ""
        self._aws = (aws or Aws(region)) if url is None else None
        if self._aws is None:
            self._transport = HttpTransport(str(url), AwsError)
        else:
            self._transport = SageMakerTransport(self._name, self._aws)
        self._serverless: Optional[bool] = None

    def _encode(self, picture: Picture) -> Tuple[bytes, str]:
        body, content_type = super()._encode(picture)
        if len(body) > SERVERLESS_BYTES and self._is_serverless():
            return encode(picture, SERVERLESS_BYTES)
        return body, content_type

    def _result(self, answer: bytes) -> Result:
        if self._aws is not None and self._aws.dry:
            return PageResult(Size(1, 1))
        return super()._result(answer)

    def _is_serverless(self) -> bool:
        """Return whether the endpoint is serverless; False if the account may not describe it."""
        if self._aws is None:
            return False
        if self._serverless is None:
            try:
                found = self._aws.find("sagemaker", "describe_endpoint", EndpointName=self._name)
            except AwsAccessError:
                found = None
            variants = (found or {}).get("ProductionVariants") or [{}]
            self._serverless = "CurrentServerlessConfig" in variants[0]
        return self._serverless
