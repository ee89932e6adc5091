//! The Hemostat filter: glue between a proxy-wasm host and the engine.
//!
//! Every callback does the same: collect what the host knows, call the engine, apply its verdict, return. Nothing here
//! decides anything about a policy (ARCHITECTURE, invariant 2). What the glue does decide is what becomes of a stream
//! when the *host* fails a call; README.md has the table.
//!
//! | file | what it does |
//! |---|---|
//! | [`root`] | one plugin configuration: read, build, swap |
//! | [`load`] | bytes of a configuration → what runs, or the reasons why not |
//! | [`follower`] | the releases of a process: what workers share, how each follows |
//! | [`exchanger`] | reports to the rate-limit services of a fleet |
//! | [`reporter`] | what each thread reports that it runs |
//! | [`bodies`] | does the host deliver bodies at all? |
//! | [`marks`] | the values of counters when the release in force took effect |
//! | [`control`] | a listener for operators: status, and releases by `POST` |
//! | [`running`] | streams under way, for policies that end them |
//! | [`stream`] | one request and its answer: callbacks → engine → host |
//! | [`accounts`] | accounts of limits in the data that workers share |
//! | [`notify`] | events on their way to their receiver |
//! | [`pending`] | tool calls that wait for leave, in the data that workers share |
//! | [`recent`] | events beside traffic, in the data that workers share |
//! | [`watch`] | status pages of providers |
//! | [`effects`] | what the engine asks for besides moving bytes |
//! | [`telemetry`] | counters, log lines, filter state, the sum of held bytes |
//! | [`clock`] | a clock that never fails, and numbers that never repeat |
//! | [`host`] | every host call, as `Result`; the only `unsafe` |
//! | [`pairs`] | the wire form of header maps |

mod accounts;
mod bodies;
mod capture;
mod clock;
mod control;
mod effects;
mod exchanger;
mod follower;
mod gauges;
mod grants;
mod host;
mod load;
mod marks;
mod notify;
mod pairs;
mod pending;
mod recent;
mod reporter;
mod root;
mod running;
mod stream;
mod telemetry;
mod watch;

/// The entry point that a host calls. (A module, because the SDK's macro makes a public function without documentation.)
mod entry {
    use crate::{root, telemetry};

    proxy_wasm::main! {{
        // Only `proxy_log` may be called here: hosts forbid the rest until the plugin's context exists.
        std::panic::set_hook(Box::new(telemetry::report_panic));
        proxy_wasm::set_root_context(|id| Box::new(root::Root::new(id)));
    }}
}
