"""The unmodified huaweicloudsdkiotda against a running node, in its three ways of saying who asks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar, get_args

import trio
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkiotda.v5 import IoTDAClient

from engine.node.data_directory import Credentials
from tests.helpers.nodes import RunningNode

T = TypeVar("T")

Mode = Literal["ak/sk", "derived", "token"]
MODES: tuple[Mode, ...] = get_args(Mode)
REGION = "cn-north-4"


def sdk_client(running: RunningNode, mode: Mode = "ak/sk", credentials: Credentials | None = None) -> IoTDAClient:
    """A client of the node, with the credentials of its project unless others are given. Blocks when it is used.

    In mode "token" every call carries X-Auth-Token, and an Authorization that keeps the SDK from signing.
    """
    credentials = credentials or running.credentials
    keys = BasicCredentials(credentials.access_key, credentials.secret_key, credentials.project_id)
    endpoint = f"http://{running.address('api')}"
    builder = IoTDAClient.new_builder()
    if mode == "derived":
        derived = keys.with_derived_predicate(lambda _request: True)
        return builder.with_credentials(derived).with_region(Region(REGION, endpoint)).build()
    client = builder.with_credentials(keys).with_endpoint(endpoint).build()
    if mode == "token":
        client.preset_headers = {"X-Auth-Token": credentials.token, "Authorization": "none"}
    return client


@contextmanager
def open_sdk_client(
    running: RunningNode, mode: Mode = "ak/sk", credentials: Credentials | None = None
) -> Iterator[IoTDAClient]:
    """As sdk_client; its connections and threads end with the block."""
    client = sdk_client(running, mode, credentials)
    http_client = client.get_http_client()
    try:
        yield client
    finally:
        http_client.close()
        http_client.executor.shutdown()


async def call(
    running: RunningNode, mode: Mode, work: Callable[[IoTDAClient], T], credentials: Credentials | None = None
) -> T:
    """What `work` answers of a client; it runs in a thread, so that the node runs on in ours.

    `await call(running, "ak/sk", lambda client: client.list_devices(ListDevicesRequest()))`. What the API refuses
    comes out as huaweicloudsdkcore.exceptions.exceptions.ServiceResponseException.
    """

    def in_thread() -> T:
        with open_sdk_client(running, mode, credentials) as client:
            return work(client)

    return await trio.to_thread.run_sync(in_thread)
