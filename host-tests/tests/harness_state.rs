//! What outlives an exchange: configurations, shared data, metrics, queues, timers, properties.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests: a missing value is the failure that the test is for"
)]

mod guests;

use std::time::Duration;

use guests::{GET, load, run, run_generic, run_with};
use host_tests::{Host, HostKind, Metric, Module, Property, Rejected, Settings, Status};

/// Logs each step of a context's life as one letter and its context id.
const LIFE: &str = r#"
(func $note (param $letter i32) (param $c i32)
  (i32.store8 (i32.const 32) (local.get $letter))
  (i32.store8 (i32.const 33) (i32.add (i32.const 48) (local.get $c)))
  (drop (call $log (i32.const 2) (i32.const 32) (i32.const 2))))
(func (export "proxy_on_context_create") (param $c i32) (param i32) (call $note (i32.const 67) (local.get $c)))
(func (export "proxy_on_vm_start") (param $c i32) (param i32) (result i32) (call $note (i32.const 86) (local.get $c)) (i32.const 1))
(func (export "proxy_on_configure") (param $c i32) (param i32) (result i32) (call $note (i32.const 70) (local.get $c)) (i32.const 1))
(func (export "proxy_on_log") (param $c i32) (call $note (i32.const 76) (local.get $c)))
(func (export "proxy_on_done") (param $c i32) (result i32) (call $note (i32.const 68) (local.get $c)) (i32.const 1))
(func (export "proxy_on_delete") (param $c i32) (call $note (i32.const 88) (local.get $c)))
"#;

#[test]
fn an_exchange_keeps_its_configuration_and_the_old_root_ends_after_it() {
    let r = run(LIFE);
    let mut old = r.worker.exchange(&r.plugin);
    old.request_headers(GET, true);
    let new = r.worker.reconfigure(&r.plugin, "new").unwrap();
    assert!(r.worker.is_alive(&r.plugin) && r.worker.is_alive(&new));
    let other = r.worker.exchange(&new);
    old.response_headers([(":status", "200")], true);
    assert!(old.finish().downstream.ended);
    assert!(!r.worker.is_alive(&r.plugin));
    other.finish();
    // Root 1, exchange 2, root 3 while 2 runs, exchange 4; then 2 and root 1 end, then 4.
    let life = "C1 V1 F1 C2 C3 V3 F3 C4 L2 D2 X2 D1 X1 L4 D4 X4";
    assert_eq!(r.said().join(" "), life);
}

#[test]
fn a_root_that_is_not_done_waits_for_proxy_done() {
    let r = run(r#"
(func (export "proxy_on_done") (param $c i32) (result i32) (i32.ne (local.get $c) (i32.const 1)))
(func (export "proxy_on_tick") (param i32) (call $say (call $done)))
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $tick (i32.const 10))) (call $say (call $done)) (i32.const 1))
(func (export "proxy_on_delete") (param $c i32) (call $say (local.get $c)))"#);
    r.worker.retire(&r.plugin);
    assert!(r.worker.is_alive(&r.plugin));
    r.host.advance(Duration::from_millis(10));
    assert_eq!(r.worker.run_due_ticks(), 1);
    assert!(!r.worker.is_alive(&r.plugin));
    assert_eq!(r.said(), ["1", "0", "1"], "not pending: NotFound; then Ok; then root 1 is deleted");
}

#[test]
fn a_canary_runs_first_and_its_writes_are_real() {
    let guest = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
      (drop (call $set_shared @k@ @v@ (i32.const 0)))
      (drop (call $get_buffer (i32.const 7) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
      (call $say_value)
      (i32.ne (i32.load8_u (i32.load (i32.const 0))) (i32.const 120)))"#;
    let r = run(guest);
    let by_worker: Vec<bool> = r.host.log().iter().map(|line| line.worker.is_some()).collect();
    assert_eq!(by_worker, [false, true]);
    assert_eq!(r.host.shared("k").unwrap().cas, 2, "written twice");

    assert_eq!(r.worker.configure("x").unwrap_err(), Rejected::Configure);
    assert_eq!(r.said(), ["configuration"], "the worker has seen nothing of the rejected one");
    assert!(r.worker.is_alive(&r.plugin));
    assert_eq!(r.host.shared("k").unwrap().cas, 3, "but its writes stay");

    let generic = run_generic(guest);
    assert_eq!(generic.host.log().len(), 1, "other hosts have no canary");
}

#[test]
fn vm_start_can_refuse_and_a_trap_is_a_rejection() {
    let refuses =
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 0))"#;
    let worker = Host::new(&load(refuses)).worker().unwrap();
    assert_eq!(worker.configure("").unwrap_err(), Rejected::VmStart);
    let traps = r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#;
    let worker = Host::new(&load(traps)).worker().unwrap();
    assert!(matches!(worker.configure("").unwrap_err(), Rejected::Trapped(_)));
    assert_eq!(worker.dead(), None, "it was the canary that died");
}

