//! AWS Bedrock: `Converse` and `ConverseStream`, and in [`invoke`] `InvokeModel` with a model's native request.

mod answer;
mod ending;
mod invoke;
mod kind;
mod own;
mod request;
mod spend;
mod stopped;
mod tools;

pub(super) use invoke::DIALECT as INVOKE;

use super::contract::{Answers, OfferedTools, Requests, Spend, about};
use super::output_cap::OutputCap;
use super::own_answers::OwnAnswers;
use super::write::{Json, error_reply, json_reply};
use super::{
    Answer, Call, CannedAnswer, Dialect, DialectId, EndingHow, ErrorAnswer, Reply, Speech,
};
use crate::recognise;
use crate::record_members::RecordMembers;
use crate::wire::frame::Framing;
use crate::wire::own::OwnEvents;

/// The dialect.
pub(super) static DIALECT: Dialect = Dialect {
    about: about!(DialectId::Bedrock, "bedrock", "aws.bedrock"),
    requests: Requests {
        recognise: |line| recognise::bedrock(line).filter(|own| own.dialect == DialectId::Bedrock),
        takes: None,
        read: request::read,
    },
    tools: OfferedTools { list: tools::tools, without: tools::without },
    answers: Answers {
        read: |call, framing| Box::new(answer::Reading::new(call, framing)),
        made: OwnAnswers::Own { canned, blocked },
        error: |_, error| exception(error),
        speech: Some(speech),
        choices: false,
        members: &RecordMembers {
            finish: &[b"stopReason"],
            usage: &[b"usage"],
            ..RecordMembers::NOTHING
        },
    },
    spend: Spend {
        spending: spend::spending,
        usage: spend::usage,
        cap: Some(OutputCap { holder: &["inferenceConfig"], name: &["maxTokens"] }),
        ..Spend::NONE
    },
};

fn canned(call: &Call, canned: &CannedAnswer) -> Reply {
    if !call.stream {
        return named(json_reply(200, own::whole(call, &canned.how())), &canned.decision);
    }
    let events = answer::Reading::new(call, Framing::EventStream).ending(&canned.ending());
    named(stream_reply(&events), &canned.decision)
}

fn blocked(call: &Call, decision: &str, _now: u64) -> Reply {
    named(json_reply(200, own::whole(call, &EndingHow::Blocked)), decision)
}

fn speech(kind: u8) -> Speech {
    match kind {
        kind::REASONING => Speech::Thinks,
        _ => Speech::Says,
    }
}

/// The body has no member for an id, so the request id identifies the answer (boto3 `ResponseMetadata.RequestId`).
fn named(mut reply: Reply, decision: &str) -> Reply {
    reply.headers.push(("x-amzn-requestid", format!("hemostat-{decision}")));
    reply
}

/// A complete stream of messages.
fn stream_reply(events: &OwnEvents) -> Reply {
    let content_type = "application/vnd.amazon.eventstream".to_owned();
    Reply {
        status: 200,
        headers: vec![("content-type", content_type)],
        body: events.written(Framing::EventStream),
    }
}

/// An error whose name, which AWS SDKs raise, is in a header.
fn exception(error: &ErrorAnswer) -> Reply {
    let name = match error.status {
        403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        502 | 503 => "ServiceUnavailableException",
        500.. => "InternalServerException",
        _ => "ValidationException",
    };
    let body = Json::default().raw(r#"{"message":"#).text(&error.message).raw("}").take();
    let mut reply = error_reply(error, body);
    reply.headers.push(("x-amzn-errortype", name.to_owned()));
    reply
}
