"""Every table of the switch's database, row by row and column by column, but for what the daemons write there."""
import json
import subprocess

# What is given out anew to each row, counted, or measured.
OF_DAEMONS = {"ofport", "cur_cfg", "next_cfg", "statistics", "bond_active_slave", "cfm_flap_count"}


def said(*argv):
    return json.loads(subprocess.run(["ovsdb-client", "--timeout=10", *argv], check=True, stdout=-1).stdout)


schema = said("get-schema")
tables = sorted(schema["tables"])
select = [{"op": "select", "table": table, "where": []} for table in tables]
result = said("transact", json.dumps(["Open_vSwitch", *select]))
rows = {row["_uuid"][1]: (table, row) for table, part in zip(tables, result) for row in part["rows"]}


def value(it):
    """uuids are new in every database: what has a name is called by it, all else by what it holds."""
    if not isinstance(it, list):
        return it
    tag, content = it
    if tag == "uuid":
        table, row = rows.get(content, ("gone", {}))
        return [table, row["name"]] if "name" in row else [table, dict(columns(table, row))]
    if tag == "map":
        return sorted(([value(key), value(of)] for key, of in content), key=json.dumps)
    return sorted((value(one) for one in content), key=json.dumps)


def columns(table, row):
    for name, column in sorted(schema["tables"][table]["columns"].items()):
        if not column.get("ephemeral") and name not in OF_DAEMONS:
            held = value(row[name])
            # A set of one stands bare, or not.
            yield name, held[0] if isinstance(held, list) and len(held) == 1 and row[name][0] == "set" else held


lines = []
for table, row in rows.values():
    name = row.get("name", "-")
    held = [(column, of) for column, of in columns(table, row) if of not in ([], "", False, 0)]
    if name == "-":
        lines.append(f"{table} {json.dumps(held)}")
    else:
        lines += [f"{table} {name} {column} {json.dumps(of)}" for column, of in held]
print("\n".join(sorted(lines)))
