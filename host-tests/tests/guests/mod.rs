//! Small guests in text form: a prelude with imports, an allocator and helpers, and what a test adds.

#![allow(dead_code, reason = "each test file uses some of the helpers")]
#![expect(clippy::unwrap_used, reason = "a guest that does not load is a mistake in the test")]

use host_tests::{
    Host, HostKind, LoadError, Module, Outcome, PluginContext, Settings, Violation, Worker,
};

/// Imports with their short names; a bump allocator; and texts at fixed places.
///
/// Scratch: 0 ptr, 4 len, 8 cas, 16 u64. Texts are from 256 on (see `TEXTS`), allocations from 65536 on.
const PRELUDE: &str = r#"
(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
(import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
(import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_buffer_status" (func $buffer_status (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_size" (func $map_size (param i32 i32) (result i32)))
(import "env" "proxy_get_header_map_pairs" (func $get_pairs (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_add_header_map_value" (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_replace_header_map_value" (func $replace_header (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_remove_header_map_value" (func $remove_header (param i32 i32 i32) (result i32)))
(import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_shared_data" (func $get_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
(import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
(import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
(import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
(import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
(import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_call" (func $grpc_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_stream" (func $grpc_stream (param i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_send" (func $grpc_send (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_grpc_cancel" (func $grpc_cancel (param i32) (result i32)))
(import "env" "proxy_grpc_close" (func $grpc_close (param i32) (result i32)))
(import "env" "proxy_resolve_shared_queue" (func $resolve_queue (param i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_get_log_level" (func $log_level (param i32) (result i32)))
(import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
(import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
(import "env" "proxy_done" (func $done (result i32)))
(import "env" "proxy_define_metric" (func $define_metric (param i32 i32 i32 i32) (result i32)))
(import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
(import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
(import "env" "proxy_get_metric" (func $get_metric (param i32 i32) (result i32)))
(import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
(memory (export "memory") 2)
(global $heap (mut i32) (i32.const 65536))
(func $malloc (export "malloc") (param $n i32) (result i32)
  (local $at i32)
  (local.set $at (global.get $heap))
  (global.set $heap (i32.add (global.get $heap) (local.get $n)))
  (block $fits
    (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
    (drop (memory.grow (i32.add (i32.const 1)
      (i32.div_u (i32.sub (global.get $heap) (i32.mul (memory.size) (i32.const 65536))) (i32.const 65536))))))
  (local.get $at))
(func (export "proxy_abi_version_0_2_1"))
;; Logs a status as one digit or letter (10 = 'A' …), so that a test can read it.
(func $say (param $status i32)
  (i32.store8 (i32.const 32) (i32.add (local.get $status)
    (select (i32.const 48) (i32.const 55) (i32.lt_u (local.get $status) (i32.const 10)))))
  (drop (call $log (i32.const 2) (i32.const 32) (i32.const 1))))
;; Logs what a host call returned through 0 (ptr) and 4 (len).
(func $say_value (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
(func $pause_action (result i32) (i32.const 1))
"#;

/// A guest: the prelude, texts at given addresses, and functions.
///
/// A text is written in the source as `@text@`: it becomes `(i32.const ptr) (i32.const len)`.
pub fn guest(functions: &str) -> Vec<u8> {
    let mut data = String::new();
    let mut code = String::new();
    let mut at = 256;
    for (n, part) in functions.split('@').enumerate() {
        if n % 2 == 0 {
            code.push_str(part);
        } else {
            let bytes = part.as_bytes();
            let hex: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
            data.push_str(&format!("(data (i32.const {at}) \"{hex}\")\n"));
            code.push_str(&format!("(i32.const {at}) (i32.const {})", bytes.len()));
            at += bytes.len();
        }
    }
    // Some hosts start nothing without it.
    let start = match code.contains("proxy_on_vm_start") {
        true => "",
        false => {
            r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))"#
        }
    };
    wat::parse_str(format!("(module {PRELUDE} {data} {code} {start})")).unwrap()
}

pub fn load(functions: &str) -> Module {
    Module::load(guest(functions)).unwrap()
}

pub fn load_error(text: &str) -> LoadError {
    Module::load(wat::parse_str(text).unwrap()).unwrap_err()
}

/// A worker with its plugin.
pub struct Running {
    pub host: Host,
    pub worker: Worker,
    pub plugin: PluginContext,
}

pub fn run(functions: &str) -> Running {
    run_with(functions, Settings::default())
}

pub fn run_generic(functions: &str) -> Running {
    run_with(functions, Settings::of(HostKind::Generic))
}

/// With Envoy's `allow_on_headers_stop_iteration`.
pub fn run_holding(functions: &str) -> Running {
    let settings = Settings { allow_on_headers_stop_iteration: true, ..Settings::default() };
    run_with(functions, settings)
}

pub fn run_with(functions: &str, settings: Settings) -> Running {
    let host = Host::with(&load(functions), settings);
    let worker = host.worker().unwrap();
    let plugin = worker.configure("configuration").unwrap();
    Running { host, worker, plugin }
}

impl Running {
    /// What the guest of the worker (not of the canary) logged.
    pub fn said(&self) -> Vec<String> {
        let log = self.host.log().into_iter().filter(|line| line.worker.is_some());
        log.map(|line| line.text).collect()
    }

    /// A GET that is answered with this body, in one piece and an end of its own.
    pub fn get(&self, body: &str) -> Outcome {
        let mut exchange = self.worker.exchange(&self.plugin);
        exchange
            .request_headers(GET, true)
            .response_headers([(":status", "200")], false)
            .response_data(body, false)
            .response_data("", true);
        exchange.finish()
    }
}

pub const GET: [(&str, &str); 3] =
    [(":method", "GET"), (":path", "/x?q=1"), (":authority", "example.com")];
pub const POST: [(&str, &str); 3] =
    [(":method", "POST"), (":path", "/x"), (":authority", "example.com")];

pub fn no_driver_mistakes(outcome: &Outcome) {
    let mistakes = outcome.violations.iter().filter(|v| matches!(v, Violation::Driver(_)));
    assert_eq!(mistakes.count(), 0, "{:?}", outcome.violations);
}
