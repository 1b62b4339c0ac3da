"""What trackers hold, read with the libraries' own means."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from followed import Told, fact, single


def read_tensorboard(folder: Path) -> dict[str, Told]:
    """Every folder of events, as TensorBoard reads it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for place in (folder / "first" / "tensorboard").iterdir():
        events = EventAccumulator(str(place), {"scalars": 0, "tensors": 0}).Reload()
        metrics = {
            tag.replace("top_1", "top@1"): [
                (event.step, single(event.value)) for event in events.Scalars(tag)
            ]
            for tag in events.Tags()["scalars"]
        }
        states = [event.tensor_proto.string_val[0].decode() for event in events.Tensors("state/text_summary")]
        state, _, reason = states[-1].partition(": ")
        facts = _hparams(events)
        found[place.name] = Told(metrics, facts, facts["stage"], state, reason)
    return found


def _hparams(events: Any) -> dict[str, str]:
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: fact(getattr(value, str(value.WhichOneof("kind")))) for name, value in found.items()}


def read_mlflow(folder: Path) -> dict[str, Told]:
    """Every run of the experiment, asked from MLflow: from a database if there is one, else from a store of files."""
    from mlflow.tracking import MlflowClient

    database = folder / "mlflow.db"
    client = MlflowClient(
        tracking_uri=f"sqlite:///{database}" if database.exists() else f"file://{folder}/mlruns"
    )
    (experiment,) = client.search_experiments(filter_string="name = 'first'")
    found: dict[str, Told] = {}
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        metrics = {
            name.replace("top_1", "top@1"): sorted(
                (metric.step, single(metric.value))
                for metric in client.get_metric_history(run.info.run_id, name)
            )
            for name in run.data.metrics
        }
        tags = run.data.tags
        assert run.info.run_name == tags["automix.job"] not in found
        wanted = {"failed": "FAILED", "interrupted": "KILLED"}.get(tags["automix.state"], "FINISHED")
        assert run.info.status == wanted
        assert run.info.end_time >= run.info.start_time
        facts = {name: fact(_number(value)) for name, value in run.data.params.items()}
        told = Told(metrics, facts, tags["automix.stage"], tags["automix.state"], tags["automix.reason"])
        found[run.info.run_name] = told
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def read_wandb(folder: Path) -> dict[str, Told]:
    """Every offline run of the run folder."""
    found: dict[str, Told] = {}
    for file in (folder / "first" / "wandb").glob("offline-run-*/*.wandb"):
        metrics: dict[str, list[tuple[int, float]]] = {}
        facts, summary, name, stage = {}, {}, "", ""
        for record in wandb_records(file):
            if record.HasField("run"):
                name, (stage,) = record.run.display_name, record.run.tags
                assert record.run.run_group == "first"
                facts = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            for item in record.summary.update:
                summary[item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
            values = {
                item.key or ".".join(item.nested_key): json.loads(item.value_json)
                for item in record.history.item
            }
            for metric in values.keys() - {key for key in values if key.startswith("_")}:
                metrics.setdefault(metric, []).append((record.history.step.num, single(values[metric])))
        assert facts.pop("policy")["loss"]["kind"] == "soft_cross_entropy"
        facts = {key: fact(value) for key, value in facts.items() if not key.startswith("_")}
        assert name not in found
        found[name] = Told(metrics, facts, stage, summary["state"], summary["reason"])
    return found


def wandb_records(file: Path) -> Iterator[Any]:
    """The records of an offline run: LevelDB's log format, blocks of 32 KiB, after a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(content):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        parts += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""
