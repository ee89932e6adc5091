//! What a call may cost and what it did cost: the fields that limits read, one function per dialect.

use super::Unreadable;
use super::fields::string;
use super::request;
use crate::wire::edit::Edit;
use crate::wire::json::{Kind, NameList, Names, Value};
use crate::word::{self, Word};

/// What a request says about its cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spending {
    /// The maximum of output tokens that it names for one answer.
    pub max_output: Option<u64>,
    /// The service tier that it names, unless it is the ordinary one.
    pub tier: Option<String>,
    /// It explicitly leaves the tier to the provider (`auto`): any may be served.
    pub any_tier: bool,
    /// Where it is served, as far as the address tells (`us-east5`); matters only if a price names regions.
    pub region: Option<String>,
    /// What costs extra, besides text tokens, under the name that `prices` gives its surcharge: tools that the provider
    /// runs (`web_search`), other modalities (`modality=audio`). With the maximum number of uses; 0 where that does not
    /// matter.
    pub extras: Vec<(String, u64)>,
    /// Bytes of tool definitions, which the model is shown besides the texts.
    pub tool_bytes: u64,
    /// Bytes of the schema for its answer.
    pub format_bytes: u64,
    /// Tools that the provider defines and the caller runs (`bash`, `computer`): their definitions are not in the
    /// request.
    pub named_tools: u64,
    /// Turns of the conversation: each costs some tokens of its own.
    pub turns: u64,
    /// Tools that are defined: each costs some tokens of its own.
    pub tools: u64,
    /// Images, sounds and files in it.
    pub media: u64,
    /// Bytes of encrypted reasoning: the model reads it as the original tokens.
    pub sealed_bytes: u64,
}

/// The usage that an answer reports. Later events add to earlier ones, field by field; output never decreases and a
/// zero erases nothing, since some servers end a stream with zeros.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    /// Input tokens that were not cached.
    pub fresh: Option<u64>,
    /// Input tokens that were read from a cache.
    pub cached: u64,
    /// Input tokens that were written to a cache.
    pub written: u64,
    /// The part of them that is kept for an hour.
    pub written_1h: u64,
    /// Output tokens, including reasoning.
    pub output: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: u64,
    /// The service tier that it was billed at.
    pub tier: Option<String>,
    /// How else it was served: speed, region.
    pub modes: Vec<(&'static str, String)>,
    /// How many times each of the provider's tools ran.
    pub uses: Vec<(String, u64)>,
    /// The answer reports for each of the provider's tools whether it ran.
    pub uses_told: bool,
    /// Tokens, in and out, that are not text and have a price of their own, by the name of its factor
    /// (`modality=audio`).
    pub modal: Vec<(&'static str, u64, u64)>,
    /// The answer reports such tokens separately.
    pub modal_told: bool,
    /// Parts of these counts that another model used, or a separate round.
    pub rounds: Vec<Round>,
}

/// What one round of a call used, as part of the total counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    /// The model that ran, if it is named.
    pub model: Option<String>,
    /// Input tokens that were not cached.
    pub fresh: u64,
    /// Input tokens that were read from a cache.
    pub cached: u64,
    /// Input tokens that were written to a cache.
    pub written: u64,
    /// The part of them that is kept for an hour.
    pub written_1h: u64,
    /// Output tokens.
    pub output: u64,
}

impl Round {
    /// The round as a usage of its own, served like `all`.
    #[must_use]
    pub fn usage(&self, all: &Usage) -> Usage {
        Usage {
            fresh: Some(self.fresh),
            cached: self.cached,
            written: self.written,
            written_1h: self.written_1h,
            output: Some(self.output),
            tier: all.tier.clone(),
            modes: all.modes.clone(),
            uses_told: true,
            modal_told: true,
            ..Usage::default()
        }
    }
}

