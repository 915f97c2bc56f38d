//! Attributes of a row that become others, and back.

use serde_json::{Map, Value, json};

use super::{MIRRORS, Rows, SWITCH, as_read, has_secret, is_named, raw, row_of, switch, told, unset, wait_while};
use crate::facts::ovs::Datum;
use crate::facts::wiring::{Attributes, Row, Wiring, changes};
use crate::fix::action::Context;
use crate::judge::kept::ovs_bridges;
use crate::judge::kept::ovs_ports::by_hand::CONTROLLERS;
use crate::model::plan::Step;
use crate::model::run::Holds;

/// A row at one moment.
#[derive(Clone, Copy)]
pub struct Moment<'r, 'a> {
    pub wiring: &'r Wiring<'a>,
    pub row: &'r Row<'a>,
}

/// Sets what is otherwise `now` back to what it was `then`; nothing where nothing is. `Err` says why it must not be.
pub fn set_back(
    table: &str,
    name: &str,
    (then, now): (Moment<'_, '_>, Moment<'_, '_>),
    is_meant: impl Fn(&str) -> bool,
    context: &Context<'_>,
) -> Result<Option<Step>, String> {
    let of = |it: Moment<'_, '_>| ovs_bridges::attributes_of(it.wiring, it.row, table, name);
    let mut differ = changes(&of(then), &of(now));
    differ.retain(|key, _| is_meant(key));
    if differ.is_empty() {
        return Ok(None);
    }
    let (mut was, mut is) = (Attributes::new(), Attributes::new());
    for (key, (then, now)) in &differ {
        was.insert(key.clone(), then.clone());
        is.insert(key.clone(), now.clone());
    }
    let named = if table == SWITCH { SWITCH.to_owned() } else { format!("{table} {name}") };
    let words = |to: &Attributes| vec![format!("{named}: {}", told(to))];
    let change = Change { table, name, now: context.facts.wiring().known(), at: context.facts.run.asked_at };
    let (forth, removals) = change.operations((now, then), &was, true)?;
    let (mut back, _) = change.operations((then, now), &is, false)?;
    back.extend(removals);
    let has = |to: Attributes| Holds::SwitchRow {
        table: table.to_owned(),
        name: name.to_owned(),
        has: to.into_iter().collect(),
    };
    let does = switch(context, words(&was), forth, has(was.clone()));
    let undoes = vec![switch(context, words(&is), back, has(is.clone()))];
    Ok(Some(Step { does, undoes }))
}

/// Attributes of one row that become others.
struct Change<'c> {
    table: &'c str,
    name: &'c str,
    now: Option<&'c Wiring<'c>>,
    at: &'c str,
}

impl Change<'_> {
    /// What brings `to`'s values into the columns of these attributes where they still are as in `from`, and what takes
    /// the rows away that are made for it. `is_read` is `from` where it was read from the switch as it is.
    fn operations(
        &self,
        (from, to): (Moment<'_, '_>, Moment<'_, '_>),
        attributes: &Attributes,
        is_read: bool,
    ) -> Result<(Vec<Value>, Vec<Value>), String> {
        let (table, name) = (self.table, self.name);
        let mut rows = Rows::of(to.wiring, self.now, self.at);
        let (mut plain, mut conditions, mut mutations) = (Map::new(), Vec::new(), Vec::new());
        for key in attributes.keys() {
            let (column, of_map) =
                key.split_once(':').map_or((key.as_str(), None), |(column, key)| (column, Some(key)));
            let Some(of_map) = of_map else {
                let (column, value) = self.value(column, to, &mut rows)?;
                let was = as_read(from.row, column);
                // What a secret stands beside is not written into a journal. What rows are called that are made by then is not
                // known.
                if !has_secret(&was) && (is_read || !was.to_string().contains("\"uuid\"")) {
                    conditions.push(json!([column, "==", was]));
                }
                plain.insert(column.to_owned(), value.unwrap_or_else(|| unset(column)));
                continue;
            };
            if let Some((key, value)) = pair(from.row, column, of_map) {
                let was = json!(["map", [[key, raw(&value)]]]);
                let is_known = !has_secret(&was) && (is_read || !matches!(value, Datum::Uuid(_)));
                mutations.push(json!([column, "delete", if is_known { was.clone() } else { json!(["set", [key]]) }]));
                conditions.extend(is_known.then(|| json!([column, "includes", was])));
            }
            if let Some((own, value)) = pair(to.row, column, of_map)
                && let Some(value) = rows.value(name, key, &value)
            {
                mutations.push(json!([column, "insert", ["map", [[own, value]]]]));
            }
        }
        if let Some(why) = rows.refused() {
            return Err(why);
        }
        let condition = is_named(table, name);
        conditions.extend(condition.as_array().into_iter().flatten().cloned());
        let mut operations = vec![wait_while(table, &Value::from(conditions))];
        operations.extend(rows.operations);
        if !plain.is_empty() {
            operations.push(json!({"op": "update", "table": table, "where": condition, "row": plain}));
        }
        if !mutations.is_empty() {
            operations.push(json!({"op": "mutate", "table": table, "where": condition, "mutations": mutations}));
        }
        match operations.iter().any(has_secret) {
            true => Err(format!("it would write a secret of {name} into the journal: set it by hand")),
            false => Ok((operations, rows.removals)),
        }
    }

    /// The column of an attribute, and what it is to hold; none where nothing is set.
    fn value<'k, 'a>(
        &self,
        key: &'k str,
        to: Moment<'_, 'a>,
        rows: &mut Rows<'_, 'a>,
    ) -> Result<(&'k str, Option<Value>), String> {
        let bridge = to.wiring.bridges.get(self.name).filter(|_| self.table == "Bridge");
        let now = self.now.and_then(|now| now.bridges.get(self.name));
        Ok(match (key, bridge) {
            (CONTROLLERS, Some(bridge)) => ("controller", Some(json!(["set", rows.controllers(&bridge.controllers)]))),
            (MIRRORS, _) => {
                let is_there = |port: &str| now.is_some_and(|now| now.ports.contains_key(port));
                let mirrors = rows.mirrors(to.row, |port| is_there(port).then(|| row_of("Port", port)));
                let is_gone = |why| format!("{why}, which is not on {}: it comes first", self.name);
                (MIRRORS, Some(json!(["set", mirrors.collect::<Result<Vec<_>, _>>().map_err(is_gone)?])))
            }
            _ => (key, to.row.column(key).and_then(|datum| rows.value(self.name, key, &datum))),
        })
    }
}

/// What a map of a row holds under this key, and the key as the server has it.
fn pair<'a>(row: &Row<'a>, column: &str, key: &str) -> Option<(Value, Datum<'a>)> {
    let Some(Datum::Map(pairs)) = row.column(column) else { return None };
    let word = |own: &Value| own.as_str().map_or_else(|| own.to_string(), str::to_owned);
    pairs.into_iter().map(|(own, value)| (raw(&own), value)).find(|(own, _)| word(own) == key)
}
