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