#[test]
fn some_hosts_start_nothing_without_vm_start() {
    let bare = r#"(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 1024)))"#;
    let module = Module::load(wat::parse_str(bare).unwrap()).unwrap();
    for (kind, starts) in [(HostKind::Envoy, true), (HostKind::Generic, false)] {
        let worker = Host::with(&module, Settings::of(kind)).worker().unwrap();
        assert_eq!(worker.configure("").is_ok(), starts, "{kind:?}");
    }
}

#[test]
fn configurations_are_readable_in_their_time() {
    let settings = Settings { vm_configuration: b"vm".to_vec(), ..Settings::default() };
    let r = run_with(
        r#"
(func $read (param $kind i32)
  (call $say (call $get_buffer (local.get $kind) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4))))
(func (export "proxy_on_vm_start") (param i32) (param $n i32) (result i32)
  (call $say (local.get $n)) (call $read (i32.const 6)) (call $say_value) (call $read (i32.const 7)) (i32.const 1))
(func (export "proxy_on_configure") (param i32) (param $n i32) (result i32)
  (call $read (i32.const 7)) (call $say_value) (i32.const 1))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (call $read (i32.const 7)) (i32.const 0))"#,
        settings,
    );
    r.get("");
    assert_eq!(r.said(), ["2", "0", "vm", "1", "0", "configuration", "1"]);
}

#[test]
fn shared_data_compares_and_swaps() {
    let r = run(r#"
(func $get (call $say (call $get_shared @k@ (i32.const 0) (i32.const 4) (i32.const 8)))
  (call $say (i32.load (i32.const 8))))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $get)
  (call $say (call $set_shared @k@ @1@ (i32.const 0xFFFFFFFF)))
  (call $say (call $set_shared @k@ @2@ (i32.const 0xFFFFFFFF)))
  (call $get)
  (call $say (call $set_shared @k@ @3@ (i32.load (i32.const 8))))
  (call $say (call $set_shared @k@ @4@ (i32.const 1)))
  (call $say (call $set_shared @other@ @5@ (i32.const 0)))
  (call $say (call $set_shared @k@ @@ (i32.const 0)))
  (call $get)
  (call $say (i32.load (i32.const 0)))
  (i32.const 0))"#);
    r.get("");
    let said = r.said().join(" ");
    // Missing; created; mismatch; read with 1; swapped; 1 is old; another key; emptied in any case;
    // read with 4, as the counter is one for all keys; and the pointer to nothing is 0.
    assert_eq!(said, "1 0 0 8 0 1 0 8 0 0 0 4 0");
    assert_eq!(r.host.shared("k").unwrap().value, b"");
}

#[test]
fn another_host_does_not_create_with_a_number() {
    let r = run_generic(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $set_shared @k@ @1@ (i32.const 0xFFFFFFFF)))
      (call $say (call $set_shared @k@ @1@ (i32.const 0)))
      (i32.const 0))"#,
    );
    r.get("");
    assert_eq!(r.said(), ["8", "0"]);
}

/// Adds 1 to the 4-byte number under `n`: with compare-and-swap and a retry, or blindly.
fn adder(retries: bool) -> String {
    let cas = if retries { "(i32.load (i32.const 8))" } else { "(i32.const 0)" };
    format!(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (loop $again
        (if (i32.eqz (call $get_shared @n@ (i32.const 0) (i32.const 4) (i32.const 8)))
          (then (i32.store (i32.const 16) (i32.add (i32.const 1) (i32.load (i32.load (i32.const 0))))))
          (else (i32.store (i32.const 16) (i32.const 1)) (i32.store (i32.const 8) (i32.const -1))))
        (br_if $again (call $set_shared @n@ (i32.const 16) (i32.const 4) {cas})))
      (i32.const 0))"#
    )
}

