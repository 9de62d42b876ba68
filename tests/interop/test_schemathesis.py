"""schemathesis against a real node: whatever the OpenAPI document allows or forbids, it is answered as documented.

Bounded: every boundary of every field once, and a few fuzzed requests an operation, always the same ones.
"""

import subprocess
import sys
from pathlib import Path
from string import Template

import trio

from engine.cli.client import ApiClient
from engine.config import read_address
from engine.node.data_directory import initialise, read_credentials
from tests.helpers.nodes import CLOCK, serve_process

CONFIG = Template("""
# One: two threads in ast.parse at a time can break CPython 3.11 (gh-106905), and hypothesis calls it.
workers = 1
seed = 1
suppress-health-check = ["all"]
# All that the node answers in time; a hang is a failure.
request-timeout = 20

[headers]
X-Auth-Token = "$token"

# What is there, so that requests reach more than the first look-up.
[parameters]
project_id = "$project_id"
"path.product_id" = "meters"
"path.device_id" = "d1"
"path.task_id" = "$task_id"
"path.certificate_id" = "$certificate_id"

[generation]
deterministic = true
max-examples = 2

[phases.examples]
enabled = false

[phases.stateful]
enabled = false

[checks]
enabled = false
not_a_server_error.enabled = true
status_code_conformance.enabled = true
content_type_conformance.enabled = true
response_schema_conformance.enabled = true

# So deep, or so long, that the boundaries of their fields take a minute.
[[operations]]
include-operation-id = ["CreateProduct", "UpdateProduct", "ListResourcesByTags"]
phases.coverage.enabled = false

# What is there stays there.
[[operations]]
include-operation-id = ["DeleteProduct", "DeleteDevice", "DeleteCertificate", "DeleteBatchTask"]
[operations.parameters]
"path.product_id" = "gone"
"path.device_id" = "gone"
"path.certificate_id" = "gone"
"path.task_id" = "gone"
""")


def stock(api: ApiClient, ca_pem: str) -> dict[str, str]:
    """A record of each kind, and the ids that were allocated."""
    product = {"name": "Meters", "device_type": "Meter", "protocol_type": "MQTT", "data_format": "json"}
    api.post("/products", {**product, "product_id": "meters", "service_capabilities": []})
    api.post("/devices", {"device_id": "d1", "node_id": "d1", "product_id": "meters"})
    task = {"task_name": "Task", "task_type": "freezeDevices", "targets": ["absent"], "need_confirm": True}
    return {
        "task_id": api.post("/batchtasks", task)["task_id"],
        "certificate_id": api.post("/certificates", {"content": ca_pem})["certificate_id"],
    }


def test_no_request_gets_a_server_error_or_an_undocumented_answer(tmp_path: Path) -> None:
    data, config = tmp_path / "data", tmp_path / "schemathesis.toml"
    trio.run(initialise, data, None, CLOCK)
    credentials = read_credentials(data)
    with serve_process(data) as node:
        api = ApiClient(read_address(node.addresses["api"], "api"), credentials)
        ids = stock(api, (data / "tls" / "ca.pem").read_text("ascii"))
        config.write_text(
            CONFIG.substitute(ids, token=credentials.token, project_id=credentials.project_id), encoding="utf-8"
        )
        program = str(Path(sys.executable).with_name("schemathesis"))
        document = f"http://{node.addresses['api']}/openapi.json"
        options = ["--continue-on-failure", "--warnings", "off", "--no-color"]
        done = subprocess.run(
            [program, "--config-file", str(config), "run", document, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        log = node.log.read_text("utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this is a bug" not in log
