#!/usr/bin/env python3
"""assemble.py names|cases < what `guest` printed: as JSON, for the unit tests of facts/."""

import json
import sys


def sections():
    head, lines = None, []
    for line in sys.stdin.read().split("\n"):
        if line.startswith("### "):
            if head is not None:
                yield head, lines
            head, lines = line[4:].split(" "), []
        else:
            lines.append(line)
    yield head, lines


def known(lines):
    answer = json.loads("\n".join(lines))["known"]
    return next(iter(answer.values()))


def names():
    links, nics = {}, {}
    for head, lines in sections():
        match head:
            case ["links"]:
                links = known(lines)
            case ["nic", name]:
                nics[name] = {"link": links[name], "nic": known(lines), "udev": {}}
            case ["udev", release, name, scheme]:
                found = dict(line.split("=", 1) for line in lines if line)
                # A udev that does not know a scheme follows its own.
                if found.pop("ID_NET_NAMING_SCHEME", None) == scheme:
                    found.pop("ID_NET_NAME_MAC", None)
                    nics[name]["udev"].setdefault(release, {})[scheme] = found
    return nics


def cases():
    cases, line_of_kernel = [], ""
    for head, lines in sections():
        text = "\n".join(lines)
        match head:
            case ["command", "line"]:
                line_of_kernel = text
            case ["case", *words]:
                cases.append({"about": " ".join(words), "outcomes": {}, "files": {}})
            case ["outcome", nic]:
                outcome = {"name": None, "by": None, "link_file": None}
                for line in filter(None, lines):
                    if line.startswith("ID_NET_LINK_FILE="):
                        outcome["link_file"] = line.split("=", 1)[1]
                    else:
                        outcome["name"], outcome["by"] = line.split(" ", 1)
                cases[-1]["outcomes"][nic] = outcome
            case ["file", path]:
                cases[-1]["files"][path] = text
    return {"command_line": line_of_kernel, "cases": cases}


json.dump({"names": names, "cases": cases}[sys.argv[1]](), sys.stdout, indent=1, sort_keys=True)
print()
