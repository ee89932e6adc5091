//! What traffic can make a VM keep, and what becomes of what does not fit.

use std::rc::Rc;

use hemostat_engine::context::memory::VmMemory;
use hemostat_engine::exchange::{
    Effect, Exchange, RequestFacts, RequestVerdict, ResponseVerdict, StreamVerdict,
};
use hemostat_engine::ledger::{Book, MemoryStore};
use hemostat_engine::limits::KEPT_VM_BYTES;
use hemostat_engine::policy::Program;
use serde_json::{Value, json};

const NOW: u64 = 1_764_000_000_000_000_000;
const MIB: usize = 1024 * 1024;

fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn begun(program: &Rc<Program>, vm: &VmMemory) -> (Exchange, RequestVerdict) {
    let book = Rc::new(Book::new(Rc::new(MemoryStore::new(NOW))));
    let mut exchange = Exchange::in_vm(Rc::clone(program), book, vm);
    let headers = vec![pair(":method", "POST"), pair(":path", "/v1/chat/completions")];
    let facts = RequestFacts { headers: headers.into(), now_ns: NOW, ..RequestFacts::default() };
    let verdict = exchange.request_headers(facts, false);
    (exchange, verdict)
}

fn answering(program: &Rc<Program>, vm: &VmMemory) -> Exchange {
    let (mut exchange, verdict) = begun(program, vm);
    let body = br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"a"}]}"#;
    match verdict {
        RequestVerdict::NeedBody { .. } => drop(exchange.request_body(Some(body))),
        _ => exchange.request_chunk(body, true),
    }
    let headers = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
    exchange.response_headers(&headers.into(), false, false, NOW);
    exchange
}

