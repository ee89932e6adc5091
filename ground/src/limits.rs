//! Every bound of the engine in one place, with the reason for its number.

mod telling;

pub use telling::*;

/// Decoded text that partial matches may hold in one stream, in bytes. POLICY "Streams", guarantee 4.
pub const HELD_TEXT_BYTES: usize = 16 * 1024;

/// A tool call that must be seen whole is held to this many bytes of raw events. POLICY "Streams", guarantee 4.
pub const HELD_CALL_BYTES: usize = 1024 * 1024;

/// One event of a stream, in bytes. POLICY "Streams", guarantee 4: beyond it the event is `too_big`.
pub const EVENT_BYTES: usize = 4 * 1024 * 1024;

/// All holds of one process together, in bytes. POLICY "Streams".
pub const HELD_PROCESS_BYTES: usize = 64 * 1024 * 1024;

/// What rules may hold back in one VM, in bytes. A proxy has one VM per worker and does not tell how many: with this
/// share [`HELD_PROCESS_BYTES`] is kept for up to 8 workers, and one stream can still hold a tool call of the largest
/// size beside others.
pub const HELD_VM_BYTES: usize = HELD_PROCESS_BYTES / 8;

/// Everything that one VM keeps from one callback to the next, in bytes: what is held, incomplete frames, bodies that
/// are watched. About ten of the largest events may be in transit at a time; what does not fit is not scanned, and is
/// handled as the policy says.
pub const KEPT_VM_BYTES: usize = 64 * 1024 * 1024;

/// The maximum size of one VM's memory, in bytes: the largest body that the samples permit, full of hits, with its
/// document, what is found in it ([`FOUND_BYTES`]) and the body that replaces it, beside everything that is kept. No
/// code checks it: it follows from the other numbers, and tests hold a VM to it under the worst mix of traffic.
pub const VM_BYTES: usize = 640 * 1024 * 1024;

/// What was found in the texts of one event or of one whole body, and what is to be changed in it, in bytes. A body
/// with the maximum number of values, each of them redacted, fits; no body has more by chance, and everything derived
/// from it until it leaves stays well under the gibibyte that proxies give a VM.
pub const FOUND_BYTES: usize = 48 * 1024 * 1024;

/// A change of a body until it is written, in bytes, in addition to the replacement: its entry in the list, and its
/// allocation. The same on every machine, so that the same bodies fit.
pub const EDIT_BYTES: usize = 40;

/// A long text is searched in slices of this many bytes, between which it is checked whether what was found still fits.
pub const SLICE_BYTES: usize = 64 * 1024;

/// Arguments of the calls of one answer that are kept together until the calls are judged, in bytes: twice the largest
/// call.
pub const CALLS_BYTES: usize = 2 * HELD_CALL_BYTES;

/// Entries of lists that a stream keeps for reuse: more than an ordinary event needs. Longer lists are freed, or every
/// stream would keep what its largest event took.
pub const SPARE_ENTRIES: usize = 1024;

/// A stream that holds no more than this may use the part that larger ones must leave, in bytes: a text in the middle
/// of a match, an ordinary incomplete event.
pub const HELD_FLOOR_BYTES: usize = 32 * 1024;

/// Nesting of a JSON document. Real requests nest less than 30 deep (JSON Schemas of tools); since parsing is not
/// recursive, the number is a matter of memory, not of stack.
pub const JSON_DEPTH: usize = 256;

/// Names, and pieces of a name, of one call. A model writes a name in a few tokens; clients may use any piece as the
/// name, so all are judged whenever one arrives.
pub const CALL_NAMES: usize = 256;

/// Values in one JSON document (32 bytes each, so 32 MB at most while one is read).
pub const JSON_NODES: usize = 1_000_000;

