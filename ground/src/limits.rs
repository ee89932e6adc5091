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

/// What rules may hold back in one VM, in bytes. A proxy has a VM a worker and tells nobody how many: with this share
/// [`HELD_PROCESS_BYTES`] holds for up to 8 workers, and one stream can still hold a tool call of the largest size
/// beside others.
pub const HELD_VM_BYTES: usize = HELD_PROCESS_BYTES / 8;

/// All that one VM keeps from one callback to the next, in bytes: what is held, frames that are not whole, bodies that
/// are watched. Some ten of the largest events may be on their way at a time; what does not fit is not looked at, and
/// follows the policy's word.
pub const KEPT_VM_BYTES: usize = 64 * 1024 * 1024;

/// What the memory of one VM grows to at most, in bytes: the largest body that the samples let in, full of hits, with its
/// document, what is found in it ([`FOUND_BYTES`]) and the body that is made of it, beside all that is kept. Nothing asks for
/// it: it is what the other numbers come to, and tests hold a VM to it under the worst mix of traffic.
pub const VM_BYTES: usize = 640 * 1024 * 1024;

/// What was found in the texts of one event, or of one whole body, and what is to be changed in it, in bytes. A body with
/// as many values as one may have, each of them redacted, fits; nobody writes one with more by chance, and all that is
/// made of it until it leaves stays well under the gibibyte that proxies give a VM.
pub const FOUND_BYTES: usize = 48 * 1024 * 1024;

/// A change of a body until it is written, in bytes, beside what takes the place of the old: the list it stands in, and
/// its allocation. The same on every machine, so that what fits is.
pub const EDIT_BYTES: usize = 40;

/// A long text is searched in slices of so many bytes: between two it is asked whether what was found still fits.
pub const SLICE_BYTES: usize = 64 * 1024;

/// Arguments of the calls of one answer that are kept together until the calls are judged, in bytes: twice the largest
/// call.
pub const CALLS_BYTES: usize = 2 * HELD_CALL_BYTES;

/// Entries of lists that a stream keeps to use again: more than an ordinary event needs. Longer ones are given back, or
/// every stream would keep what its greatest event took.
pub const SPARE_ENTRIES: usize = 1024;

/// A stream that holds no more than this may use what is kept free of the greater ones, in bytes: a text in the middle
/// of a match, an ordinary event that is not whole.
pub const HELD_FLOOR_BYTES: usize = 32 * 1024;

/// Nesting of a JSON document. Real requests nest under 30 (JSON Schemas of tools); recursion-free parsing makes the
/// number a matter of memory, not of stack.
pub const JSON_DEPTH: usize = 256;

/// Names, and pieces of a name, of one call. A model writes a name in a few tokens; any piece may be what a client takes
/// for the name, so all are judged whenever one comes.
pub const CALL_NAMES: usize = 256;

/// Values in one JSON document (36 bytes each, so 36 MB at most while one is read).
pub const JSON_NODES: usize = 1_000_000;