fn left(verdict: StreamVerdict) -> Vec<u8> {
    match verdict {
        StreamVerdict::Replace(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn guard(more: Value) -> Value {
    let mut policy = json!({"guardrails": [{"id": "r", "scan": ["output", "input"],
        "find": ["begin[^!]+!"], "do": {"redact": "[#]"}}]});
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy
}

fn counted(exchange: &mut Exchange, name: &str) -> bool {
    exchange.effects().iter().any(|effect| matches!(effect, Effect::Count(own) if own == name))
}

#[test]
fn watched_bodies_that_never_end_share_what_a_vm_keeps() {
    for policy in [json!({}), guard(json!({"mode": "shadow"}))] {
        let watches = policy != json!({});
        let (program, vm) = (crate::support::program(policy), VmMemory::default());
        let mut open: Vec<Exchange> = (0..60).map(|_| begun(&program, &vm).0).collect();
        let chunk = vec![b' '; MIB / 4];
        for _ in 0..15 {
            open.iter_mut().for_each(|exchange| exchange.request_chunk(&chunk, false));
            assert!(vm.kept.taken() <= KEPT_VM_BYTES);
        }
        // Who sends little is still looked at.
        let (mut small, _) = begun(&program, &vm);
        small.request_chunk(
            br#"{"model":"m","messages":[{"role":"user","content":"begin!!"}]}"#,
            true,
        );
        assert!(!counted(&mut small, "hemostat_unchecked_total;reason=memory;action=pass"));
        let dropped = open
            .iter_mut()
            .filter_map(|exchange| {
                exchange.request_chunk(b"", true);
                counted(exchange, "hemostat_unchecked_total;reason=memory;action=pass")
                    .then_some(())
            })
            .count();
        assert_eq!(dropped > 30, watches, "{dropped} of 60");
        drop((open, small));
        assert_eq!(vm.kept.taken(), 0);
    }
}

#[test]
fn answers_in_the_middle_of_large_events_leave_room_for_others() {
    for (more, word) in [(json!({}), "block"), (json!({"on_unreadable": "pass"}), "pass")] {
        let (program, vm) = (crate::support::program(guard(more)), VmMemory::default());
        let mut large: Vec<Exchange> = Vec::new();
        let picture = [&b"data: {\"a\":\""[..], &vec![b'A'; 39 * MIB / 10]].concat();
        let mut refused = 0;
        for _ in 0..40 {
            let mut exchange = answering(&program, &vm);
            for chunk in picture.chunks(MIB / 4) {
                exchange.response_chunk(chunk, false, NOW);
            }
            assert!(vm.kept.taken() <= KEPT_VM_BYTES);
            let name = format!("hemostat_unchecked_total;reason=memory;action={word}");
            refused += usize::from(counted(&mut exchange, &name));
            large.push(exchange);
        }
        assert!((20..40).contains(&refused), "{refused} of 40");
        // A harmless answer is guarded as ever, an event cut in two included.
        let mut harmless = answering(&program, &vm);
        let event = br#"data: {"choices":[{"index":0,"delta":{"content":"a begin x! c"}}]}"#;
        let first = harmless.response_chunk(&event[..30], false, NOW);
        assert_eq!(left(first), b"");
        let rest = [&event[30..], b"\n\n"].concat();
        let second = left(harmless.response_chunk(&rest, false, NOW));
        assert!(String::from_utf8_lossy(&second).contains("a [#] c"));
        drop((large, harmless));
        assert_eq!((vm.kept.taken(), vm.held.taken()), (0, 0));
    }
}

#[test]
fn blank_lines_while_text_waits_cost_what_they_take() {
    let (program, vm) = (crate::support::program(guard(json!({}))), VmMemory::default());
    let mut exchange = answering(&program, &vm);
    let event = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"begin\"}}]}\n\n";
    exchange.response_chunk(event, false, NOW);
    let lines = vec![b'\n'; 64 * 1024];
    let mut ended = false;
    for _ in 0..200 {
        let bytes = left(exchange.response_chunk(&lines, false, NOW));
        ended |= String::from_utf8_lossy(&bytes).contains("content_filter");
        assert!(vm.held.taken() <= vm.kept.taken() && vm.kept.taken() < 12 * MIB);
    }
    assert!(ended, "the hold is refused");
    assert!(counted(&mut exchange, "hemostat_unchecked_total;reason=hold_limit;action=block"));
}

/// An upstream that answers before the body is whole would get it unlooked at afterwards.
#[test]
fn an_answer_before_the_body_follows_the_policy() {
    let rules = [
        guard(json!({})),
        json!({"tools": [{"match": "x", "do": "deny"}]}),
        json!({"failsafe": [{"id": "kill", "when": {"model": "m"}, "do": "block"}]}),
    ];
    let ok = vec![pair(":status", "200"), pair("content-type", "text/event-stream")];
    for policy in rules {
        for pass in [false, true] {
            let mut policy = policy.clone();
            if pass {
                policy["on_unreadable"] = json!("pass");
            }
            let program = crate::support::program(policy.clone());
            let (mut exchange, verdict) = begun(&program, &VmMemory::default());
            assert!(matches!(verdict, RequestVerdict::NeedBody { .. }), "{policy}");
            let verdict = exchange.response_headers(&ok.clone().into(), false, false, NOW);
            let word = if pass { "pass" } else { "block" };
            let name = format!("hemostat_unchecked_total;reason=overtaken;action={word}");
            assert!(counted(&mut exchange, &name), "{policy}");
            match verdict {
                ResponseVerdict::Reply(reply) => assert!(!pass && reply.status == 403, "{policy}"),
                _ => assert!(pass, "{policy}"),
            }
        }
    }
    // What the proxy says of itself is no answer: nobody was asked, and nothing is missed.
    let program = crate::support::program(guard(json!({})));
    let (mut exchange, _) = begun(&program, &VmMemory::default());
    let own = vec![pair(":status", "413"), pair("content-type", "text/plain")];
    let verdict = exchange.response_headers(&own.into(), true, false, NOW);
    assert!(matches!(verdict, ResponseVerdict::Untouched { .. }));
    assert!(
        !exchange
            .effects()
            .iter()
            .any(|effect| matches!(effect, Effect::Count(name) if name.contains("unchecked")))
    );
}
