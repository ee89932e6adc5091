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

/// `data:` lines of one server-sent event; above, it is `too_big`. Real events have one; a pretty-printed document has
/// a line a value. Each costs the memory of a range beside its bytes.
pub const EVENT_LINES: usize = 65_536;

/// A number inside tool arguments that come in pieces, in bytes; a longer one is read as plain text. It is held until
/// its last digit; no real number is near.
pub const INNER_NUMBER_BYTES: usize = 1024;
/// Answers that one call may ask for (`n`, `candidateCount`): the most that OpenAI takes; others take fewer.
pub const CHOICES: u32 = 128;

/// What is remembered of a Responses stream so that its ending can repeat it, in bytes: the final event must hold the
/// whole answer, and an event of more than [`EVENT_BYTES`] would be too big for whoever reads it.
pub const REPEATED_BYTES: usize = EVENT_BYTES;

/// An id or a model's name that an answer carries and an ending repeats, in bytes. Real ones are under 100.
pub const ANSWER_ID_BYTES: usize = 512;
/// Compiled matchers kept per policy: one for each set of rules that met in an exchange. Callers choose labels, and
/// labels choose sets, so the number must not follow them.
pub const MATCHERS: usize = 32;

/// Raw bytes of frames that wait in one stream, for whatever reason; twice the largest event.
pub const HELD_FRAME_BYTES: usize = 2 * EVENT_BYTES;

/// How much of a request's body is kept for rules that only watch. More is counted as `too_big` and not looked at.
pub const PEEKED_BYTES: usize = 4 * 1024 * 1024;

/// How long what upstream still sends after a cut is swallowed, in nanoseconds. POLICY "Streams", guarantee 5.
pub const DRAIN_NS: u64 = 60 * 1_000_000_000;
/// A pattern's source, in bytes. Long word lists still fit; what is longer is data, not a pattern.
pub const PATTERN_BYTES: usize = 16 * 1024;

/// Nesting of groups and classes in a pattern. Parsing and rewriting recurse this deep at most.
pub const PATTERN_NEST: u32 = 64;

/// One compiled pattern, in bytes of its automaton. `.{1,4000}` over UTF-8 needs about this much.
pub const PATTERN_AUTOMATON_BYTES: usize = 1024 * 1024;

/// All automata of one matcher together, in bytes. A worker's whole memory should stay under some 5 MiB.
pub const MATCHER_AUTOMATON_BYTES: usize = 4 * 1024 * 1024;

/// Lazily built states that many patterns share, in bytes; when full, they are dropped and built anew.
/// The 60 patterns of all packs need about a third of it on English text.
pub const SCAN_CACHE_BYTES: usize = 1024 * 1024;

/// The same for a pattern that has an automaton of its own (it repeats lazily).
pub const SCAN_SOLO_CACHE_BYTES: usize = 128 * 1024;

/// While text is held, it grows in pieces of this size, so that a partial match that dies early costs no copy of a
/// large text.
pub const SCAN_PIECE_BYTES: usize = 1024;

/// Steps that looking for the earliest live start may cost for each byte since the text was last quiet. English text
/// needs under 2; beyond it the hold is longer than it must be, never shorter.
pub const SCAN_STEPS_PER_BYTE: u64 = 64;

/// Steps that are free after a quiet point: enough for the square of any ordinary word's length.
pub const SCAN_STEPS_FREE: u64 = 4096;
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

/// Slots of storage for accounts, each with up to [`LEDGER_WAYS`] of them: with what a proxy's map adds to a value,
/// all of it stays under 16 MB however many keys callers think up.
pub const LEDGER_SLOTS: u32 = 3584;

/// Accounts that share one slot. Wide enough that one limit's share of a slot seldom runs out before its share of the
/// whole; narrow enough that a slot (4 KiB when full) is cheap to copy.
pub const LEDGER_WAYS: usize = 32;

/// Slots are in this many groups, chosen by the first label of `per`: with a quarter of the limit's share in a quarter
/// of the slots, no value of it takes more than 1/16 (POLICY "Limits").
pub const LEDGER_GROUPS: u32 = 4;

/// However many limits there are, each may take this many accounts of a slot.
pub const LEDGER_LEAST_SHARE: usize = 4;

/// Slots for the accounts that keys share when their own slot is full.
pub const LEDGER_OVERFLOW_SLOTS: u32 = 16;

/// Attempts to write an account before the outcome is `contended`. Each lost one is another worker's success.
pub const LEDGER_RETRIES: u32 = 64;

/// A clock that steps back by less than this waits; by more, it was set, and accounts go on from there.
pub const LEDGER_CLOCK_STEP_NS: u64 = 60 * 1_000_000_000;

/// Leases are counted by the slice of time in which they were last renewed.
pub const LEASE_SLICE_NS: u64 = 30 * 1_000_000_000;

/// A lease lapses when its slice is this many slices back: 2 minutes after its renewal, up to a slice more.
pub const LEASE_SLICES: usize = 5;

/// Tokens of one request beyond which upstream's word is not believed. POLICY "Limits".
pub const USAGE_TOKENS: u64 = 4_000_000;

/// Limits of one policy: each costs a read and a write a request.
pub const LIMITS: usize = 64;