/// Running texts of one stream that are open at the same time (choices, content blocks, tool arguments).
pub const OPEN_TEXTS: usize = 1024;
/// Bytes of a text's beginning by which a copy of it is told from a piece that goes on with it: few pieces begin with as many
/// that are the same.
pub const HEAD_BYTES: usize = 16;
/// Bytes of a text of which a sum is kept, so that what says it once more and goes on is told from a copy that differs. Of longer
/// texts it is not told, and what is said of them once more is looked at by itself: it is whole there. A sum costs more a byte than
/// the search does.
pub const SUMMED_BYTES: usize = 256;
/// Texts that have ended in the middle of what may be a match, and whose search is kept in case they go on: more than
/// there are choices or blocks of an ordinary answer.
pub const ENDED_TEXTS: usize = 64;
/// Models that a request may name beside its own; routers take a handful.
pub const OTHER_MODELS: usize = 64;
/// Places of one stream that no dialect knows and that have said something lately. An event with the results of a search
/// has some hundreds; each takes about 400 bytes.
pub const UNKNOWN_PLACES: usize = 4096;
/// Frames after which a text at an unknown place is over if none of them went on with it: what is said once and in
/// passing (a citation) must not hold the rest of the answer until its end.
pub const UNKNOWN_IDLE_FRAMES: u64 = 16;
/// Times in a row, from the first on, that a string must come at an unknown place to be taken for a label and not for
/// pieces that are alike; and the fewest bytes of one: pieces are short.
pub const LABEL_REPEATS: u32 = 3;
/// See [`LABEL_REPEATS`].
pub const REPEATED_LABEL_BYTES: usize = 3;
/// The fewest bytes of a text that is said again with more behind it to be taken for one that grows.
pub const GROWN_BYTES: usize = 4;
/// The longest string at an unknown place that is always kept to be compared with the next.
pub const UNKNOWN_TEXT_BYTES: usize = 256;
/// Bytes of longer strings at unknown places that an answer keeps for the same, all together: the pages that a few
/// searches found, or code and what it printed. Of what does not fit digests are kept, which cost thirty times the search.
pub const UNKNOWN_KEPT_BYTES: usize = 64 * 1024;

/// Bytes of a file in a request that tell whether it is text. Binary formats have a zero or no UTF-8 within the first
/// few hundred.
pub const INLINE_HEAD_BYTES: usize = 4096;

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

/// Answers that one call of legacy completions may ask for, over all its prompts: 128 prompts, 16 answers each, are more
/// than servers take at once.
pub const COMPLETIONS: u32 = 2048;

/// Whole texts of a stream that were searched in vain and may be said again, in bytes: some four thousand tokens. Longer
/// answers are searched each time; this is little enough to be kept by each stream, whatever the others hold.
pub const CLEAN_TEXTS_BYTES: usize = 16 * 1024;

/// How many of them: reasoning, a few messages, and parts of them.
pub const CLEAN_TEXTS: usize = 16;

/// A shorter text is searched as fast as it is found among those.
pub const CLEAN_TEXT_BYTES: usize = 64;

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

/// What is kept of an answer that nobody looks at, in bytes, so that a policy that comes into force can end it as its
/// dialect does. Nearly every stream is shorter; of one that is longer, what it says is read and kept instead.
pub const PASSED_BYTES: usize = 256 * 1024;

/// How long a stream that a policy has stopped may be silent before it is reset, in nanoseconds: an ending can only
/// leave with bytes of upstream's. POLICY `running` says five seconds; a worker follows within one.
pub const SILENT_NS: u64 = 3_500_000_000;

/// How long what upstream still sends after a cut is swallowed, in nanoseconds. POLICY "Streams", guarantee 5.
pub const DRAIN_NS: u64 = 60 * 1_000_000_000;
/// Tools of MCP's lists that a worker remembers to have another definition than a rule pins.
pub const TOOLS_CHANGED: usize = 1024;

/// A value that a label's pattern is searched in, in bytes: ids and tokens are shorter. One that is longer is unreadable.
pub const EXTRACT_TEXT_BYTES: usize = 4096;

/// States of a label's pattern: times the bytes above, a search's memory (1 MiB) and its steps.
pub const EXTRACT_STATES: usize = 2048;

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

/// Text up to this long is first read as if nothing came of it, which saves an event most of what searching costs; if
/// something does, it is read again.
pub const GLIDE_BYTES: u64 = 256;

/// A text up to this long that is complete is read once in all patterns, for nearly none has a match: what is remembered of a
/// text that grows costs more than reading so little. In a longer one, reading goes faster where nothing can begin.
pub const SHORT_TEXT_BYTES: usize = 64;

/// Text at least this long is looked through for what no match goes without, before it is read: for less it saves nothing.
pub const SKIPPED_BYTES: usize = 64;

/// While text is held, it grows in pieces of this size, so that a partial match that dies early costs no copy of a
/// large text.
pub const SCAN_PIECE_BYTES: usize = 1024;

