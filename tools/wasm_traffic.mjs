// Has a module look at recorded exchanges, and writes what it noted in its memory:
//
//     node wasm_traffic.mjs MODULE KIND BASE LENGTH RECORDED OUT
//
// KIND `ways`: a byte for each branch, with the bits of the ways it went (`wasm_hints.py watch`). KIND `counts`: a number
// of 64 bits for each block, how often it ran since the policy was read (`wasm_profile.py counters`). These commands
// print BASE and LENGTH; RECORDED is `testdata/recorded`. The host here has just what ordinary traffic asks for: policies
// are in force and nothing in them fires. It checks nothing; `host-tests/` does.

import { readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";

const [path, kind, base, length, recorded, out] = process.argv.slice(2);

// Recordings a dialect: further ones take few ways that these did not.
const RECORDINGS = 24;
const LONGEST = 100_000;
const CHUNK = 1_400;

// Nanoseconds since 1970; each look at the clock is a millisecond later.
const START = 1_795_000_000_000_000_000n;

const OK = 0, NOT_FOUND = 1, CAS_MISMATCH = 8;
const REQUEST_BODY = 0, RESPONSE_BODY = 1, CONFIGURATION = 7;
const REQUEST_HEADERS = 0, RESPONSE_HEADERS = 2;

const find = ["pack:secrets", "pack:pii", "(?i)xylographic quagga"];
const guardrail = (...scan) => ({ guardrails: [{ id: "g", scan, find, do: "redact" }] });
const all = guardrail("input", "output", "tool_args");
const an_hour = (allow) => ({ ...allow, every: "1h" });
const policies = [
  {},
  guardrail("output"),
  all,
  {
    ...all,
    labels: { tenant: [{ header: "x-tenant" }] },
    tools: [{ id: "t", match: ["zq_nobody_*"], do: "deny" }],
    limits: [
      { id: "calls", allow: an_hour({ requests: 1e9 }) },
      { id: "tokens", per: ["tenant"], allow: an_hour({ tokens: 1e12 }) },
    ],
  },
];

class Host {
  constructor(module, configuration) {
    this.shared = new Map();
    this.buffers = {};
    this.headers = {};
    this.metrics = 0;
    // The same at each build, so that the module is.
    this.now = START;
    const own = this.functions();
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      (imports[from] ??= {})[name] = own[name] ?? (() => NOT_FOUND);
    }
    this.guest = new WebAssembly.Instance(module, imports).exports;
    this.guest._initialize?.();
    this.guest.proxy_on_context_create(1, 0);
    this.buffers[CONFIGURATION] = Buffer.from(JSON.stringify(configuration));
    if (!this.guest.proxy_on_configure(1, this.buffers[CONFIGURATION].length)) {
      throw new Error(`refused: ${JSON.stringify(configuration)}`);
    }
    this.next = 2;
  }

  memory() {
    return Buffer.from(this.guest.memory.buffer);
  }

  text(at, length) {
    return this.memory().toString("latin1", at, at + length);
  }

  give(bytes, at, length) {
    const place = bytes.length ? (this.guest.proxy_on_memory_allocate ?? this.guest.malloc)(bytes.length) : 0;
    const memory = this.memory();
    bytes.copy(memory, place);
    memory.writeUInt32LE(place, at);
    memory.writeUInt32LE(bytes.length, length);
    return OK;
  }

  functions() {
    const map = (kind) => (this.headers[kind] ??= []);
    const without = (kind, name) => map(kind).filter(([own]) => own !== name);
    return {
      proxy_log: () => OK,
      proxy_get_status: () => NOT_FOUND,
      proxy_set_tick_period_milliseconds: () => OK,
      proxy_set_property: () => OK,
      proxy_increment_metric: () => OK,
      proxy_record_metric: () => OK,
      proxy_send_local_response: () => OK,
      proxy_define_metric: (kind, name, length, id) => {
        this.memory().writeUInt32LE(++this.metrics, id);
        return OK;
      },
      proxy_get_current_time_nanoseconds: (at) => {
        this.memory().writeBigUInt64LE((this.now += 1_000_000n), at);
        return OK;
      },
      proxy_get_buffer_bytes: (kind, start, length, at, size) => {
        const buffer = this.buffers[kind];
        if (!buffer?.length) return NOT_FOUND;
        return this.give(buffer.subarray(start, start + (length >>> 0)), at, size);
      },
      proxy_set_buffer_bytes: (kind, start, length, at, size) => {
        const buffer = this.buffers[kind] ?? Buffer.alloc(0);
        const put = Buffer.from(this.memory().subarray(at, at + size));
        this.buffers[kind] = Buffer.concat([buffer.subarray(0, start), put, buffer.subarray(start + (length >>> 0))]);
        return OK;
      },
      proxy_get_header_map_pairs: (kind, at, size) => {
        const pairs = map(kind).map((pair) => pair.map((part) => Buffer.from(part)));
        const sizes = Buffer.alloc(4 + 8 * pairs.length);
        sizes.writeUInt32LE(pairs.length, 0);
        pairs.flat().forEach((part, index) => sizes.writeUInt32LE(part.length, 4 + 4 * index));
        const parts = pairs.flat().flatMap((part) => [part, Buffer.alloc(1)]);
        return this.give(Buffer.concat([sizes, ...parts]), at, size);
      },
      proxy_get_header_map_value: (kind, name, length, at, size) => {
        const found = map(kind).find(([own]) => own === this.text(name, length));
        return found ? this.give(Buffer.from(found[1]), at, size) : NOT_FOUND;
      },
      proxy_add_header_map_value: (kind, name, length, value, size) => {
        map(kind).push([this.text(name, length), this.text(value, size)]);
        return OK;
      },
      proxy_replace_header_map_value: (kind, name, length, value, size) => {
        const own = this.text(name, length);
        this.headers[kind] = [...without(kind, own), [own, this.text(value, size)]];
        return OK;
      },
      proxy_remove_header_map_value: (kind, name, length) => {
        this.headers[kind] = without(kind, this.text(name, length));
        return OK;
      },
      proxy_get_shared_data: (key, length, at, size, cas) => {
        const found = this.shared.get(this.text(key, length));
        if (!found) return NOT_FOUND;
        this.memory().writeUInt32LE(found.cas, cas);
        return this.give(found.value, at, size);
      },
      proxy_set_shared_data: (key, length, at, size, cas) => {
        const name = this.text(key, length);
        const before = this.shared.get(name)?.cas ?? 0;
        if (cas && before && cas !== before) return CAS_MISMATCH;
        this.shared.set(name, { value: Buffer.from(this.memory().subarray(at, at + size)), cas: before + 1 });
        return OK;
      },
    };
  }

  exchange({ method, path, query, request, status, type, chunks }) {
    const id = this.next++;
    this.guest.proxy_on_context_create(id, 1);
    this.headers = {
      [REQUEST_HEADERS]: [
        [":method", method], [":path", path + (query ? `?${query}` : "")], [":authority", "api.example.com"],
        [":scheme", "https"], ["content-type", "application/json"], ["content-length", `${request.length}`],
        ["authorization", "Bearer nobody"], ["user-agent", "recorded"], ["x-tenant", "acme"],
        ["x-request-id", "3d2b2f5e-8a6e-4f1e-9b8e-1d2c3b4a5f60"],
      ],
      [RESPONSE_HEADERS]: [[":status", `${status}`], ["content-type", type], ["server", "upstream"]],
    };
    this.guest.proxy_on_request_headers(id, 10, request.length ? 0 : 1);
    if (request.length) this.body("proxy_on_request_body", REQUEST_BODY, id, request, true);
    this.guest.proxy_on_response_headers(id, 3, 0);
    for (const chunk of [...chunks, Buffer.alloc(0)]) {
      this.body("proxy_on_response_body", RESPONSE_BODY, id, chunk, !chunk.length);
    }
    this.guest.proxy_on_log(id);
    this.guest.proxy_on_delete(id);
  }

  body(callback, kind, id, bytes, last) {
    this.buffers[kind] = bytes;
    this.guest[callback](id, bytes.length, last ? 1 : 0);
  }
}