/// Runs two workers on two threads, and tells what they counted.
fn race(guest: &str, each: usize) -> u32 {
    // A store that never lets a swap succeed shall fail the test soon.
    let settings = Settings { fuel_per_call: 1_000_000, ..Settings::default() };
    let host = Host::with(&load(guest), settings);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let worker = host.worker().unwrap();
                let plugin = worker.configure("").unwrap();
                for _ in 0..each {
                    let mut exchange = worker.exchange(&plugin);
                    exchange.request_headers(GET, true);
                    exchange.finish();
                }
            });
        }
    });
    u32::from_le_bytes(host.shared("n").unwrap().value.try_into().unwrap())
}

#[test]
fn two_workers_that_swap_lose_no_update() {
    assert_eq!(race(&adder(true), 300), 600);
}

/// The race by hand: one worker writes between the other's read and write.
#[test]
fn a_blind_write_loses_an_update_and_a_swap_does_not() {
    let guest = |cas: &str| {
        format!(
            r#"
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (drop (call $get_shared @n@ (i32.const 0) (i32.const 4) (i32.const 8))) (i32.const 0))
(func (export "proxy_on_log") (param i32) (call $say (call $set_shared @n@ @mine@ {cas})))"#
        )
    };
    for (cas, kept, said) in
        [("(i32.const 0)", b"mine".as_slice(), "0"), ("(i32.load (i32.const 8))", b"theirs", "8")]
    {
        let r = run(&guest(cas));
        r.host.set_shared("n", "start", 0).unwrap();
        let mut exchange = r.worker.exchange(&r.plugin);
        exchange.request_headers(GET, true);
        r.host.set_shared("n", "theirs", 0).unwrap();
        exchange.finish();
        assert_eq!(r.host.shared("n").unwrap().value, kept);
        assert_eq!(r.said(), [said]);
    }
}

#[test]
fn metrics_are_the_process_s_and_ids_are_the_vm_s() {
    let r = run(r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (call $say (call $define_metric (i32.const 0) @requests@ (i32.const 64))) (call $say (i32.load (i32.const 64)))
  (call $say (call $define_metric (i32.const 0) @requests@ (i32.const 68))) (call $say (i32.load (i32.const 68)))
  (call $say (call $define_metric (i32.const 1) @level@ (i32.const 72)))
  (call $say (call $define_metric (i32.const 2) @sizes@ (i32.const 76)))
  (call $say (call $define_metric (i32.const 3) @bad@ (i32.const 80)))
  (i32.const 1))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $say (call $increment (i32.load (i32.const 64)) (i64.const 2)))
  (call $say (call $increment (i32.load (i32.const 68)) (i64.const 1)))
  (call $say (call $increment (i32.load (i32.const 64)) (i64.const 0)))
  (call $say (call $increment (i32.load (i32.const 64)) (i64.const -1)))
  (call $say (call $increment (i32.load (i32.const 72)) (i64.const 5)))
  (call $say (call $increment (i32.load (i32.const 72)) (i64.const -2)))
  (call $say (call $increment (i32.load (i32.const 76)) (i64.const 1)))
  (call $say (call $record (i32.load (i32.const 76)) (i64.const 9)))
  (call $say (call $get_metric (i32.load (i32.const 76)) (i32.const 16)))
  (call $say (call $get_metric (i32.load (i32.const 64)) (i32.const 16))) (call $say (i32.load (i32.const 16)))
  (call $say (call $get_metric (i32.const 99) (i32.const 16)))
  (call $say (call $record (i32.const 0) (i64.const 9)))
  (i32.const 0))"#);
    r.get("");
    assert_eq!(
        r.said().join(" "),
        "0 1 0 2 0 0 2 0 0 2 2 0 0 2 0 2 0 3 1 1",
        "a second definition has a second id for the same counter"
    );
    assert_eq!(r.host.counter("requests"), 3);
    let metrics = r.host.metrics();
    assert_eq!(metrics.get("level"), Some(&Metric::Gauge(3)));
    assert_eq!(metrics.get("sizes"), Some(&Metric::Histogram(vec![9])));
}

#[test]
fn another_host_adds_nothing_to_a_counter_without_complaint() {
    let r = run_generic(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (drop (call $define_metric (i32.const 0) @c@ (i32.const 64)))
      (call $say (call $increment (i32.load (i32.const 64)) (i64.const 0))) (i32.const 0))"#,
    );
    r.get("");
    assert_eq!(r.said(), ["0"]);
}

#[test]
fn the_last_to_register_a_queue_hears_of_it() {
    let guest = load(
        r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $register_queue @q@ (i32.const 64))) (i32.const 1))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $say (call $enqueue (i32.load (i32.const 64)) @item@))
  (call $say (call $enqueue (i32.const 77) @item@)) (i32.const 0))