/// Steps that looking for the earliest live start may cost for each byte since the text was last quiet. English text
/// needs under 2; beyond it the hold is longer than it must be, never shorter. Building a whole cache of states counts
/// as many steps as it has bytes.
pub const SCAN_STEPS_PER_BYTE: u64 = 64;

/// Steps that are free after a quiet point: enough for the square of any ordinary word's length.
pub const SCAN_STEPS_FREE: u64 = 4096;

/// Bytes that may be read again for each byte of a text: after a match of a pattern that repeats lazily, and where the
/// cache of states was dropped. Beyond it the text is held, which `on_hold_limit` ends. Ordinary text needs under 1.
pub const SCAN_AGAIN_PER_BYTE: u64 = 16;

/// Transitions of a matcher's automaton that are kept in flat rows, in bytes; when full, they are dropped and asked for
/// anew. All packs on English text fill about half of it.
pub const SCAN_ROWS_BYTES: usize = 512 * 1024;

/// Steps that finding the exact spans of one pattern may take for each byte of the stretch in which it matched. Patterns
/// of the packs need under 40; beyond it the rest of the stretch counts as found: more than the match, never less.
pub const SCAN_EXACT_STEPS_PER_BYTE: u64 = 128;

/// Steps of that kind that are free in a stretch: enough for a short one under any pattern.
pub const SCAN_EXACT_FREE: u64 = 64 * 1024;

/// What the search for spans remembers of one stretch and pattern, in bytes. A stretch of a mebibyte under a pattern such
/// as `(?i)iban(.*[A-Z]{2})?` needs about a quarter of it; beyond it nothing is remembered, and the bound on steps holds.
pub const SCAN_EXACT_MEMO_BYTES: usize = 4 * 1024 * 1024;

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

/// A release's envelope, in bytes. Its payload holds a policy of at most [`POLICY_BYTES`], and base64 makes four bytes
/// of three; signatures take the rest.
pub const ENVELOPE_BYTES: usize = POLICY_BYTES / 3 * 4 + 64 * 1024;

/// Policies that a process holds, so that going back needs no download. POLICY "The blob".
pub const HELD_POLICIES: usize = 8;

/// Serials are below 2^53, where every double still holds a whole number exactly. POLICY "The blob".
pub const SERIALS: u64 = 1 << 53;

/// How far a key that may only roll back may raise the serial, so that it cannot use up the numbers. POLICY "The blob".
pub const ON_CALL_SERIALS: u64 = 1000;

/// Activations that a process remembers for `history`: a long incident's worth, at some 200 bytes each.
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

/// A source that fails is asked at least this often, in milliseconds, so that it is back soon after it is up.
pub const POLL_SLOWEST_MS: u64 = 30_000;

/// An `ETag` that is sent back, in bytes. Real ones are under 100.
pub const ETAG_BYTES: usize = 256;

/// How long a source may be silent before that is an event, in milliseconds. POLICY "The blob".
pub const POLL_SILENT_MS: u64 = 5 * 60 * 1000;

/// How often a worker looks for a new release, in milliseconds; all must follow within a second (POLICY "The blob").
pub const FOLLOW_MS: u64 = 200;

/// A last error that status shows, in bytes.
pub const TROUBLE_BYTES: usize = 2048;

/// Threads that say what their filter configuration acts by, over all configurations of a scope: 16 of each on a machine
/// of 16 cores.
pub const FOLLOWERS: usize = 256;

/// How often each of them says so, in seconds, beside every time that it changes.
pub const FOLLOWER_EVERY_S: u64 = 5;

/// Why a source gave no release, in characters.
pub const POLL_ERROR_CHARS: usize = 300;

/// Who has said nothing for so long is gone, in seconds: two reports may be missed.
pub const FOLLOWER_SILENT_S: u64 = 15;

/// Why a configuration cannot follow, in bytes: [`FOLLOWERS`] of them are read and written at once.
pub const FOLLOWER_TEXT_BYTES: usize = 400;

