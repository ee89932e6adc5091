//! Every bound of the engine in one place, with the reason for its number.

/// Decoded text that partial matches may hold in one stream, in bytes. POLICY "Streams", guarantee 4.
pub const HELD_TEXT_BYTES: usize = 16 * 1024;

/// A tool call that must be seen whole is held to this many bytes of raw events. POLICY "Streams", guarantee 4.
pub const HELD_CALL_BYTES: usize = 1024 * 1024;

/// One event of a stream, in bytes. POLICY "Streams", guarantee 4: beyond it the event is `too_big`.
pub const EVENT_BYTES: usize = 4 * 1024 * 1024;

/// All holds of one process together, in bytes. POLICY "Streams".
pub const HELD_PROCESS_BYTES: usize = 64 * 1024 * 1024;

/// Nesting of a JSON document. Real requests nest under 30 (JSON Schemas of tools); recursion-free parsing makes the
/// number a matter of memory, not of stack.
pub const JSON_DEPTH: usize = 256;

/// Values in one JSON document (24 bytes each, so 24 MiB at most while one is read).
pub const JSON_NODES: usize = 1_000_000;

/// Running texts of one stream that are open at the same time (choices, content blocks, tool arguments).
pub const OPEN_TEXTS: usize = 1024;

/// A label, in bytes; longer ones are cut and digested. POLICY "when".
pub const LABEL_BYTES: usize = 256;

/// A policy or a plugin configuration, in bytes of text. The longest real ones are some tens of KiB; the rest of the
/// mebibyte is for pasted pattern lists.
pub const POLICY_BYTES: usize = 1024 * 1024;

/// Nesting of a policy. The language itself nests 8 deep; the rest is for `json` and `body`, which are free. It bounds
/// the recursion of every walk over a policy.
pub const POLICY_DEPTH: usize = 64;

/// Values in a policy, aliases expanded: what a mebibyte of short values holds, so that only aliases can pass it.
pub const POLICY_NODES: usize = 200_000;

/// Findings kept for one policy; nobody reads further, and text made of mistakes must not cost more than it is long.
pub const POLICY_DIAGNOSTICS: usize = 200;

/// An id or a version, in characters. POLICY, introduction.
pub const ID_CHARS: usize = 64;