function* exchanges() {
  for (const dialect of readdirSync(recorded, { withFileTypes: true }).filter((entry) => entry.isDirectory())) {
    const folder = join(recorded, dialect.name);
    const files = readdirSync(folder).sort();
    const told = files.filter((file) => file.endsWith(".meta.json")).slice(0, RECORDINGS);
    for (const name of told.map((file) => file.slice(0, -".meta.json".length))) {
      const answer = files.find((file) => file.startsWith(`${name}.response`));
      const { method, path, query, status, response_headers } = JSON.parse(readFileSync(join(folder, `${name}.meta.json`)));
      const asked = join(folder, `${name}.request.json`);
      if (!answer) continue;
      const bytes = readFileSync(join(folder, answer));
      if (bytes.length > LONGEST) continue;
      const request = existsSync(asked) ? readFileSync(asked) : Buffer.alloc(0);
      const type = response_headers?.["content-type"] ?? "application/json";
      const events = bytes.toString("latin1").split(/(?<=\n\n)/).map((event) => Buffer.from(event, "latin1"));
      const pieces = Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, n) =>
        bytes.subarray(n * CHUNK, (n + 1) * CHUNK));
      for (const chunks of [events, pieces]) yield { method, path, query, request, status, type, chunks };
    }
  }
}

const module = new WebAssembly.Module(readFileSync(path));
const noted = Buffer.alloc(+length);
const notes = (host) => host.memory().subarray(+base, +base + noted.length);
const add = {
  ways: (seen) => seen.forEach((way, at) => (noted[at] |= way)),
  counts: (seen) => {
    for (let at = 0; at < noted.length; at += 8) {
      noted.writeBigUInt64LE(noted.readBigUInt64LE(at) + seen.readBigUInt64LE(at), at);
    }
  },
};
let seen = 0;
for (const policy of policies) {
  const host = new Host(module, { hold_headers: true, policy: { hemostat: 1, ...policy } });
  if (kind === "counts") notes(host).fill(0);
  for (const exchange of exchanges()) {
    host.exchange(exchange);
    seen++;
  }
  add[kind](notes(host));
}
writeFileSync(out, noted);
console.log(`${seen} exchanges`);