/// Running texts of one stream that are open at the same time (choices, content blocks, tool arguments).
pub const OPEN_TEXTS: usize = 1024;
/// Bytes of a text's beginning by which a copy of it is distinguished from a piece that continues it: few pieces begin
/// with this many equal bytes.
pub const HEAD_BYTES: usize = 16;
/// Bytes of a text over which a sum is kept, so that a repetition that continues the text is distinguished from a copy
/// that differs. Longer texts are not compared, and a repetition of one is scanned separately: it is complete there. A
/// sum costs more per byte than the search does.
pub const SUMMED_BYTES: usize = 256;
/// Texts that have ended in the middle of a possible match, and whose search is kept in case they continue: more than
/// an ordinary answer has choices or blocks.
pub const ENDED_TEXTS: usize = 64;
/// Models that a request may name in addition to its own; routers use a handful.
pub const OTHER_MODELS: usize = 64;
/// Places of one stream that no dialect knows and that had text recently. An event with search results has a few
/// hundred; each takes about 400 bytes.
pub const UNKNOWN_PLACES: usize = 4096;
/// Frames after which a text at an unknown place is over if none of them continued it: a text that occurs once (a
/// citation) must not hold the rest of the answer until its end.
pub const UNKNOWN_IDLE_FRAMES: u64 = 16;
/// How many times in a row, from the first on, a string must occur at an unknown place to be taken for a label rather
/// than for equal pieces; and the minimum length of one in bytes, since pieces are short.
pub const LABEL_REPEATS: u32 = 3;
/// See [`LABEL_REPEATS`].
pub const REPEATED_LABEL_BYTES: usize = 3;
/// The minimum length, in bytes, of a text that is repeated with more after it to be taken for a growing one.
pub const GROWN_BYTES: usize = 4;
/// The longest string at an unknown place that is always kept for comparison with the next, in bytes.
pub const UNKNOWN_TEXT_BYTES: usize = 256;
/// Bytes of longer strings at unknown places that an answer keeps for the same purpose, in total: the pages that a few
/// searches found, or code and its output. For what does not fit, digests are kept, which cost thirty times as much as
/// the search.
pub const UNKNOWN_KEPT_BYTES: usize = 64 * 1024;

/// Bytes of a file in a request that tell whether it is text. Binary formats contain a zero or invalid UTF-8 within the
/// first few hundred.
pub const INLINE_HEAD_BYTES: usize = 4096;

/// A label, in bytes; longer ones are cut and digested. POLICY "when".
pub const LABEL_BYTES: usize = 256;

/// `data:` lines of one server-sent event; above, it is `too_big`. Real events have one; a pretty-printed document has
/// one per value. Each costs the memory of a range in addition to its bytes.
pub const EVENT_LINES: usize = 65_536;

/// A number inside tool arguments that arrive in pieces, in bytes; a longer one is read as plain text. It is held until
/// its last digit; real numbers are far shorter.
pub const INNER_NUMBER_BYTES: usize = 1024;
/// Answers that one call may ask for (`n`, `candidateCount`): the most that OpenAI accepts; others accept fewer.
pub const CHOICES: u32 = 128;

/// Answers that one call of legacy completions may ask for, over all its prompts: 128 prompts with 16 answers each are
/// more than servers accept at once.
pub const COMPLETIONS: u32 = 2048;

/// Whole texts of a stream that were searched without a hit and may be repeated, in bytes: about four thousand tokens.
/// Longer answers are searched each time; this is small enough to be kept by each stream, whatever the others hold.
pub const CLEAN_TEXTS_BYTES: usize = 16 * 1024;

/// The number of such texts: reasoning, a few messages, and parts of them.
pub const CLEAN_TEXTS: usize = 16;

/// A shorter text is searched as fast as it is looked up among those.
pub const CLEAN_TEXT_BYTES: usize = 64;

/// What is remembered of a Responses stream so that its ending can repeat it, in bytes: the final event must contain
/// the whole answer, and an event of more than [`EVENT_BYTES`] would be too big for its readers.
pub const REPEATED_BYTES: usize = EVENT_BYTES;

/// An id or a model's name that an answer carries and an ending repeats, in bytes. Real ones are under 100.
pub const ANSWER_ID_BYTES: usize = 512;
/// Compiled matchers kept per policy: one for each set of rules that occurred in an exchange. Callers choose labels,
/// and labels choose sets, so the number must not follow them.
pub const MATCHERS: usize = 32;

/// Raw bytes of frames that wait in one stream, for whatever reason; twice the largest event.
pub const HELD_FRAME_BYTES: usize = 2 * EVENT_BYTES;

/// How much of a request's body is kept for rules that only watch. A longer body is counted as `too_big` and not
/// scanned.
pub const PEEKED_BYTES: usize = 4 * 1024 * 1024;

/// What is kept of an answer that no rule looks at, in bytes, so that a policy that comes into force can end it in its
/// dialect. Nearly every stream is shorter; of a longer one, its contents are read and kept instead.
pub const PASSED_BYTES: usize = 256 * 1024;

