//! The spellings of a model's name. Clouds, gateways and routers add words before and after the name that its maker
//! gave it, and a rule for the model must hold for all of them:
//!
//! ```text
//! openrouter/openai/gpt-5:free                                 openai/gpt-5:free, gpt-5:free, openai/gpt-5, gpt-5
//! projects/p/…/publishers/google/models/gemini-3-pro           …, models/gemini-3-pro, gemini-3-pro
//! arn:aws:…:inference-profile/us.anthropic.claude-x-v1:0       …, us.anthropic.claude-x, anthropic.claude-x, claude-x
//! claude-x@20251001                                            claude-x-20251001
//! ```
//!
//! Only parts that tell nothing about the model are removed: `gpt-5-mini`, `gpt-5-2026-08-07` and `llama3:8b` are
//! models of their own, and a fine-tuned `ft:gpt-5:…` is not any of them.

use std::borrow::Cow;

/// How many spellings are considered: more than a name at any cloud has.
const MOST: usize = 48;

/// Words after a colon that tell how a model is served, not which: OpenRouter's variants, the options and the providers
/// of Hugging Face's router, and Ollama's default tag.
#[rustfmt::skip]
const SERVED: [&str; 29] = [
    "free", "batch", "thinking", "extended", "beta", "nitro", "floor", "exacto", "online", "latest",
    "fastest", "cheapest", "preferred", "cerebras", "cohere", "fal-ai", "featherless-ai", "fireworks-ai", "groq",
    "hf-inference", "hyperbolic", "nebius", "novita", "nscale", "ovhcloud", "replicate", "sambanova", "scaleway",
    "together",
];

/// The name itself and its other spellings.
#[must_use]
pub fn spellings(name: &str) -> Vec<Cow<'_, str>> {
    let mut all = vec![Cow::Borrowed(name)];
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.bytes().all(plain) {
        return all;
    }
    let mut at = 0;
    while let Some(own) = all.get(at).cloned() {
        at += 1;
        for shorter in shortened(&own).into_iter().flatten() {
            add(&mut all, shorter.to_owned());
        }
        if own.bytes().any(|byte| byte.is_ascii_uppercase()) {
            add(&mut all, own.to_ascii_lowercase());
        }
        // Vertex writes the date of Anthropic's models like this.
        if let Some((model, date)) = own.split_once('@')
            && is_number(date)
        {
            add(&mut all, [model, "-", date].concat());
        }
    }
    all
}

fn add(all: &mut Vec<Cow<'_, str>>, spelling: String) {
    if !spelling.is_empty() && all.len() < MOST && all.iter().all(|own| *own != spelling) {
        all.push(Cow::Owned(spelling));
    }
}

