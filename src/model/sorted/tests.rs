use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Numbers that come in no order.
fn numbers(count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(|number| number * 7919 % 1200)
}

#[test]
fn a_map_is_what_a_tree_would_be() {
    let (mut tree, mut map) = (BTreeMap::new(), SortedMap::new());
    for (index, number) in numbers(3000).enumerate() {
        let key = number.to_string();
        match index % 4 {
            0 => assert_eq!(map.remove(&key), tree.remove(&key)),
            1 => *map.entry(key.clone()).and_modify(|it| *it += 1).or_default() += index,
            _ => assert_eq!(map.insert(key.clone(), index), tree.insert(key.clone(), index)),
        }
        if index % 4 == 1 {
            *tree.entry(key.clone()).and_modify(|it| *it += 1).or_default() += index;
        }
        assert_eq!(map.get(&key), tree.get(&key));
        assert_eq!(map.contains_key(key.as_str()), tree.contains_key(key.as_str()));
    }
    assert!(map.iter().eq(&tree) && map.iter().rev().eq(tree.iter().rev()));
    assert_eq!((map.len(), map.first_key_value()), (tree.len(), tree.first_key_value()));
    map.retain(|key, value| {
        *value += 1;
        key.len() > 1
    });
    tree.retain(|key, value| {
        *value += 1;
        key.len() > 1
    });
    map.values_mut().zip(tree.values_mut()).for_each(|(one, other)| assert_eq!(one, other));
    let text = serde_json::to_string(&map).unwrap();
    assert_eq!(text, serde_json::to_string(&tree).unwrap());
    assert_eq!(serde_json::from_str::<SortedMap<String, usize>>(&text).unwrap(), map);
    assert!(map.clone().into_iter().eq(tree.clone()));
    assert_eq!(map, tree.into_iter().collect(), "two that were filled in another order");
    let twice = || numbers(2000).enumerate().map(|(index, number)| (number, index));
    assert!(twice().collect::<SortedMap<_, _>>().into_iter().eq(twice().collect::<BTreeMap<_, _>>()));
    assert!(serde_json::from_str::<SortedMap<String, usize>>("{\"a\": 1, \"b\": []}").is_err());
}

#[test]
fn a_set_is_what_a_tree_would_be() {
    let (mut tree, mut set) = (BTreeSet::new(), SortedSet::new());
    for (index, number) in numbers(3000).enumerate() {
        match index % 3 {
            0 => assert_eq!(set.remove(&number), tree.remove(&number)),
            _ => assert_eq!(set.insert(number), tree.insert(number)),
        }
        assert_eq!(set.contains(&index), tree.contains(&index));
    }
    assert!(set.iter().eq(&tree));
    assert_eq!((set.first(), set.last(), set.len()), (tree.first(), tree.last(), tree.len()));
    assert!(set.into_iter().eq(tree));
}