/// How long a stream that a policy has stopped may be silent before it is reset, in nanoseconds: an ending can only
/// leave with bytes from upstream. POLICY `running` says five seconds; a worker follows within one.
pub const SILENT_NS: u64 = 3_500_000_000;

/// How long what upstream still sends after a cut is discarded, in nanoseconds. POLICY "Streams", guarantee 5.
pub const DRAIN_NS: u64 = 60 * 1_000_000_000;
/// Tools in MCP lists that a worker remembers as having another definition than a rule pins.
pub const TOOLS_CHANGED: usize = 1024;

/// A value that a label's pattern is searched in, in bytes: ids and tokens are shorter. A longer one is unreadable.
pub const EXTRACT_TEXT_BYTES: usize = 4096;

/// States of a label's pattern: multiplied by the bytes above, this bounds a search's memory (1 MiB) and its steps.
pub const EXTRACT_STATES: usize = 2048;

/// A pattern's source, in bytes. Long word lists still fit; what is longer is data, not a pattern.
pub const PATTERN_BYTES: usize = 16 * 1024;

/// Nesting of groups and classes in a pattern. What walks its tree recurses this deep at most.
pub const PATTERN_NEST: usize = 64;

/// One compiled pattern, in bytes of its automaton. `.{1,4000}` over UTF-8 needs about this much.
pub const PATTERN_AUTOMATON_BYTES: usize = 1024 * 1024;

/// All automata of one matcher together, in bytes. A worker's whole memory should stay under about 5 MiB.
pub const MATCHER_AUTOMATON_BYTES: usize = 4 * 1024 * 1024;

/// Lazily built states that many patterns share, in bytes; when full, they are dropped and built anew.
/// The 60 patterns of all packs need about a third of it on English text.
pub const SCAN_CACHE_BYTES: usize = 1024 * 1024;

/// The same for a pattern with an automaton of its own (it repeats lazily).
pub const SCAN_SOLO_CACHE_BYTES: usize = 128 * 1024;

/// Text up to this length is first read as if it contained nothing, which saves an event most of the cost of searching;
/// if it does, it is read again.
pub const GLIDE_BYTES: u64 = 256;

/// A complete text up to this length is read once for all patterns, since nearly none has a match: the state kept for a
/// growing text costs more than reading so little. In a longer one, reading is faster where nothing can begin.
pub const SHORT_TEXT_BYTES: usize = 64;

/// Text of at least this length is searched for the byte that every match needs before it is read: for less it saves
/// nothing.
pub const SKIPPED_BYTES: usize = 64;

/// While text is held, it grows in pieces of this size, so that a partial match that dies early does not copy a large
/// text.
pub const SCAN_PIECE_BYTES: usize = 1024;

/// Steps that finding the earliest live start may take for each byte since the text was last quiet. English text needs
/// under 2; beyond it the hold is longer than necessary, never shorter. Building a whole cache of states counts as many
/// steps as it has bytes.
pub const SCAN_STEPS_PER_BYTE: u64 = 64;

/// Steps that are free after a quiet point: enough for the square of any ordinary word's length.
pub const SCAN_STEPS_FREE: u64 = 4096;

/// Bytes that may be read again for each byte of a text: after a match of a pattern that repeats lazily, and when the
/// cache of states was dropped. Beyond it the text is held, which `on_hold_limit` ends. Ordinary text needs under 1.
pub const SCAN_AGAIN_PER_BYTE: u64 = 16;

/// Transitions of a matcher's automaton that are kept in flat rows, in bytes; when full, they are dropped and looked up
/// anew. All packs on English text fill about half of it.
pub const SCAN_ROWS_BYTES: usize = 512 * 1024;

/// Steps that finding the exact spans of one pattern may take for each byte of the stretch in which it matched. The
/// packs' patterns need under 40; beyond it the rest of the stretch counts as found: more than the match, never less.
pub const SCAN_EXACT_STEPS_PER_BYTE: u64 = 128;

/// Steps of that kind that are free in a stretch: enough for a short one under any pattern.
pub const SCAN_EXACT_FREE: u64 = 64 * 1024;