/// The name without one of the parts that do not belong to it.
fn shortened(name: &str) -> [Option<&str>; 8] {
    let served = |(model, how): (&'_ str, &str)| SERVED.contains(&how).then_some(model.len());
    let before = |at: Option<usize>| at.and_then(|at| name.get(..at));
    let named = |version: &&(&str, &str)| {
        let (_, how) = **version;
        matches!(how, "default" | "latest") || how.starts_with("preset/")
    };
    [
        Some(name.trim_ascii()).filter(|bare| *bare != name),
        // The last segment of a path first, so that no number of others pushes it out.
        name.rsplit_once('/').map(|(_, model)| model),
        name.split_once('/').map(|(_, model)| model),
        // `maker.model`, `geography.maker.model`. A dot within a version is preceded by a digit.
        name.split_once('.').filter(|(maker, _)| is_maker(maker)).map(|(_, model)| model),
        // `provider:model`; what follows `ft:` was derived from the model and is another.
        name.split_once(':')
            .filter(|(maker, model)| {
                *maker != "ft"
                    && is_maker(maker)
                    && !model.starts_with(|c: char| c.is_ascii_digit())
            })
            .map(|(_, model)| model),
        before(name.rsplit_once(':').and_then(served)),
        name.split_once('@').as_ref().filter(named).map(|(model, _)| *model),
        before(version_at(name)),
    ]
}

/// Letters and hyphens, or the one maker with a number.
fn is_maker(word: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_';
    word == "ai21" || (!word.is_empty() && word.bytes().all(letters))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Where Bedrock's own version begins: `-v1:0`, `-1:0`, `-v1:0:200k`, and for a name with a maker `-v1`.
fn version_at(name: &str) -> Option<usize> {
    let (model, rest) = match name.split_once(':') {
        Some((model, rest)) => (model, Some(rest)),
        None => (name, None),
    };
    let minor = rest.map(|rest| rest.split(':').next().unwrap_or_default());
    let (kept, version) = model.rsplit_once('-')?;
    let numbered = version.strip_prefix('v');
    let own = match minor {
        Some(minor) => is_number(minor) && is_number(numbered.unwrap_or(version)),
        None => {
            let made = name.split_once('.').is_some_and(|(maker, _)| is_maker(maker));
            made && numbered.is_some_and(is_number)
        }
    };
    own.then_some(kept.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_around_a_name_are_left_out() {
        for (name, model) in [
            ("models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("projects/p/locations/l/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
            ("openai/gpt-4.1", "gpt-4.1"),
            ("openrouter/openai/gpt-4.1:online", "openai/gpt-4.1"),
            ("openrouter/openai/gpt-4.1:online", "gpt-4.1"),
            ("openai:gpt-4.1", "gpt-4.1"),
            ("openai/gpt-oss-120b:groq", "gpt-oss-120b"),
            ("@openai/gpt-4.1", "gpt-4.1"),
            ("openai/gpt-4o@preset/mail", "openai/gpt-4o"),
            ("GPT-4o ", "gpt-4o"),
            ("llama3:latest", "llama3"),
            (
                "bedrock/converse/us.anthropic.claude-haiku-4-5-20251001-v1:0",
                "claude-haiku-4-5-20251001",
            ),
            ("us-gov.anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6"),
            ("global.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/eu.amazon.nova-pro-v1:0",
                "amazon.nova-pro-v1:0",
            ),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-sonnet-20240229-v1:0:200k",
                "claude-3-sonnet-20240229",
            ),
            ("ai21.jamba-1-5-large-v1:0", "jamba-1-5-large"),
            ("openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
            ("vertex_ai/claude-haiku-4-5@20251001", "claude-haiku-4-5-20251001"),
            ("claude-opus-4-6@default", "claude-opus-4-6"),
        ] {
            let all = spellings(name);
            assert!(all[0] == name && all.iter().any(|own| own == model), "{name}: {all:?}");
        }
    }

    #[test]
    fn other_models_are_not_their_namesakes() {
        for (name, other) in [
            ("gpt-4o-mini", "gpt-4o"),
            ("gpt-4o-2024-08-06", "gpt-4o"),
            ("openai/gpt-4.1-mini", "gpt-4.1"),
            ("gpt-4.1", "gpt-4"),
            ("ft:gpt-4o:acme::abc", "gpt-4o"),
            ("llama3:8b", "llama3"),
            ("qwen2.5-coder:7b", "qwen2.5-coder"),
            ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
            ("gemini-2.5-pro", "gemini-2"),
            ("text-embedding-v4", "text-embedding"),
            ("gpt-4o/x", "gpt-4o"),
        ] {
            assert!(!spellings(name).iter().any(|own| own == other), "{name} is no {other}");
        }
        assert_eq!(spellings("gpt-4o"), ["gpt-4o"]);
        assert_eq!(spellings(""), [""]);
    }

    #[test]
    fn a_name_of_many_parts_has_few_spellings_and_its_last_part() {
        let name = format!("{}gpt-4o", "a.b:c/".repeat(40));
        let all = spellings(&name);
        assert!(all.len() <= MOST && all.iter().any(|own| own == "gpt-4o"), "{all:?}");
    }
}
