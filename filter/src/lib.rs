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
//! | [`context`] | what a host tells of a stream
//! | [`dispatcher`] | which context a callback is for
//! | [`exports`] | the names by which a host calls
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
//! | [`host`] | every host call, as `Result`; the only `unsafe` but for names |
//! | [`pairs`] | the wire form of header maps |

mod accounts;
mod bodies;
mod capture;
mod clock;
mod context;
mod control;
mod dispatcher;
mod effects;
mod exchanger;
mod exports;
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
