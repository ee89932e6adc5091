# The one list of commands. `./just RECIPE` gets `just` itself where it is missing; every recipe does its own set-up.

python := justfile_directory() / ".tools/venv/bin/python"

# list the recipes
default:
    @{{ just_executable() }} --justfile {{ justfile() }} --list --unsorted

# show what the filter does, on a real Envoy in front of replayed model answers (under three minutes once the module is built)
demo *ARGS: wasm
    @tools/setup python envoy
    cargo build --locked --package hemostat-cli
    @{{ python }} demo/demo.py {{ ARGS }}

# Envoy with the filter, Prometheus and Arize Phoenix on this machine, with a little traffic; prints where each is, Ctrl-C ends all
observe *ARGS: wasm
    @tools/setup python envoy promtool phoenix
    @{{ python }} demo/observe.py {{ ARGS }}

# a game day: something breaks in a real Envoy without saying what, and you (or `--auto`) mend it; ends with the post-mortem
drill *ARGS: wasm
    @tools/setup python envoy promtool
    cargo build --locked --package hemostat-cli
    @{{ python }} demo/drill.py {{ ARGS }}

# run every test: Rust, the module in its wasm host, and a real Envoy with the official SDKs
test: wasm test-rust test-envoy

# the crates' tests and the scenarios on the built module; PROPTEST_RNG_SEED=N draws other cases for the properties
test-rust: wasm
    PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-1}" cargo test --workspace --locked --no-fail-fast

# a real Envoy with the built module, two files of tests at a time; arguments go to pytest in place of that
test-envoy *ARGS="--numprocesses 2 --dist loadfile": wasm
    @tools/setup
    {{ python }} -m pytest host-tests/envoy {{ ARGS }}

# build the filter: dist/hemostat.wasm
wasm:
    @tools/wasm

# an OCI image layout of the filter, for Istio and Envoy Gateway: dist/oci (no Docker needed)
oci *ARGS: wasm
    @tools/oci.py dist/hemostat.wasm dist/oci {{ ARGS }}

# formatting and lints: Rust for this machine and for wasm, links of its documentation, dependencies, and the Python of tests and demo
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    @tools/lint-apart
    @tools/lint-wasm
    @tools/doc
    @tools/setup python
    {{ python }} tools/dependencies
    {{ python }} -m ruff check --config tools/ruff.toml host-tests/envoy demo tools tools/dependencies

# benchmarks
bench *ARGS:
    cargo bench --workspace --locked {{ ARGS }}

# CPU a request in a real Envoy, with the filter and without; `--write` puts the table into benches/RESULTS.md
bench-e2e *ARGS: wasm
    @tools/setup python envoy
    {{ python }} host-tests/envoy/bench_e2e.py {{ ARGS }}

# alter recorded exchanges at random for SECONDS (any toolchain; CI does it for some seconds); SEED says where to begin
fuzz SECONDS="600" SEED="1":
    HEMOSTAT_FUZZ_SECONDS={{ SECONDS }} HEMOSTAT_FUZZ_SEED={{ SEED }} cargo test --release --locked --package hemostat-engine --features yaml --test exchange -- --nocapture mutated

# fuzz every target with libFuzzer for SECONDS each
fuzz-deep SECONDS="60":
    tools/fuzz {{ SECONDS }}

# callers and upstreams that fail at random, pushes and kills around a real Envoy, for MINUTES
chaos MINUTES="30" *ARGS: wasm
    @tools/setup python envoy
    cd host-tests/envoy && {{ python }} -m chaos --minutes {{ MINUTES }} {{ ARGS }}

# write the JSON schema of the policy language
schema:
    cargo build --quiet --locked --package hemostat-cli
    cargo run --quiet --locked --package hemostat-cli -- check --schema > policies/policy.schema.json

# get what tests and demo need (Python and JavaScript packages, Envoy) and this machine lacks
setup:
    @tools/setup
