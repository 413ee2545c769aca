#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;

use super::Table;

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
    Touch(u8),
    Pin(u8),
    Unpin(u8),
    Remove(u8),
    Pop,
}

fn step() -> impl Strategy<Value = Step> {
    let key = || 0..8_u8;
    prop_oneof![
        3 => key().prop_map(Step::Put),
        2 => key().prop_map(Step::Touch),
        1 => key().prop_map(Step::Pin),
        1 => key().prop_map(Step::Unpin),
        1 => key().prop_map(Step::Remove),
        1 => Just(Step::Pop),
    ]
}

/// Entries oldest first, with whether they are pinned.
#[derive(Default)]
struct Model(Vec<(u8, bool)>);

impl Model {
    fn at(&self, key: u8) -> Option<usize> {
        self.0.iter().position(|(k, _)| *k == key)
    }

    fn oldest(&self) -> Option<usize> {
        self.0.iter().position(|(_, pinned)| !pinned)
    }
}

proptest! {
    #[test]
    fn agrees_with_a_list(steps in prop::collection::vec(step(), 0..200)) {
        let (mut table, mut model) = (Table::new(4), Model::default());
        for step in steps {
            match step {
                Step::Put(key) if model.at(key).is_none() => {
                    if table.is_full() {
                        let evicted = model.oldest().map(|at| model.0.remove(at).0);
                        prop_assert_eq!(table.pop_oldest().map(|(key, _)| key), evicted);
                    }
                    if !table.is_full() {
                        table.insert(key, u32::from(key) * 10);
                        model.0.push((key, false));
                    }
                }
                Step::Touch(key) | Step::Put(key) => if let Some(at) = model.at(key) {
                    table.touch(table.find(&key).unwrap());
                    if !model.0[at].1 {
                        let entry = model.0.remove(at);
                        model.0.push(entry);
                    }
                },
                Step::Pin(key) => if let Some(at) = model.at(key) {
                    table.pin(table.find(&key).unwrap());
                    model.0[at].1 = true;
                },
                Step::Unpin(key) => if let Some(at) = model.at(key) {
                    table.unpin(table.find(&key).unwrap());
                    if model.0[at].1 {
                        model.0.remove(at);
                        model.0.push((key, false));
                    }
                },
                Step::Remove(key) => {
                    let expected = model.at(key).map(|at| u32::from(model.0.remove(at).0) * 10);
                    prop_assert_eq!(table.remove(&key), expected);
                }
                Step::Pop => {
                    let expected = model.oldest().map(|at| model.0.remove(at).0);
                    prop_assert_eq!(table.pop_oldest().map(|(key, _)| key), expected);
                }
            }
            prop_assert_eq!(table.len(), model.0.len());
            prop_assert_eq!(table.oldest().map(|(key, _)| *key), model.oldest().map(|at| model.0[at].0));
            for (key, _) in &model.0 {
                prop_assert_eq!(table.get(key), Some(&(u32::from(*key) * 10)));
            }
            prop_assert_eq!(table.iter().count(), table.len());
        }
    }
}
