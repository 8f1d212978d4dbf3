"""The step plugin `line-count`: counts the lines that a command prints, and warns when there are too many."""

import json

import wit_world
from componentize_py_types import Err
from wit_world.imports import command, log, properties
from wit_world.imports.types import PluginError_Failed
from wit_world.exports.metadata import Capability, Descriptor
from wit_world.exports.step_handler import Context, Outcome, Outcome_Finished, ResultRecord, Verdict

# What stands under `with`. `weir check` reads people's configuration by it, so write the descriptions for those people.
SETTINGS = {
    "type": "object",
    "properties": {
        "command": {"type": "string", "minLength": 1, "format": "shell", "description": "A line for the shell."},
        "property": {
            "type": "string",
            "minLength": 1,
            "default": "n_lines",
            "description": "The property that gets the number.",
        },
        "max": {"type": "integer", "minimum": 0, "description": "More lines than this are a warning."},
    },
    "required": ["command"],
    "additionalProperties": False,
}


class Metadata(wit_world.exports.Metadata):
    def describe(self) -> Descriptor:
        capability = Capability(kind="command", params="{}", reason="runs the command whose lines it counts")
        return Descriptor(
            name="line-count",
            version="0.1.0",
            kind="step",
            summary="Counts the lines that a command prints",
            settings_schema=json.dumps(SETTINGS),
            capabilities=[capability],
            extra=[],
        )


class StepHandler(wit_world.exports.StepHandler):
    def run(self, ctx: Context) -> Outcome:
        try:
            return step(json.loads(ctx.settings))
        except Err as error:
            # The host's errors are variants: the class is the case, `value` what it says. Told again as one of the step's own.
            raise Err(PluginError_Failed(str(getattr(error.value, "value", error.value))))
        except Exception as error:
            # An exception that leaves the step would only say "unreachable".
            raise Err(PluginError_Failed(f"{type(error).__name__}: {error}"))


def step(settings: dict) -> Outcome:
    lines, end = count(settings["command"])
    properties.set(settings.get("property", "n_lines"), json.dumps(lines))
    log.write([log.Line(log.Level.INFO, f"{lines} lines")])
    if end != command.Exit_Code(0):
        return finished(Verdict.FAILURE, f"the command ended with {end}")
    if "max" in settings and lines > settings["max"]:
        return finished(Verdict.WARNINGS, f"{lines} lines, more than {settings['max']}")
    return finished(Verdict.SUCCESS, f"{lines} lines")


def count(line: str) -> tuple[int, command.Exit]:
    """Runs a line of the shell and counts what it prints to standard output; all of it goes to the log as well."""
    spec = command.Spec(
        what=command.What_Shell(line),
        directory=None,
        env=[],
        stdin=None,
        log=None,
        output=command.OutputMode.BOTH,
        timeout=None,
        idle_timeout=None,
        extra=[],
    )
    lines = 0
    with command.start(spec) as running:
        while True:
            event = running.next(None)
            if isinstance(event, command.Event_Exited):
                return lines, event.value
            if isinstance(event, command.Event_Output) and event.value.source == command.Channel.STDOUT:
                lines += event.value.bytes.count(b"\n")


def finished(verdict: Verdict, summary: str) -> Outcome:
    return Outcome_Finished(ResultRecord(verdict=verdict, summary=summary, extra=[]))
