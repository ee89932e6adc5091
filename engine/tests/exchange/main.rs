//! One request and its answer, driven as the glue drives them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![allow(missing_docs, reason = "a test")]

mod a2a;
mod answers;
mod bedrock;
mod call_copies;
mod capture;
mod capture_tools;
mod cases;
mod change;
mod counts;
mod coverage;
mod divided_readers;
mod doors;
mod ends;
mod ends_of_texts;
mod estimate;
mod fleet;
mod host;
mod hunted;
mod labels;
mod lanes;
mod limits;
mod matrix;
mod mcp;
mod members;
mod memory;
mod model_names;
mod money;
mod mutated;
mod record;
mod repeats;
mod request_types;
mod requests;
mod running;
mod spent;
mod stray_calls;
mod streams;
mod tools;
mod tools_hostile;
mod tools_request;
mod two_readings;
mod usage_told;
mod whole_args;
mod words;

use testkit as support;