/// How long a request may wait for the first byte of its body before the host is suspected of never delivering any, in
/// nanoseconds: longer than a caller needs, shorter than its patience.
pub const BODY_LATE_NS: u64 = 5 * 1_000_000_000;

/// Counters that are marked when a policy comes into force: those of 200 rules with five actions each.
pub const MARKED_COUNTERS: usize = 1024;

/// How often counters are marked for rates, in milliseconds: a rate looks back one to two of these.
pub const MARKS_EVERY_MS: u64 = 30_000;

/// The shortest time over which a rate is told, in milliseconds.
pub const RATE_LEAST_MS: u64 = 5_000;

/// Providers whose status pages are watched.
pub const PROVIDERS: usize = 8;

/// Incidents of a provider that are kept: a page that shows more is read to here.
pub const PROVIDER_INCIDENTS: usize = 8;

/// A text of a status page, in characters.
pub const PROVIDER_TEXT_CHARS: usize = 200;

/// A status page, in bytes: those of large providers have some 100 components and 50 KB.
pub const PROVIDER_BYTES: usize = 512 * 1024;

/// How often a status page is asked at most, in seconds: it is somebody else's server.
pub const PROVIDER_LEAST_S: u64 = 10;

/// Events beside traffic that status shows.
pub const RECENT_EVENTS: usize = 16;

/// One of them, in bytes.
pub const RECENT_EVENT_BYTES: usize = 1024;

/// A grant's envelope, in bytes. One is some 600; a tenant's or tool's name may be long.
pub const GRANT_BYTES: usize = 4096;

/// Signatures that one request's grants may cost to verify, some tenths of a millisecond each in the module: every trusted
/// key for one grant that names none, and one for each of the others.
pub const GRANT_VERIFICATIONS: usize = TRUSTED_KEYS + GRANTS;

/// Grants that one request may carry: one for each call of its answer, and answers rarely have more calls.
pub const GRANTS: usize = 8;

/// Values that remember used grants, and grants that one remembers: 4096 together in 96 KiB of the process. A grant is
/// remembered for an hour after its end.
pub const GRANT_SLOTS: u32 = 64;

/// See [`GRANT_SLOTS`].
pub const GRANTS_IN_SLOT: usize = 64;

/// A tool's name as it is shown in place of a call, in characters; a longer one is not repeated.
pub const TOOL_NAME_CHARS: usize = 64;
/// Characters of one range in a class that are folded one by one. The alphabets that have look-alikes lie within it.
pub const FOLDED_RANGE_CHARS: usize = 4096;

/// The response object of a Responses stream, kept so that its ending repeats its settings, in bytes. It echoes the
/// tools and instructions of the request; a longer one is replaced by its shortest form.
pub const REPEATED_HEAD_BYTES: usize = 64 * 1024;

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

/// Accounts of one limit that status shows: the fullest. An operator looks for who is near the cap.
pub const BALANCES: usize = 8;

/// Slots for the names of accounts, and names in one: 2048 together, in a third of a mebibyte.
pub const NAMES_SLOTS: u32 = 256;

/// See [`NAMES_SLOTS`].
pub const NAMES_IN_SLOT: usize = 8;

/// One value of a name, in bytes: people recognise it by its beginning. A byte holds the number.
pub const NAME_BYTES: usize = 64;

/// How often one worker notes the name of one account, in nanoseconds, so that an active account's name is there again
/// soon after it fell out.
pub const NAMES_RENEW_NS: u64 = 10 * 1_000_000_000;

/// Accounts of which one worker remembers that it noted their names.
pub const NAMES_KNOWN: usize = 1024;

/// A key or a method while it is not known whether a body is MCP, in bytes as written. The longest method has some 40
/// letters, each at most six bytes.
pub const SNIFFED_NAME_BYTES: usize = 256;

