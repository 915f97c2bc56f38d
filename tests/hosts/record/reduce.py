#!/usr/bin/env python3
"""Writes what differs between two recordings as a scenario of tests/hosts.

    reduce.py BASE FAULT SCENARIO [ABOUT]   writes `patch` and `edit` of SCENARIO, and proves that they make FAULT again
    reduce.py --apply BASE SCENARIO         prints the recording that they make

What else stands in SCENARIO stays: its words, its arguments. `patch` is an RFC 7396 merge patch over the recording.
`edit` holds for a long text the few places to change, as pairs of old and new text; each old text occurs exactly
once in the base. What differs between any two looks at the same host (durations, a few blocks of free space) is left
as it was in the base.
"""

import copy
import difflib
import json
import re
import sys
from pathlib import Path

# A text shorter than this is replaced whole.
LONG = 2000
# Durations and moments of the look itself, wherever they stand in an answer.
TIMES = {"us", "max_error_us"}
# Quantities that move by themselves; a fault moves them further than this.
DRIFT = {"available": 32 << 20, "free": 32 << 20, "inodes_available": 200}


def quiet(base, fault, name=None):
    """`fault`, but with the base's values where the two differ by nothing that matters."""
    if isinstance(base, dict) and isinstance(fault, dict):
        return {key: quiet(base[key], value, key) if key in base else value for key, value in fault.items()}
    if name in TIMES and type(base) is type(fault):
        return base
    if name in DRIFT and isinstance(base, int) and isinstance(fault, int) and abs(base - fault) <= DRIFT[name]:
        return base
    return fault


def merge_patch(base, fault):
    """The RFC 7396 patch from one value to the other. A null in the fault is told as the absence of the member."""
    if not isinstance(base, dict) or not isinstance(fault, dict):
        return fault
    patch = {key: None for key in base if key not in fault}
    for key, value in fault.items():
        if key not in base or base[key] != value:
            patch[key] = merge_patch(base.get(key), value)
    return patch


def apply_merge(base, patch):
    if not isinstance(patch, dict):
        return patch
    merged = dict(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge(merged.get(key), value)
    return merged


def text_of(answer):
    """The text of an answer, where it is a text."""
    for key in ("reading", "known", "text"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    return answer if isinstance(answer, str) else None


def with_text(answer, text):
    answer = copy.deepcopy(answer)
    answer["reading"]["known"]["text"] = text
    return answer


def edits(old, new):
    """Pairs of old and new text, each old one unique in the whole; None where that takes the whole text."""
    # A reply of OVSDB is one line: cut it at its commas.
    cut = (lambda text: text.splitlines(keepends=True)) if old.count("\n") > 20 else (lambda text: re.findall(r"[^,]*,|[^,]+", text))
    before, after = cut(old), cut(new)
    opcodes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    places = [list(code[1:]) for code in opcodes if code[0] != "equal"]

    def unique(place):
        text = "".join(before[place[0] : place[1]])
        # Two occurrences may overlap, which `count` does not see.
        return text != "" and old.find(text) == old.rfind(text)

    index = 0
    while index < len(places):
        place = places[index]
        if unique(place):
            index += 1
            continue
        if place[0] == 0 and place[1] == len(before):
            return None
        # One more piece at either side; a place that now meets its neighbour becomes one with it.
        if place[0] > 0:
            place[0], place[2] = place[0] - 1, place[2] - 1
        if place[1] < len(before):
            place[1], place[3] = place[1] + 1, place[3] + 1
        if index + 1 < len(places) and places[index + 1][0] < place[1]:
            follower = places.pop(index + 1)
            place[1], place[3] = follower[1], follower[3]
        if index > 0 and place[0] < places[index - 1][1]:
            leader = places.pop(index - 1)
            place[0], place[2] = leader[0], leader[2]
            index -= 1
    pairs = [["".join(before[a:b]), "".join(after[c:d])] for a, b, c, d in places]
    try:
        return pairs if apply_edits(old, pairs) == new else None
    except ValueError:
        # What one edit wrote looks like what the next one looks for.
        return None


def apply_edits(text, pairs):
    for old, new in pairs:
        if text.count(old) != 1:
            raise ValueError(f"occurs {text.count(old)} times, not once: {old[:80]!r}")
        text = text.replace(old, new)
    return text


def reduce(base, fault):
    """The members `patch` and `edit` of a scenario."""
    answers, edit = {key: None for key in base["answers"] if key not in fault["answers"]}, {}
    for key, answer in fault["answers"].items():
        known = base["answers"].get(key)
        old, new = text_of(known), text_of(answer)
        if old != new and None not in (old, new) and len(old) >= LONG:
            pairs = edits(old, new)
            if pairs and len(json.dumps(pairs)) < len(json.dumps(new)) / 2:
                edit[key] = pairs
                answer = with_text(answer, old)
        if known != answer:
            answers[key] = merge_patch(known, answer)
    return {"patch": {"answers": answers}} | ({"edit": edit} if edit else {})


def apply(base, scenario):
    recording = apply_merge(base, scenario.get("patch", {}))
    for key, pairs in scenario.get("edit", {}).items():
        answer = recording["answers"][key]
        recording["answers"][key] = with_text(answer, apply_edits(text_of(answer), pairs))
    return recording


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(member) for key, member in value.items() if member is not None}
    return value


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(arguments):
    if len(arguments) == 3 and arguments[0] == "--apply":
        json.dump(apply(load(arguments[1]), load(arguments[2])), sys.stdout, indent=1)
        return
    if len(arguments) not in (3, 4) or arguments[0].startswith("-"):
        sys.exit(__doc__)
    base, fault, path = load(arguments[0]), load(arguments[1]), Path(arguments[2])
    # The rest of a bundle is what hostready made of the answers, and goes stale with every change of its checks.
    fault["answers"] = quiet(base["answers"], fault["answers"])
    reduced = reduce(base, fault)
    if without_nulls(apply(base, reduced)["answers"]) != without_nulls(fault["answers"]):
        sys.exit(f"{path}: the patch does not make the recording again")
    scenario = {"about": arguments[3] if len(arguments) == 4 else "", "base": Path(arguments[0]).stem}
    if path.exists():
        scenario |= {key: value for key, value in load(path).items() if key not in ("patch", "edit")}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(scenario | reduced, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