impl Usage {
    /// What remains without the rounds.
    #[must_use]
    pub fn rest(&self) -> Self {
        let mut rest = Self { rounds: Vec::new(), ..self.clone() };
        for round in &self.rounds {
            rest.fresh = rest.fresh.map(|all| all.saturating_sub(round.fresh));
            rest.cached = rest.cached.saturating_sub(round.cached);
            rest.written = rest.written.saturating_sub(round.written);
            rest.written_1h = rest.written_1h.saturating_sub(round.written_1h);
            rest.output = rest.output.map(|all| all.saturating_sub(round.output));
        }
        rest
    }

    /// Notes how the answer was served (`speed`: `fast`).
    pub(super) fn mode(&mut self, key: &'static str, value: Option<Value<'_>>) {
        let Some(value) = value.and_then(|value| value.as_str()) else { return };
        match self.modes.iter_mut().find(|(own, _)| *own == key) {
            Some((_, said)) => *said = value.into_owned(),
            None => self.modes.push((key, value.into_owned())),
        }
    }

    /// Notes this many tokens of a modality.
    pub(super) fn modal(&mut self, name: &'static str, input: u64, output: u64) {
        self.modal_told = true;
        match self.modal.iter_mut().find(|(own, ..)| *own == name) {
            Some(said) => *said = (name, said.1.max(input), said.2.max(output)),
            None if input > 0 || output > 0 => self.modal.push((name, input, output)),
            None => {}
        }
    }

    /// Notes the tokens of modalities that an answer lists for its input and for its output: sound has a price of its own in
    /// both, pictures and films where they are generated.
    pub(super) fn modalities(
        &mut self,
        read: Option<Value<'_>>,
        made: Option<Value<'_>>,
        of: impl Fn(Option<Value<'_>>) -> [u64; 3],
    ) {
        let [heard, ..] = of(read);
        if made.is_none() && heard == 0 {
            return;
        }
        let [said, pictures, films] = of(made);
        self.modal("modality=audio", heard, said);
        self.modal("modality=image", 0, pictures);
        self.modal("modality=video", 0, films);
    }

    /// All input tokens; `None` if the answer does not report them.
    #[must_use]
    pub fn input(&self) -> Option<u64> {
        Some(self.fresh?.saturating_add(self.cached).saturating_add(self.written))
    }

    /// Sets an input count that includes the cached and written tokens.
    pub(super) fn input_with_cache(&mut self, all: Option<u64>, cached: u64, written: u64) {
        // Gemini corrects its first estimate; a zero does not correct anything.
        if let Some(all) = all.filter(|all| *all > 0 || self.fresh.is_none()) {
            self.cached = cached.max(self.cached).min(all);
            self.written = written.max(self.written).min(all.saturating_sub(self.cached));
            self.fresh = Some(all.saturating_sub(self.cached).saturating_sub(self.written));
        }
    }

    /// Sets the output tokens. Some servers report reasoning separately and include it only in the total: the larger of
    /// the two counts is used.
    pub(super) fn output_in(&mut self, said: Option<u64>, total: Option<u64>, input: Option<u64>) {
        let rest = total.zip(input).map(|(total, input)| total.saturating_sub(input));
        // A total that equals the input tells nothing about output: an answer that reports no output has input only.
        let rest = rest.filter(|rest| said.is_some() || *rest > 0);
        self.output = self.output.max(said).max(rest);
    }

    /// A tool of the provider ran once more.
    pub(super) fn ran(&mut self, tool: &str) {
        let before = self.uses.iter().find(|(name, _)| name == tool).map_or(0, |own| own.1);
        self.used(tool, before.saturating_add(1));
    }

    /// A tool of the provider ran this many times in all.
    pub(super) fn used(&mut self, tool: &str, times: u64) {
        let room = self.uses.len() < EXTRAS;
        match self.uses.iter_mut().find(|(name, _)| name == tool) {
            Some((_, count)) => *count = times.max(*count),
            None if room => self.uses.push((tool.to_owned(), times)),
            None => {}
        }
    }
}

/// Kinds of extras per call. Providers have about ten.
const EXTRAS: usize = 32;

impl Spending {
    /// The request asks for something besides text tokens.
    pub(super) fn extra(&mut self, name: &str, times: u64) {
        // However many there are, none is lost: beyond the bound, they share a name that no price has.
        let name = if self.extras.len() < EXTRAS { name } else { "other" };
        match self.extras.iter_mut().find(|(own, _)| own == name) {
            Some((_, count)) => *count = count.saturating_add(times),
            None => self.extras.push((name.to_owned(), times)),
        }
    }

