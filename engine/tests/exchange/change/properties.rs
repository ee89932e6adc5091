//! Whatever the body: what is set is set, and nothing else changes.

use super::*;
use proptest::prelude::*;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c\"\\\\é]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[ab]", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

/// What setting a value means, said apart from the code: `None`, it cannot be set.
fn set(at: &mut Value, pointer: &[String], value: &Value, made: usize) -> Option<()> {
    let Some((first, rest)) = pointer.split_first() else {
        *at = value.clone();
        return Some(());
    };
    match at {
        Value::Object(members) => {
            let there = members.contains_key(first);
            if !there && rest.len() + made > 1 {
                return None;
            }
            let made = made + usize::from(!there);
            set(members.entry(first.clone()).or_insert(json!({})), rest, value, made)
        }
        Value::Array(items) => set(items.get_mut(first.parse::<usize>().ok()?)?, rest, value, made),
        Value::Null if rest.is_empty() && made == 0 => {
            *at = json!({first: value});
            Some(())
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_value_is_set_as_the_pointer_says(
        extra in any_json(),
        value in any_json(),
        keys in proptest::collection::vec("[ab01]", 0..4),
        pretty in any::<bool>(),
    ) {
        let document = json!({"model": "m", "messages": [], "x": extra});
        let text = match pretty {
            true => serde_json::to_string_pretty(&document).unwrap(),
            false => document.to_string(),
        };
        let pointer: Vec<String> = std::iter::once("x".to_owned()).chain(keys).collect();
        let written = pointer.iter().map(|key| format!("/{key}")).collect::<String>();
        let seen = ask_at(rollback(json!({"body": {written: value}})), CHAT, &text, &[]);
        let mut wanted = document.clone();
        match set(&mut wanted, &pointer, &value, 0) {
            Some(()) => {
                let got: Value = serde_json::from_str(&sent(&seen)).unwrap();
                prop_assert_eq!(got, wanted);
            }
            None => prop_assert_eq!(seen.status, 403),
        }
    }
}