(func (export "proxy_on_queue_ready") (param i32) (param $q i32)
  (call $say (call $dequeue (local.get $q) (i32.const 0) (i32.const 4))) (call $say_value)
  (call $say (call $dequeue (local.get $q) (i32.const 0) (i32.const 4))))"#,
    );
    let host = Host::new(&guest);
    let workers = [host.worker().unwrap(), host.worker().unwrap()];
    let plugins: Vec<_> = workers.iter().map(|w| w.configure("").unwrap()).collect();
    let mut exchange = workers[0].exchange(&plugins[0]);
    exchange.request_headers(GET, true);
    assert_eq!(workers[0].run_queue_notices(), 0);
    assert_eq!(workers[1].run_queue_notices(), 1);
    assert_eq!(workers[1].run_queue_notices(), 0);
    let said: Vec<(Option<u32>, String)> =
        host.log().into_iter().map(|line| (line.worker, line.text)).collect();
    let expected = [(1, "0"), (1, "1"), (2, "0"), (2, "item"), (2, "7")];
    assert_eq!(said, expected.map(|(worker, text)| (Some(worker), text.to_owned())));
}

#[test]
fn ticks_follow_the_clock_of_the_host() {
    let r = run(r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $tick (i32.const 1000))) (i32.const 1))
(func (export "proxy_on_tick") (param i32)
  (drop (call $time (i32.const 16)))
  (call $say (i32.wrap_i64 (i64.rem_u (i64.div_u (i64.load (i32.const 16)) (i64.const 1000000000)) (i64.const 10)))))"#);
    assert_eq!(r.worker.run_due_ticks(), 0);
    for _ in 0..3 {
        r.host.advance(Duration::from_millis(500));
        r.worker.run_due_ticks();
    }
    r.host.advance(Duration::from_secs(5));
    assert_eq!(r.worker.run_due_ticks(), 1, "a late timer runs once");
    assert_eq!(r.said(), ["1", "6"]);
}

/// Says the status of a property, then its value; in the phase that is put in.
fn property(callback: &str, path: &str) -> String {
    let result =
        if callback.ends_with("log") { ("", "") } else { ("(result i32)", "(i32.const 0)") };
    let params = if callback.ends_with("log") { "i32" } else { "i32 i32 i32" };
    format!(
        r#"(func (export "{callback}") (param {params}) {}
      (i32.store (i32.const 4) (i32.const 0))
      (call $say (call $get_property @{path}@ (i32.const 0) (i32.const 4))) (call $say_value) {})"#,
        result.0, result.1
    )
}

fn read_property(settings: Settings, callback: &str, path: &[&str]) -> (String, Vec<u8>) {
    let r = run_with(&property(callback, &path.join("\0")), settings);
    r.host.set_property(&["xds", "route_name"], Property::from("main"));
    r.host.set_property(&["fails"], Property::Fails(Status::SerializationFailure));
    r.host.set_property(&["number"], Property::from(258));
    r.get("12345");
    let said = r.said();
    (said[0].clone(), said[1].clone().into_bytes())
}

#[test]
fn properties_are_encoded_and_phased_as_in_envoy() {
    let (request, response, log) =
        ("proxy_on_request_headers", "proxy_on_response_headers", "proxy_on_log");
    let cases: [(&str, &[&str], &str, &[u8]); 18] = [
        (request, &["request", "path"], "0", b"/x?q=1"),
        (request, &["request", "url_path"], "0", b"/x"),
        (request, &["request", "query"], "0", b"q=1"),
        (request, &["request", "headers", ":method"], "0", b"GET"),
        (response, &["request", "path"], "1", b""),
        (response, &["request", "protocol"], "0", b"HTTP/1.1"),
        (log, &["request", "path"], "0", b"/x?q=1"),
        (request, &["response", "code"], "1", b""),
        (response, &["response", "code_details"], "0", b"via_upstream"),
        (request, &["upstream", "address"], "1", b""),
        (response, &["upstream", "address"], "0", b"10.0.0.2:443"),
        (request, &["xds", "route_name"], "0", b"main"),
        (request, &["route_name"], "1", b""),
        (request, &["plugin_name"], "0", b"plugin"),
        (request, &["fails"], "3", b""),
        (request, &["number"], "0", &[2, 1, 0, 0, 0, 0, 0, 0]),
        (log, &["response", "size"], "0", &[5, 0, 0, 0, 0, 0, 0, 0]),
        (response, &["response", "flags"], "0", &[0; 8]),
    ];
    for (callback, path, status, value) in cases {
        let read = read_property(Settings::default(), callback, path);
        assert_eq!(read, (status.to_owned(), value.to_vec()), "{callback} {path:?}");
    }
}

