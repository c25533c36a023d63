"""What a reader has done so far, in one small file beside the exercises."""
import json

from tinycaps.checkpoint import write_json

STATES = ("tried", "done")


def read_progress(folder):
    """Return the entry of each exercise that was begun.

    Returns
    -------
    dict
        Name to ``{"state": "tried" or "done", "checks": int, "hints": int}``.

    Raises
    ------
    ValueError
        If the file is another one, or torn.
    """
    path = folder / "progress.json"
    try:
        progress = json.loads(path.read_text(encoding="utf-8"))
        whole = all(entry["state"] in STATES and entry["checks"] + entry["hints"] >= 0
                    for entry in progress.values())
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"progress: got {path} with other content, wanted what this command "
                         "wrote; move the file away to begin anew")
    return progress


def note(folder, name, checks=0, hints=0, done=False):
    """Add to the entry of an exercise, and write the file atomically; return the entry.

    What was done once stays done.
    """
    progress = read_progress(folder)
    entry = progress.setdefault(name, {"state": "tried", "checks": 0, "hints": 0})
    entry["checks"] += checks
    entry["hints"] += hints
    if done:
        entry["state"] = "done"
    write_json(folder / "progress.json", progress)
    return entry
