//! The order of the built module's functions (`tools/wasm_order.py`). That it changes nothing else is what all other
//! scenarios show.

use std::collections::BTreeMap;

use wasmparser::{ExternalKind, Parser, Payload};

use crate::rig::built_module;

#[test]
fn what_each_exchange_calls_comes_first() {
    let module = std::fs::read(built_module()).unwrap();
    let (mut functions, mut exported, mut hinted) = (0, BTreeMap::new(), false);
    for payload in Parser::new(0).parse_all(&module) {
        match payload.unwrap() {
            Payload::ExportSection(section) => {
                let all = section.into_iter().map(Result::unwrap);
                let own = all.filter(|own| own.kind == ExternalKind::Func);
                exported.extend(own.map(|own| (own.name, own.index)));
            }
            Payload::FunctionSection(section) => functions = section.count(),
            Payload::CustomSection(section) => {
                hinted |= section.name() == "metadata.code.branch_hint";
            }
            _ => {}
        }
    }
    if !hinted {
        return println!("the module's functions are in any order: it was built without node");
    }
    for called in ["request_headers", "request_body", "response_headers", "response_body", "log"] {
        let number = exported[&*format!("proxy_on_{called}")];
        assert!(number < functions / 5, "{called} is function {number} of {functions}");
    }
    // Nobody has shut a proxy down, or had it answer a gRPC call, in recorded traffic.
    for never in ["proxy_on_grpc_receive", "proxy_on_grpc_close"] {
        let number = exported[never];
        assert!(number > functions / 3, "{never} is function {number} of {functions}");
    }
}
