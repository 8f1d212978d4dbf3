// The step plugin `line-count`: counts the lines that a command prints, and warns when there are too many.

import { write } from "weir:plugin/log@0.1.0";
import { set } from "weir:plugin/properties@0.1.0";
import { start } from "weir:plugin/command@0.1.0";

// What stands under `with`. `weir check` reads people's configuration by it, so write the descriptions for those people.
const SETTINGS = {
  type: "object",
  properties: {
    command: { type: "string", minLength: 1, format: "shell", description: "A line for the shell." },
    property: { type: "string", minLength: 1, default: "n_lines", description: "The property that gets the number." },
    max: { type: "integer", minimum: 0, description: "More lines than this are a warning." },
  },
  required: ["command"],
  additionalProperties: false,
};

export const metadata = {
  describe() {
    return {
      name: "line-count",
      version: "0.1.0",
      kind: "step",
      summary: "Counts the lines that a command prints",
      settingsSchema: JSON.stringify(SETTINGS),
      capabilities: [{ kind: "command", params: "{}", reason: "runs the command whose lines it counts" }],
      extra: [],
    };
  },
};

export const stepHandler = {
  run(context) {
    const settings = JSON.parse(context.settings);
    const { lines, exit } = count(settings.command);
    say("info", `${lines} lines`);
    asFailed("the property", () => set(settings.property ?? "n_lines", JSON.stringify(lines)));
    const summary = `${lines} lines`;
    if (exit.tag !== "code" || exit.val !== 0) {
      return finished("failure", `the command ended with ${exit.tag} ${exit.val ?? ""}`.trim());
    }
    const isOver = settings.max !== undefined && lines > settings.max;
    return isOver ? finished("warnings", `${summary}, more than ${settings.max}`) : finished("success", summary);
  },
};

/** Runs a line of the shell and counts what it prints to standard output; the rest goes to the log as it comes. */
function count(line) {
  const spec = {
    what: { tag: "shell", val: line },
    directory: undefined,
    env: [],
    stdin: undefined,
    log: undefined,
    output: "both",
    timeout: undefined,
    idleTimeout: undefined,
    extra: [],
  };
  const running = asFailed("the command", () => start(spec));
  let lines = 0;
  for (;;) {
    const event = asFailed("the command", () => running.next(undefined));
    if (event.tag === "exited") return { lines, exit: event.val };
    if (event.tag === "output" && event.val.source === "stdout") {
      lines += event.val.bytes.reduce((n, byte) => (byte === 10 ? n + 1 : n), 0);
    }
  }
}

/** The host's errors are variants: an object with `tag` and `val`. One that we do not expect ends the step, with what it said. */
function asFailed(what, call) {
  try {
    return call();
  } catch (error) {
    const { tag, val } = error.payload ?? error;
    throw { tag: "failed", val: tag === "denied" ? val : `${what}: ${val ?? tag ?? error}` };
  }
}

function say(level, text) {
  write([{ level, text }]);
}

function finished(verdict, summary) {
  return { tag: "finished", val: { verdict, summary, extra: [] } };
}
