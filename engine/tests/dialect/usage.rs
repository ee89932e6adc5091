//! What answers say that they cost, in the shapes of public bug reports: events in, counts out.

use hemostat_engine::dialect::spend::Usage;
use hemostat_engine::dialect::{DialectId, dialect};
use hemostat_engine::wire::json::Doc;

fn usage(id: DialectId, events: &[&str]) -> Usage {
    let mut usage = Usage::default();
    for event in events {
        let mut doc = Doc::default();
        doc.parse(event.as_bytes()).unwrap();
        dialect(id).usage(&doc.root(event.as_bytes()), &mut usage);
    }
    usage
}

#[test]
fn reasoning_beside_the_completion_is_in_the_total() {
    let chat = usage(
        DialectId::OpenaiChat,
        &[r#"{"usage":{"prompt_tokens":10120,"completion_tokens":1499,"total_tokens":14428}}"#],
    );
    assert_eq!((chat.fresh, chat.output), (Some(10120), Some(4308)));
    let responses = usage(
        DialectId::OpenaiResponses,
        &[r#"{"response":{"usage":{"input_tokens":7,"output_tokens":3,"total_tokens":20}}}"#],
    );
    assert_eq!(responses.output, Some(13));
    // An embedding has a total and no output.
    let none = usage(DialectId::OpenaiChat, &[r#"{"usage":{"prompt_tokens":5,"total_tokens":5}}"#]);
    assert_eq!((none.fresh, none.output), (Some(5), None));
}

#[test]
fn counts_of_a_stream_never_fall() {
    for (id, events) in [
        (
            DialectId::OpenaiChat,
            [
                r#"{"usage":{"prompt_tokens":9,"completion_tokens":4}}"#,
                r#"{"usage":{"prompt_tokens":0,"completion_tokens":0}}"#,
            ],
        ),
        (
            DialectId::OpenaiResponses,
            [
                r#"{"response":{"usage":{"input_tokens":9,"output_tokens":4}}}"#,
                r#"{"response":{"usage":{"input_tokens":0,"output_tokens":0}}}"#,
            ],
        ),
        (
            DialectId::Anthropic,
            [
                r#"{"message":{"usage":{"input_tokens":9,"output_tokens":4}}}"#,
                r#"{"usage":{"input_tokens":0,"output_tokens":0}}"#,
            ],
        ),
        (
            DialectId::Gemini,
            [
                r#"{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4}}"#,
                r#"{"usageMetadata":{"promptTokenCount":0}}"#,
            ],
        ),
        (
            DialectId::Bedrock,
            [
                r#"{"usage":{"inputTokens":9,"outputTokens":4}}"#,
                r#"{"usage":{"inputTokens":0,"outputTokens":0}}"#,
            ],
        ),
    ] {
        let both = usage(id, &events);
        assert_eq!((both.fresh, both.output), (Some(9), Some(4)), "{id:?}");
    }
}

#[test]
fn usage_that_stands_in_a_choice_is_read() {
    let event = r#"{"choices":[{"delta":{},"usage":{"prompt_tokens":8,"completion_tokens":2}}]}"#;
    let said = usage(DialectId::OpenaiChat, &[event]);
    assert_eq!((said.fresh, said.output), (Some(8), Some(2)));
}

#[test]
fn what_ran_beside_a_message_is_counted() {
    let said = usage(
        DialectId::Anthropic,
        &[r#"{"usage":{"input_tokens":100,"output_tokens":20,"iterations":[
            {"type":"compaction","input_tokens":180000,"output_tokens":3500},
            {"type":"message","input_tokens":100,"output_tokens":20}]}}"#],
    );
    assert_eq!((said.fresh, said.output), (Some(180_100), Some(3520)));
}

#[test]
fn what_is_written_for_an_hour_is_told_apart() {
    let said = usage(
        DialectId::Anthropic,
        &[r#"{"usage":{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":120000,
            "cache_creation":{"ephemeral_5m_input_tokens":20000,"ephemeral_1h_input_tokens":100000}}}"#],
    );
    assert_eq!((said.written, said.written_1h), (120_000, 100_000));
}

/// Whatever a gateway calls them: read from a cache, written to one, written for an hour.
#[test]
fn caches_are_counted_under_every_name() {
    let details = |members: &str| {
        format!(
            r#"{{"usage":{{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{{{members}}}}}}}"#
        )
    };
    let beside = |members: &str| {
        format!(r#"{{"usage":{{"prompt_tokens":100,"completion_tokens":1,{members}}}}}"#)
    };
    for (event, cached, written, hour) in [
        (details(r#""cached_tokens":60"#), 60, 0, 0),
        (beside(r#""cached_tokens":60"#), 60, 0, 0),
        (beside(r#""prompt_cache_hit_tokens":60,"prompt_cache_miss_tokens":40"#), 60, 0, 0),
        (details(r#""cache_write_tokens":30"#), 0, 30, 0),
        (beside(r#""cache_creation_input_tokens":30,"cache_read_input_tokens":60"#), 60, 30, 0),
        (
            details(
                r#""cached_tokens":0,"cache_creation_tokens":30,"cache_creation_token_details":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}"#,
            ),
            0,
            30,
            20,
        ),
        (
            details(
                r#""cache_creation_input_tokens":30,"cache_creation":{"ephemeral_1h_input_tokens":20}"#,
            ),
            0,
            30,
            20,
        ),
    ] {
        let said = usage(DialectId::OpenaiChat, &[&event]);
        assert_eq!(
            (said.cached, said.written, said.written_1h),
            (cached, written, hour),
            "{event}"
        );
        assert_eq!(said.input(), Some(100), "{event}");
    }
}

#[test]
fn what_is_read_and_thought_beside_the_counts_is_billed() {
    let event = r#"{"usage":{"prompt_tokens":33,"completion_tokens":7163,"total_tokens":7196,
        "citation_tokens":20016,"reasoning_tokens":73997,"num_search_queries":18}}"#;
    let said = usage(DialectId::OpenaiChat, &[event]);
    assert_eq!((said.input(), said.output, said.reasoning), (Some(20049), Some(81160), 73997));
    assert_eq!(said.uses, [("web_search".to_owned(), 18)]);
    // Where it is part of the completion, it is not billed twice.
    let event = r#"{"usage":{"prompt_tokens":9,"completion_tokens":50,"completion_tokens_details":{"reasoning_tokens":40}}}"#;
    assert_eq!(usage(DialectId::OpenaiChat, &[event]).output, Some(50));
}

/// Servers compatible with Anthropic's begin with the whole prompt, and say at the end what of it was cached.
#[test]
fn a_prompt_that_is_split_late_is_counted_once() {
    let events = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":1000,"output_tokens":0}}}"#,
        r#"{"type":"message_delta","usage":{"input_tokens":100,"cache_read_input_tokens":900,"output_tokens":7}}"#,
    ];
    let said = usage(DialectId::Anthropic, &events);
    assert_eq!((said.fresh, said.cached, said.input()), (Some(100), 900, Some(1000)));
    // It never comes to less than was said before.
    let events = [
        events[0],
        r#"{"usage":{"input_tokens":1,"cache_read_input_tokens":2,"output_tokens":7}}"#,
    ];
    let said = usage(DialectId::Anthropic, &events);
    assert!(said.input() >= Some(1000), "{said:?}");
}
