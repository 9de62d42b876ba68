"""Liveness, readiness and metrics, without a token."""

from prometheus_client.parser import text_string_to_metric_families

from engine.observe.health import ListenerState
from engine.verdict.outcome import Reason
from tests.api.conftest import Api


async def test_livez_needs_no_token(api: Api):
    response = await api.client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"alive": True})


async def test_readyz_tells_the_state_of_everything(api: Api):
    health = api.services.health
    health.note_listener("mqtt", ListenerState.STARTING)
    assert (await api.client.get("/readyz")).status_code == 503
    health.note_listener("mqtt", ListenerState.SERVING)
    ready = await api.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "ready": True,
        "draining": False,
        "listeners": {"mqtt": "serving"},
        "registry": "ok",
        "loop_lag_seconds": 0.0,
    }
    health.note_draining()
    draining = await api.client.get("/readyz")
    assert (draining.status_code, draining.json()["draining"]) == (503, True)


async def test_readyz_knows_when_the_registry_is_gone(api: Api):
    await api.store.close()
    response = await api.client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["registry"] == "unavailable"
    assert (await api.client.get("/livez")).status_code == 200


async def test_metrics_are_prometheus_text(api: Api):
    api.services.metrics.listener("mqtt", "mqtt").verdict(Reason.WRONG_SECRET, 0.001)
    response = await api.client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=1.0.0; charset=utf-8"
    families = {family.name for family in text_string_to_metric_families(response.text)}
    assert {"keyturn_verdicts", "keyturn_verdict_seconds", "keyturn_sessions"} <= families
    assert 'keyturn_verdicts_total{listener="mqtt",protocol="mqtt",reason="wrong_secret"} 1.0' in response.text