    /// Sets the tier, unless it is the ordinary one.
    pub(super) fn tier(&mut self, tier: Option<Value<'_>>) {
        let tier = string(tier);
        let tier = String::from_utf8_lossy(&tier);
        self.any_tier = tier == "auto";
        self.tier = (!is_ordinary(&tier)).then(|| tier.into_owned());
    }

    /// Notes how it is to be served (`speed`: `fast`), unless that is the ordinary way.
    pub(super) fn mode(&mut self, key: &str, value: Option<Value<'_>>) {
        let value = string(value);
        let value = String::from_utf8_lossy(&value);
        if !is_ordinary(&value) {
            self.extra(&format!("{key}={value}"), 0);
        }
    }

    /// Measures the tool definitions.
    pub(super) fn tools(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value.filter(|value| !value.is_null()) else { return };
        self.tool_bytes = self.tool_bytes.saturating_add(value.raw().len() as u64);
        self.tools = self.tools.saturating_add(value.children().count() as u64);
    }

    /// Measures the schema for the answer.
    pub(super) fn format(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value.filter(|value| !value.is_null()) else { return };
        self.format_bytes = self.format_bytes.saturating_add(value.raw().len() as u64);
    }

    /// Counts the turns of the conversation, and what in them is not text.
    pub(super) fn turns(&mut self, turns: Option<Value<'_>>) {
        let Some(turns) = turns else { return };
        let count = if turns.kind() == Kind::Array { turns.children().count() as u64 } else { 1 };
        self.turns = self.turns.saturating_add(count);
        let mut sound = false;
        for value in turns.descendants() {
            let key = Word::key(&value);
            let media = is_media(&value, key);
            self.media = self.media.saturating_add(media.into());
            if is_sealed(&value, key) {
                self.sealed_bytes = self.sealed_bytes.saturating_add(value.raw().len() as u64);
            }
            sound = sound || is_sound(&value, key, media);
        }
        if sound {
            self.extra("modality=audio", 0);
        }
    }
}

/// True for a service tier, speed or region at the plain price, and for values that leave the choice to the provider.
#[must_use]
pub fn is_ordinary(mode: &str) -> bool {
    matches!(
        mode,
        "" | "auto"
            | "default"
            | "standard"
            | "standard_only"
            | "unspecified"
            | "global"
            | "not_available"
    )
}

/// An image, a sound or a file, by the fields that contain one in any dialect.
fn is_media(value: &Value<'_>, key: Word) -> bool {
    match key {
        word::type_ => matches!(
            Word::value(Some(*value)),
            word::image_url
                | word::input_image
                | word::image
                | word::document
                | word::input_file
                | word::file
                | word::input_audio
        ),
        word::image | word::document | word::video | word::audio => value.get("source").is_some(),
        word::inlineData | word::inline_data | word::fileData | word::file_data => {
            value.kind() == Kind::Object
        }
        _ => false,
    }
}

/// A sound, by the same fields; `media`: it is one of those above.
fn is_sound(value: &Value<'_>, key: Word, media: bool) -> bool {
    match key {
        word::type_ => {
            matches!(Word::value(Some(*value)), word::input_audio | word::audio)
        }
        word::audio => media,
        word::mimeType | word::mime_type => {
            value.word().get(..6).is_some_and(|kind| kind.eq_ignore_ascii_case(b"audio/"))
        }
        _ => false,
    }
}

/// Encrypted reasoning, by the fields that contain it in any dialect.
fn is_sealed(value: &Value<'_>, key: Word) -> bool {
    let sealed = matches!(
        key,
        word::encrypted_content
            | word::thoughtSignature
            | word::thought_signature
            | word::signature
    );
    sealed && value.kind() == Kind::String
}

/// A count, if the request names one.
pub(super) fn count(
    object: &Value<'_>,
    name: &str,
    field: &'static str,
) -> Result<Option<u64>, Unreadable> {
    match request::one(object, name, field)? {
        None => Ok(None),
        Some(value) => value.as_u64().map(Some).ok_or(Unreadable { field }),
    }
}

/// A count in an answer's usage; 0 if absent.
pub(super) fn tokens(object: Option<Value<'_>>, name: &str) -> u64 {
    object.and_then(|object| some_tokens(&object, name)).unwrap_or(0)
}

/// A count in an answer's usage, if present.
pub(super) fn some_tokens(object: &Value<'_>, name: &str) -> Option<u64> {
    tokens_of(&object.get(name)?)
}

/// What an object has under these names: counts under the first, other values under the rest, each where its name stands in the
/// list. Of several members with one name the last counts.
pub(super) fn members<'a, const COUNTS: usize, const VALUES: usize, const ALL: usize>(
    object: Option<Value<'a>>,
    names: &'static Names<ALL>,
) -> ([Option<u64>; COUNTS], [Option<Value<'a>>; VALUES]) {
    const { assert!(COUNTS + VALUES == ALL) };
    let (mut counts, mut values) = ([None; COUNTS], [None; VALUES]);
    if let Some(object) = object {
        members_into(&object, names.list(), &mut counts, &mut values);
    }
    (counts, values)
}

/// The same, of counts alone.
pub(super) fn counts<const N: usize>(
    object: Option<Value<'_>>,
    names: &'static Names<N>,
) -> [Option<u64>; N] {
    let mut counts = [None; N];
    if let Some(object) = object {
        members_into(&object, names.list(), &mut counts, &mut []);
    }
    counts
}

/// One copy for lists of any length.
#[inline(never)]
fn members_into<'a>(
    object: &Value<'a>,
    names: NameList<'_>,
    counts: &mut [Option<u64>],
    values: &mut [Option<Value<'a>>],
) {
    object.each_named(names, |number, member| {
        if let Some(count) = counts.get_mut(number) {
            *count = tokens_of(&member);
        } else if let Some(value) = values.get_mut(number - counts.len()) {
            *value = Some(member);
        }
    });
}

/// A count. Some servers write it with a decimal point (`12.0`), some as a string.
pub(super) fn tokens_of(count: &Value<'_>) -> Option<u64> {
    count.as_u64().or_else(|| {
        let written = count.raw().trim_ascii_start();
        let digits = written.strip_prefix(b"\"").unwrap_or(written);
        let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = digits.split_at_checked(end)?;
        let whole = matches!(rest.first(), Some(b'.' | b'"')) && !digits.is_empty();
        let more =
            |sum: u64, byte: &u8| sum.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
        whole.then(|| digits.iter().fold(0, more))
    })
}

/// The tokens of a list that are of sound, of pictures and of films. `count`: the name of an item's count; `is`: whether its
/// modality is this one.
pub(super) fn by_modality(
    list: Option<Value<'_>>,
    count: &str,
    is: impl Fn(&Value<'_>, &str) -> bool,
) -> [u64; 3] {
    let mut sums = [0_u64; 3];
    for one in list.iter().flat_map(Value::children) {
        let Some(name) = one.get("modality") else { continue };
        let modality = ["AUDIO", "IMAGE", "VIDEO"].iter().position(|wanted| is(&name, wanted));
        if let Some(sum) = modality.and_then(|modality| sums.get_mut(modality)) {
            *sum = sum.saturating_add(tokens(Some(one), count));
        }
    }
    sums
}

/// Inserts members at the front of an object.
pub fn insert(object: &Value<'_>, members: &str) -> Option<Edit> {
    if object.kind() != Kind::Object {
        return None;
    }
    let at = object.span().start.saturating_add(1);
    let comma = if object.children().next().is_some() { "," } else { "" };
    Some(Edit { at: at..at, with: format!("{members}{comma}").into_bytes() })
}

/// The name of a tool that the provider runs, without the date that some carry (`web_search_20250305`).
pub(super) fn undated(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    if name.len() > bare.len() + 6 { bare.to_owned() } else { name.into_owned() }
}