#[test]
fn another_host_has_fewer_properties_and_all_are_text() {
    let generic = || Settings::of(HostKind::Generic);
    let (request, response) = ("proxy_on_request_headers", "proxy_on_response_headers");
    let read = |callback, path: &[&str]| read_property(generic(), callback, path);
    assert_eq!(read(request, &["number"]), ("0".into(), b"258".to_vec()));
    assert_eq!(read(request, &["plugin_name"]).0, "1");
    assert_eq!(read(response, &["request", "path"]), ("0".into(), b"/x?q=1".to_vec()));
}

const SET_PROPERTY: &str = r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (call $say (call $set_property @a@ @b@)) (i32.const 1))
(func (export "proxy_on_log") (param i32)
  (call $say (call $set_property @verdict@ @blocked@))
  (call $say (call $get_property @verdict@ (i32.const 0) (i32.const 4)))
  (call $say (call $get_property @filter_state#wasm.verdict@ (i32.const 0) (i32.const 4)))
  (call $say_value))"#;

#[test]
fn a_property_that_the_guest_sets_is_an_outcome() {
    let r = run(&SET_PROPERTY.replace('#', "\0"));
    let outcome = r.get("");
    assert_eq!(outcome.property("verdict"), Some("blocked"));
    assert_eq!(r.said(), ["1", "0", "0", "0", "blocked"], "a root context has no filter state");
    let generic = run_generic(SET_PROPERTY);
    assert_eq!(generic.get("").property("verdict"), None);
    assert_eq!(generic.said()[..2], ["1", "1"]);
}

#[test]
fn foreign_functions_are_those_that_were_added() {
    let guest = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
      (call $say (call $foreign @double@ @ab@ (i32.const 0) (i32.const 4))) (call $say_value)
      (call $say (call $foreign @unknown@ @ab@ (i32.const 0) (i32.const 4)))
      (i32.const 0))"#;
    for kind in [HostKind::Envoy, HostKind::Generic] {
        let r = run_with(guest, Settings::of(kind));
        r.host.add_foreign_function("double", |args| Ok(args.repeat(2)));
        let outcome = r.get("");
        assert_eq!(r.said()[..2], ["0", "abab"]);
        assert_eq!(outcome.trapped.is_some(), kind == HostKind::Generic);
    }
}

#[test]
fn the_effective_context_must_exist_and_lasts_for_one_callback() {
    let r = run(r#"
(func (export "proxy_on_request_headers") (param $c i32) (param i32 i32) (result i32)
  (call $say (call $effective (i32.const 99)))
  (call $say (call $effective (i32.const 1)))
  (call $say (call $add_header (i32.const 0) @x@ @y@))
  (call $say (call $effective (local.get $c)))
  (call $say (call $add_header (i32.const 0) @x@ @y@))
  (drop (call $effective (i32.const 1)))
  (i32.const 0))
(func (export "proxy_on_response_headers") (param $c i32) (param i32 i32) (result i32)
  (call $say (call $add_header (i32.const 2) @x@ @y@)) (i32.const 0))"#);
    r.get("");
    assert_eq!(r.said(), ["2", "0", "2", "0", "0", "0"]);
}

#[test]
fn queues_are_found_by_vm_and_name() {
    let r = run(r#"
(func (export "proxy_on_configure") (param i32 i32) (result i32)
  (drop (call $register_queue @q@ (i32.const 64))) (i32.const 1))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $say (call $resolve_queue @vm@ @q@ (i32.const 68)))
  (call $say (i32.sub (i32.load (i32.const 68)) (i32.load (i32.const 64))))
  (call $say (call $resolve_queue @vm@ @p@ (i32.const 68)))
  (call $say (call $resolve_queue @other@ @q@ (i32.const 68)))
  (i32.const 0))"#);
    r.get("");
    assert_eq!(r.said(), ["0", "0", "1", "1"]);
}

#[test]
fn the_log_level_is_the_host_s() {
    let settings = Settings { log_level: host_tests::LogLevel::Warn, ..Settings::default() };
    let r = run_with(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
          (call $say (call $log_level (i32.const 64))) (call $say (i32.load (i32.const 64)))
          (call $say (call $log (i32.const 9) @?@)) (i32.const 1))"#,
        settings,
    );
    assert_eq!(r.said(), ["0", "3", "2"]);
}