/// The memory of failures of one stretch and pattern, in bytes. A stretch of a mebibyte under a pattern such as
/// `(?i)iban(.*[A-Z]{2})?` needs about a quarter of it; beyond it nothing is remembered, and the bound on steps
/// applies.
pub const SCAN_EXACT_MEMO_BYTES: usize = 4 * 1024 * 1024;

/// A policy or a plugin configuration, in bytes of text. The longest real ones are some tens of KiB; the rest of the
/// mebibyte is for pasted pattern lists.
pub const POLICY_BYTES: usize = 1024 * 1024;

/// Nesting of a policy. The language itself nests 8 deep; the rest is for `json` and `body`, which are free-form. It
/// bounds the recursion of every walk over a policy.
pub const POLICY_DEPTH: usize = 64;

/// Values in a policy, aliases expanded: the number of short values that fit in a mebibyte, so that only aliases can
/// exceed it.
pub const POLICY_NODES: usize = 200_000;

/// Findings kept for one policy; nobody reads more, and the cost of a text full of mistakes must not exceed its length.
pub const POLICY_DIAGNOSTICS: usize = 200;

/// An id or a version, in characters. POLICY, introduction.
pub const ID_CHARS: usize = 64;

/// A release's envelope, in bytes. Its payload contains a policy of at most [`POLICY_BYTES`], and base64 turns three
/// bytes into four; the rest is for signatures.
pub const ENVELOPE_BYTES: usize = POLICY_BYTES / 3 * 4 + 64 * 1024;

/// Policies that a process holds, so that going back needs no download. POLICY "The blob".
pub const HELD_POLICIES: usize = 8;

/// Serials are below 2^53, where every double still holds a whole number exactly. POLICY "The blob".
pub const SERIALS: u64 = 1 << 53;

/// How far a key that may only roll back may raise the serial, so that it cannot use up the numbers. POLICY "The blob".
pub const ON_CALL_SERIALS: u64 = 1000;

/// Activations that a process remembers for `history`: enough for a long incident, at about 200 bytes each.
pub const HISTORY: usize = 32;

/// Reviewed policies that one release may name (`prepared`): a runbook has a dozen.
pub const PREPARED: usize = 64;

/// Free text of a release (`reason`, `issuer`), in bytes.
pub const RELEASE_TEXT_BYTES: usize = 1024;

/// Signatures of one envelope, and verifications that one envelope may cost: about 0.1 ms each in the module.
pub const ENVELOPE_SIGNATURES: usize = 8;

/// Keys in `trust.keys`. Teams have a handful; with [`ENVELOPE_SIGNATURES`] it bounds what a hostile envelope costs.
pub const TRUSTED_KEYS: usize = 32;

/// How long a source has to answer, in milliseconds. It serves a static file.
pub const POLL_TIMEOUT_MS: u64 = 5_000;

/// A source that fails is polled at least this often, in milliseconds, so that it is used soon after it is up again.
pub const POLL_SLOWEST_MS: u64 = 30_000;

/// An `ETag` that is sent back, in bytes. Real ones are under 100.
pub const ETAG_BYTES: usize = 256;

/// How long a source may be silent before that is an event, in milliseconds. POLICY "The blob".
pub const POLL_SILENT_MS: u64 = 5 * 60 * 1000;

/// How often a worker looks for a new release, in milliseconds; all must follow within a second (POLICY "The blob").
pub const FOLLOW_MS: u64 = 200;

/// The last error that status shows, in bytes.
pub const TROUBLE_BYTES: usize = 2048;

/// Threads that report what their filter configuration runs, over all configurations of a scope: 16 of each on a
/// machine of 16 cores.
pub const FOLLOWERS: usize = 256;

/// How often each of them reports, in seconds, in addition to every change.
pub const FOLLOWER_EVERY_S: u64 = 5;

/// The reason why a source provided no release, in characters.
pub const POLL_ERROR_CHARS: usize = 300;

/// A thread that has not reported for this long is dropped, in seconds: two reports may be missed.
pub const FOLLOWER_SILENT_S: u64 = 15;

/// Why a configuration cannot follow, in bytes: [`FOLLOWERS`] of them are read and written at once.
pub const FOLLOWER_TEXT_BYTES: usize = 400;

/// How long a request may wait for the first byte of its body before the host is suspected of never delivering any, in
/// nanoseconds: longer than a caller needs, shorter than it is willing to wait.
pub const BODY_LATE_NS: u64 = 5 * 1_000_000_000;

