//! `pack:prompt-injection`: phrases by which texts take over a model. It finds what is said openly, and proves no text
//! harmless.
//!
//! White space between words is `\s{1,8}`: bounded, so that blanks alone keep nothing alive.

use super::packed::{Packed, plain};

pub(super) const PATTERNS: &[Packed] = &[
    plain(
        "ignore-instructions",
        concat!(
            r"(?i)\b(?:ignore|disregard|forget|override|bypass)\s{1,8}",
            r"(?:(?:about|all|any|every|of|the|these|those|my|and)\s{1,8}){0,4}",
            r"(?:previous|prior|above|earlier|preceding|foregoing|initial|original|former|system|your|you[' ]?ve been given)\s{1,8}",
            r"(?:(?:previous|prior|above|system|and|or|safety|developer|original)\s{1,8}){0,3}",
            r"(?:instructions?|prompts?|rules|guidelines|directives|commands|constraints|training|programming|context)\b",
        ),
    ),
    plain(
        "ignore-everything",
        concat!(
            r"(?i)\b(?:ignore|disregard|forget)\s{1,8}(?:everything|anything|all)\s{1,8}(?:of\s{1,8}the\s{1,8})?(?:that\s{1,8}(?:was|is|came)\s{1,8})?",
            r"(?:above|before\s{1,8}this|(?:you|i)\s{1,8}(?:were|was|have\s{1,8}been|are|said|have\s{1,8}said|know|knew|learned)(?:\s{1,8}(?:told|taught|instructed|before))?)\b",
        ),
    ),
    plain(
        "reveal-system-prompt",
        concat!(
            r"(?i)\b(?:reveal|show|print|repeat|output|display|tell|give|leak|expose|recite|dump|share|return)\s{1,8}",
            r"(?:(?:me|us|back|out|all|of|exactly|verbatim)\s{1,8}){0,3}(?:your|the)\s{1,8}",
            r"(?:(?:full|entire|exact|complete|whole|current|own|real)\s{1,8}){0,3}",
            r"(?:system\s{1,8}(?:prompt|message|instructions?)|(?:hidden|secret|initial|original)\s{1,8}(?:system\s{1,8})?(?:prompt|message|instructions?))\b",
        ),
    ),
    plain(
        "repeat-text-above",
        concat!(
            r"(?i)\b(?:repeat|print|output|recite|copy)\s{1,8}(?:back\s{1,8})?(?:everything|all|the\s{1,8}(?:text|words|content))\s{1,8}(?:of\s{1,8}the\s{1,8}text\s{1,8})?",
            r"above\b",
        ),
    ),
    plain("do-anything-now", r"(?i)\bdo\s{1,8}anything\s{1,8}now\b"),
    plain(
        "forbidden-mode",
        concat!(
            r"(?i)\b(?:enable|activate|enter|engage|unlock|switch\s{1,8}(?:in)?to|turn\s{1,8}on|you\s{1,8}are\s{1,8}(?:now\s{1,8})?in)\s{1,8}",
            r"(?:(?:a|the|your)\s{1,8})?(?:developer|dan|god|jailbreak|jailbroken|sudo|unrestricted|unfiltered|uncensored|evil)\s{1,8}mode\b",
        ),
    ),
    plain(
        "new-persona",
        concat!(
            r"(?i)\b(?:you\s{1,8}are\s{1,8}now|act\s{1,8}as|pretend\s{1,8}(?:to\s{1,8}be|you\s{1,8}are)|behave\s{1,8}(?:as|like)|roleplay\s{1,8}as)\s{1,8}",
            r"(?:(?:an?|the|if|you|are|were)\s{1,8}){0,4}",
            r"(?:dan|jailbroken|unrestricted|unfiltered|uncensored|amoral|unaligned)\b",
        ),
    ),
    plain(
        "no-restrictions",
        concat!(
            r"(?i)\b(?:you\s{1,8}(?:have|are\s{1,8}bound\s{1,8}by|follow)\s{1,8}no|answer\s{1,8}without|respond\s{1,8}without|not\s{1,8}bound\s{1,8}by|free\s{1,8}(?:of|from)\s{1,8}all)\s{1,8}",
            r"(?:(?:any|the|your)\s{1,8})?(?:(?:ethical|moral|safety|content|legal|openai|anthropic|google)\s{1,8}){1,3}",
            r"(?:restrictions?|guidelines?|filters?|polic(?:y|ies)|constraints?|limitations?|limits|rules)\b",
        ),
    ),
    plain(
        "new-instructions",
        r"(?i)\b(?:your|these\s{1,8}are\s{1,8}your)\s{1,8}new\s{1,8}(?:system\s{1,8})?(?:instructions?|prompt|rules|directives?)\s{1,8}(?:is|are|follow)\b",
    ),
    // Control tokens of chat templates, which no honest text needs to contain.
    plain(
        "role-tag",
        concat!(
            r"(?i:<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|begin_of_text|endoftext|system|assistant)\|>",
            r"|<</?SYS>>|\[/?INST\]|\[/?SYSTEM(?:_PROMPT)?\]|</?system(?:_prompt|-prompt)>)",
        ),
    ),
];
