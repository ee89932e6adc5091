//! The helper that runs a whole exchange.

mod guests;

use guests::{run, run_holding};
use host_tests::{Chunking, Ending, Request, UpstreamAnswer, run_exchange};
use proptest::prelude::*;

#[test]
fn an_answer_comes_only_when_the_request_arrived() {
    let r = run(r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $reply (i32.const 403) @@ @@ @@ (i32.const -1))) (i32.const 0))"#);
    let answer = UpstreamAnswer::json("{}");
    let outcome = run_exchange(&r.worker, &r.plugin, Request::get("/"), answer, &Chunking::Whole);
    assert_eq!(outcome.downstream.status(), Some(403));
    assert_eq!(outcome.violations, []);
}

#[test]
fn endings_differ() {
    let r = run(
        r#"(func (export "proxy_on_response_body") (param i32) (param $n i32) (param $end i32) (result i32)
      (call $say (i32.add (i32.mul (local.get $end) (i32.const 4)) (local.get $n))) (i32.const 0))"#,
    );
    let run_it = |ending| {
        let answer = UpstreamAnswer::events(["abc"]).ending(ending);
        run_exchange(&r.worker, &r.plugin, Request::post("/", "{}"), answer, &Chunking::AsGiven)
    };
    assert!(run_it(Ending::Separate).downstream.ended);
    assert!(run_it(Ending::WithLastPiece).downstream.ended);
    assert!(run_it(Ending::Reset).downstream.reset);
    assert_eq!(r.said(), ["3", "4", "7", "3"]);
}

fn cuts() -> impl Strategy<Value = Chunking> {
    prop_oneof![
        Just(Chunking::AsGiven),
        Just(Chunking::Whole),
        (0usize..9).prop_map(Chunking::Bytes),
        proptest::collection::vec(0usize..300, 0..9).prop_map(Chunking::At),
        any::<u64>().prop_map(Chunking::Random),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cut_loses_nothing(
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..4),
        cut in cuts(),
    ) {
        let cut = cut.cut(&pieces);
        prop_assert_eq!(cut.concat(), pieces.concat());
        prop_assert!(cut.iter().all(|piece| !piece.is_empty()));
    }

    /// Held or not, and however it is cut: what goes in comes out.
    #[test]
    fn a_guest_that_changes_nothing_changes_nothing(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        request_cut in cuts(),
        cut in cuts(),
        hold in any::<bool>(),
    ) {
        let r = if hold {
            run_holding(r#"
(func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32) (i32.eqz (local.get $end)))
(func (export "proxy_on_response_headers") (param i32 i32) (param $end i32) (result i32) (i32.eqz (local.get $end)))
(func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32) (i32.eqz (local.get $end)))
(func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32) (i32.eqz (local.get $end)))"#)
        } else {
            run("")
        };
        let request = Request::post("/", &body).cut(request_cut);
        let outcome = run_exchange(&r.worker, &r.plugin, request, UpstreamAnswer::json(&body), &cut);
        prop_assert_eq!(outcome.upstream.body(), body.clone());
        prop_assert_eq!(outcome.downstream.body(), body);
        prop_assert!(outcome.downstream.ended);
        prop_assert_eq!(outcome.violations, vec![]);
    }
}