/// Counters that are marked when a policy comes into force: those of 200 rules with five actions each.
pub const MARKED_COUNTERS: usize = 1024;

/// How often counters are marked for rates, in milliseconds: a rate covers one to two of these periods.
pub const MARKS_EVERY_MS: u64 = 30_000;

/// The shortest period over which a rate is reported, in milliseconds.
pub const RATE_LEAST_MS: u64 = 5_000;

/// Providers whose status pages are watched.
pub const PROVIDERS: usize = 8;

/// Incidents of a provider that are kept: further ones on a page are ignored.
pub const PROVIDER_INCIDENTS: usize = 8;

/// A text of a status page, in characters.
pub const PROVIDER_TEXT_CHARS: usize = 200;

/// A status page, in bytes: those of large providers have about 100 components and 50 KB.
pub const PROVIDER_BYTES: usize = 512 * 1024;

/// How often a status page is polled at most, in seconds: it is a third party's server.
pub const PROVIDER_LEAST_S: u64 = 10;

/// Events outside of traffic that status shows.
pub const RECENT_EVENTS: usize = 16;

/// One of them, in bytes.
pub const RECENT_EVENT_BYTES: usize = 1024;

/// A grant's envelope, in bytes. One has about 600; a tenant's or tool's name may be long.
pub const GRANT_BYTES: usize = 4096;

/// Signatures that one request's grants may cost to verify, a few tenths of a millisecond each in the module: every
/// trusted key for one grant that names none, and one for each of the others.
pub const GRANT_VERIFICATIONS: usize = TRUSTED_KEYS + GRANTS;

/// Grants that one request may carry: one for each call of its answer, and answers rarely have more calls.
pub const GRANTS: usize = 8;

/// Values that remember used grants, and grants in each: 4096 together in 96 KiB of the process. A grant is remembered
/// for an hour after its expiry.
pub const GRANT_SLOTS: u32 = 64;

/// See [`GRANT_SLOTS`].
pub const GRANTS_IN_SLOT: usize = 64;

/// A tool's name as it is shown in place of a call, in characters; a longer one is not repeated.
pub const TOOL_NAME_CHARS: usize = 64;
/// Characters of one range in a class that are folded one by one. It covers the alphabets that have look-alikes.
pub const FOLDED_RANGE_CHARS: usize = 4096;

/// The response object of a Responses stream, kept so that its ending repeats its settings, in bytes. It echoes the
/// tools and instructions of the request; a longer one is replaced by its shortest form.
pub const REPEATED_HEAD_BYTES: usize = 64 * 1024;

/// Slots of storage for accounts, each with up to [`LEDGER_WAYS`] of them: including the overhead of a proxy's map for
/// each value, all of it stays under 16 MB however many keys callers invent.
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

/// How often writing an account is tried before the outcome is `contended`. Each failed try is another worker's
/// success.
pub const LEDGER_RETRIES: u32 = 64;

/// A clock that steps back by less than this is waited for; by more, it was set, and accounts continue from there.
pub const LEDGER_CLOCK_STEP_NS: u64 = 60 * 1_000_000_000;

/// Leases are counted by the slice of time in which they were last renewed, in nanoseconds.
pub const LEASE_SLICE_NS: u64 = 30 * 1_000_000_000;

/// A lease lapses when its slice is this many slices back: 2 minutes after its renewal, up to a slice more.
pub const LEASE_SLICES: usize = 5;

/// Tokens of one request above which upstream's report is not believed. POLICY "Limits".
pub const USAGE_TOKENS: u64 = 4_000_000;

/// Limits of one policy: each costs one read and one write per request.
pub const LIMITS: usize = 64;

/// Accounts of one limit that status shows: the fullest. Operators want to know who is near the cap.
pub const BALANCES: usize = 8;

/// Slots for the names of accounts, and names in each: 2048 together, in a third of a mebibyte.
pub const NAMES_SLOTS: u32 = 256;

/// See [`NAMES_SLOTS`].
pub const NAMES_IN_SLOT: usize = 8;

/// One value of a name, in bytes: people recognise it by its beginning. The number fits a byte.
pub const NAME_BYTES: usize = 64;

/// How often one worker notes the name of one account, in nanoseconds, so that an active account's name is back soon
/// after it was dropped.
pub const NAMES_RENEW_NS: u64 = 10 * 1_000_000_000;

