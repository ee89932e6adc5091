//! The branch hints of the built module (`tools/wasm_hints.py`), read by another parser than the one that wrote them.

use std::collections::{BTreeMap, BTreeSet};

use wasmparser::{KnownCustom, Operator, Parser, Payload};

use crate::rig::built_module;

/// Where branches stand in each function, counted from the beginning of its body.
type Branches = BTreeMap<u32, BTreeSet<u32>>;

#[test]
fn each_hint_is_of_a_branch() {
    let module = std::fs::read(built_module()).unwrap();
    let (mut imported, mut defined) = (0, 0);
    let (mut branches, mut hints) = (Branches::new(), Branches::new());
    for payload in Parser::new(0).parse_all(&module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => imported = section.count(),
            Payload::CustomSection(section) => {
                let KnownCustom::BranchHints(section) = section.as_known() else { continue };
                for function in section {
                    let function = function.unwrap();
                    let offsets = function.hints.into_iter().map(|hint| hint.unwrap().func_offset);
                    let new = hints.insert(function.func, offsets.collect());
                    assert_eq!(new, None, "function {} is listed twice", function.func);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let begin = body.range().start;
                let own = branches.entry(imported + defined).or_default();
                for read in body.get_operators_reader().unwrap().into_iter_with_offsets() {
                    let (operator, at) = read.unwrap();
                    if matches!(operator, Operator::If { .. } | Operator::BrIf { .. }) {
                        own.insert(u32::try_from(at - begin).unwrap());
                    }
                }
                defined += 1;
            }
            _ => {}
        }
    }
    if hints.is_empty() {
        println!("the module has no hints: it was built without node");
    }
    for (function, own) in &hints {
        assert!(own.is_subset(&branches[function]), "function {function}");
    }
}