/// Messages of one JSON-RPC batch. Clients that batch at all send a handful; each id is looked for among the others.
pub const BATCH_MESSAGES: usize = 1024;

/// How much of a body that says nothing of itself waits until it is known not to be MCP. What is longer goes on, and is
/// refused if it turns out to be a call after all: clients write the method near the beginning.
pub const SNIFFED_BYTES: usize = 64 * 1024;

/// How much of a body is looked at, as it passes, for a call in a shape that is not read. A call that says its model behind
/// a longer conversation is not counted; where such calls must not pass, all of a body is looked at.
pub const LANE_BYTES: usize = 1024 * 1024;

/// Slots of storage for what is owed to rate-limit services, each with up to [`FLEET_WAYS`] accounts: 8192 that used
/// something within one turn of reporting, or during an outage. It divides [`LEDGER_SLOTS`].
pub const FLEET_SLOTS: u32 = 512;

/// Accounts that share one of those slots. With [`FLEET_TEXT_BYTES`] a slot stays under 16 KiB, and all under 8 MB.
pub const FLEET_WAYS: usize = 16;

/// Entries of one account's descriptor: the limit and the labels in its `per`.
pub const FLEET_ENTRIES: usize = 9;

/// Text of one account's descriptor, in bytes. Above it label values go as digests, which have 71 bytes.
pub const FLEET_TEXT_BYTES: usize = 640;

/// A cluster's or a domain's name of a rate-limit service, in bytes: two length prefixes around the cluster stay ASCII.
pub const FLEET_NAME_BYTES: usize = 100;

/// How long a rate-limit service has to answer, in milliseconds. Such services answer in one or two; a request that
/// waits for one (`strict`) waits no longer than this.
pub const FLEET_CALL_MS: u64 = 500;

/// The most that is read of a rate-limit service's answer, in bytes. One about a single descriptor has some dozens, and a
/// few hundred with the headers that services add; what is longer is no answer.
pub const FLEET_ANSWER_BYTES: usize = 64 * 1024;

/// Usage that could not be reported when its window ended is still reported for a window's length more, and at most for
/// so long (nanoseconds): it would count in a window that it does not belong to.
pub const FLEET_LATE_NS: u64 = 60 * 1_000_000_000;

/// Calls to rate-limit services that one worker has under way: so many that end reservations, and so many reports beside
/// them.
pub const FLEET_CALLS: usize = 64;

/// For how long room is reserved at a rate-limit service, in seconds: the time-out that the SDKs of OpenAI and Anthropic
/// have by default, after which nobody waits for an answer. A service that grants less (limitador a minute, where
/// `--max-reservation-ttl` says nothing else) shortens it; what was used counts whenever it is told.
pub const FLEET_RESERVATION_S: u64 = 600;

/// The longest id of a reservation, in bytes. Limitador's are UUIDs as text, 36 bytes.
pub const FLEET_RESERVATION_BYTES: usize = 128;

/// Reservations that have ended and whose service was not told yet, in one worker: under 2 MB with [`FLEET_TEXT_BYTES`].
/// What finds no room is reported as other usage is.
pub const FLEET_COMMITS: usize = 1024;

/// How long the end of a reservation waits at the most until its service is told, in milliseconds: until then its room is
/// taken for others.
pub const FLEET_COMMIT_MS: u64 = 100;

/// How long a service that has no reservations is asked without them, before they are tried again (nanoseconds): it may
/// have been replaced by one that has.
pub const FLEET_PLAIN_NS: u64 = 600 * 1_000_000_000;

/// Bytes of an answer's beginning that are kept for its record: id and model stand in the first few hundred.
pub const GLANCE_HEAD: usize = 2048;

/// Bytes that are taken for each of an answer's ends when it begins: a short whole answer fits.
pub const GLANCE_BEGUN: usize = 1024;

/// Bytes of an answer's end that are kept for its record: usage is among the last members of every dialect; twice as
/// much is held before the older half is dropped.
pub const GLANCE_TAIL: usize = 4096;