/// Accounts whose names one worker remembers having noted.
pub const NAMES_KNOWN: usize = 1024;

/// A key or a method while it is unknown whether a body is MCP, in bytes as written. The longest method has about 40
/// letters, each at most six bytes.
pub const SNIFFED_NAME_BYTES: usize = 256;

/// Messages of one JSON-RPC batch. Clients that batch at all send a handful; each id is looked up among the others.
pub const BATCH_MESSAGES: usize = 1024;

/// How much of a body without a declared type waits until it is known not to be MCP. A longer one is forwarded, and
/// refused if it turns out to be a call after all: clients write the method near the beginning.
pub const SNIFFED_BYTES: usize = 64 * 1024;

/// How much of a body is examined, as it passes, for a call in a format that is not read. A call that names its model
/// after a longer conversation is not counted; if such calls must not pass, all of a body is examined.
pub const LANE_BYTES: usize = 1024 * 1024;

/// Slots of storage for usage that is owed to rate-limit services, each with up to [`FLEET_WAYS`] accounts: 8192 with
/// usage within one turn of reporting, or during an outage. It divides [`LEDGER_SLOTS`].
pub const FLEET_SLOTS: u32 = 512;

/// Accounts that share one of those slots. With [`FLEET_TEXT_BYTES`] a slot stays under 16 KiB, and all under 8 MB.
pub const FLEET_WAYS: usize = 16;

/// Entries of one account's descriptor: the limit and the labels in its `per`.
pub const FLEET_ENTRIES: usize = 9;

/// Text of one account's descriptor, in bytes. Above it label values are sent as digests, which have 71 bytes.
pub const FLEET_TEXT_BYTES: usize = 640;

/// The name of a rate-limit service's cluster or domain, in bytes: two length prefixes around the cluster stay ASCII.
pub const FLEET_NAME_BYTES: usize = 100;

/// How long a rate-limit service has to answer, in milliseconds. Such services answer within one or two; a request that
/// waits for one (`strict`) waits no longer than this.
pub const FLEET_CALL_MS: u64 = 500;

/// The maximum size of a rate-limit service's answer that is read, in bytes. One about a single descriptor has a few
/// dozen, and a few hundred with the headers that services add; a longer one counts as no answer.
pub const FLEET_ANSWER_BYTES: usize = 64 * 1024;

/// Usage that could not be reported when its window ended is still reported for another window's length, but at most
/// for this long (nanoseconds): it would count in a window that it does not belong to.
pub const FLEET_LATE_NS: u64 = 60 * 1_000_000_000;

/// Calls to rate-limit services that one worker has in flight: this many that end reservations, and this many reports.
pub const FLEET_CALLS: usize = 64;

/// How long room is reserved at a rate-limit service, in seconds: the default time-out of the SDKs of OpenAI and
/// Anthropic, after which no caller waits for an answer. A service that grants less (Limitador a minute, unless
/// `--max-reservation-ttl` is set) shortens it; usage counts whenever it is reported.
pub const FLEET_RESERVATION_S: u64 = 600;

/// The longest id of a reservation, in bytes. Limitador's are UUIDs as text, 36 bytes.
pub const FLEET_RESERVATION_BYTES: usize = 128;

/// Reservations that have ended and were not reported to their service yet, in one worker: under 2 MB with
/// [`FLEET_TEXT_BYTES`]. What does not fit is reported like other usage.
pub const FLEET_COMMITS: usize = 1024;

/// How long the end of a reservation waits at most until it is reported, in milliseconds: until then its room is
/// unavailable to others.
pub const FLEET_COMMIT_MS: u64 = 100;

/// How long a service without reservations is asked in the other way before reservations are tried again (nanoseconds):
/// it may have been replaced by one that has them.
pub const FLEET_PLAIN_NS: u64 = 600 * 1_000_000_000;

/// Bytes of an answer's beginning that are kept for its record: id and model are in the first few hundred.
pub const GLANCE_HEAD: usize = 2048;

/// Bytes that are allocated for each of an answer's ends when it begins: a short whole answer fits.
pub const GLANCE_BEGUN: usize = 1024;

/// Bytes of an answer's end that are kept for its record: usage is among the last members in every dialect; twice this
/// much is held before the older half is dropped.
pub const GLANCE_TAIL: usize = 4096;
