//! OpenAI Responses: its ending repeats what was said.

use super::*;

/// The rules that the official SDK's stream helper enforces, and some more.
#[test]
fn responses_streams_end_well() {
    for_every_prefix(DialectId::OpenaiResponses, 1, |name, prefix, before, after, how| {
        let place = format!("{name} after {prefix}, {how:?}");
        let kind = |event: &Value| event["type"].as_str().unwrap_or_default().to_owned();
        let over = |event: &Value| {
            let kind = kind(event);
            ["response.completed", "response.incomplete", "response.failed", "error"]
                .contains(&kind.as_str())
        };
        if before.iter().any(over) {
            assert!(after.is_empty(), "{place}");
            return;
        }
        assert_eq!(after.iter().filter(|event| over(event)).count(), 1, "{place}");
        let last = after.last().unwrap();
        assert!(over(last), "{place}");
        let mut sequence = before.iter().filter_map(|e| e["sequence_number"].as_u64()).max();
        for event in after {
            let number = event["sequence_number"].as_u64();
            assert!(number > sequence, "{place}: {number:?} after {sequence:?}");
            sequence = number;
        }
        let all: Vec<&Value> = before.iter().chain(after).collect();
        assert_eq!(kind(all[0]), "response.created", "{place}");
        let ids: BTreeSet<_> = all.iter().filter_map(|e| e["response"]["id"].as_str()).collect();
        assert_eq!(ids.len(), 1, "{place}: {ids:?}");
        let mut items: BTreeMap<u64, Value> = BTreeMap::new();
        let mut done: BTreeMap<u64, Value> = BTreeMap::new();
        let mut texts: BTreeMap<(u64, u64, String), String> = BTreeMap::new();
        let mut parts_open: BTreeSet<(u64, u64, bool)> = BTreeSet::new();
        for (at, event) in all.iter().enumerate() {
            let ours = at >= before.len();
            let by_id = || items.iter().find(|(_, item)| item["id"] == event["item"]["id"]);
            let index = event["output_index"].as_u64();
            let index = index.or_else(|| by_id().map(|(index, _)| *index)).unwrap_or(0);
            let summary = event["summary_index"].is_u64();
            let part =
                event["content_index"].as_u64().or(event["summary_index"].as_u64()).unwrap_or(0);
            let kind = kind(event);
            match kind.as_str() {
                "response.output_item.added" => {
                    assert!(
                        items.insert(index, event["item"].clone()).is_none(),
                        "{place}: item {index} twice"
                    );
                }
                "response.output_item.done" => {
                    if ours {
                        assert_eq!(event["item"]["id"], items[&index]["id"], "{place}");
                        assert_eq!(event["item"]["type"], items[&index]["type"], "{place}");
                        assert_eq!(event["item"]["call_id"], items[&index]["call_id"], "{place}");
                        assert!(
                            !parts_open.iter().any(|(item, ..)| *item == index),
                            "{place}: open part"
                        );
                    }
                    assert!(
                        done.insert(index, event["item"].clone()).is_none(),
                        "{place}: item {index} done twice"
                    );
                }
                "response.content_part.added" | "response.reasoning_summary_part.added" => {
                    assert!(items.contains_key(&index), "{place}");
                    parts_open.insert((index, part, summary));
                }
                "response.content_part.done" | "response.reasoning_summary_part.done" => {
                    assert!(parts_open.remove(&(index, part, summary)), "{place}: part not open");
                    if ours {
                        let name = if summary {
                            "reasoning_summary_text"
                        } else if event["part"]["type"] == "refusal" {
                            "refusal"
                        } else {
                            "output_text"
                        };
                        let text =
                            event["part"]["text"].as_str().or(event["part"]["refusal"].as_str());
                        let sent = texts.get(&(index, part, format!("response.{name}")));
                        assert_eq!(text, Some(sent.map_or("", String::as_str)), "{place}");
                    }
                }
                _ => {}
            }
            if let Some(name) = kind.strip_suffix(".delta") {
                let text = texts.entry((index, part, name.to_owned())).or_default();
                text.push_str(event["delta"].as_str().unwrap_or(""));
                if ours {
                    assert_eq!(event["item_id"], items[&index]["id"], "{place}");
                }
            }
            if let (Some(name), true) = (kind.strip_suffix(".done"), ours) {
                let sent = texts.get(&(index, part, name.to_owned())).map_or("", String::as_str);
                if let Some(text) = event["text"].as_str().or(event["refusal"].as_str()) {
                    assert_eq!(text, sent, "{place}");
                }
            }
        }
        assert_eq!(
            done.keys().collect::<Vec<_>>(),
            items.keys().collect::<Vec<_>>(),
            "{place}: open items"
        );
        let listed = list(&last["response"]["output"]);
        let expected: Vec<Value> = done.into_values().collect();
        assert_eq!(listed, expected, "{place}");
        for item in listed.iter().filter(|item| item["type"] == "function_call") {
            let arguments = item["arguments"].as_str().unwrap();
            let whole = serde_json::from_str::<Value>(arguments).is_ok();
            assert!(whole || item["status"] == "incomplete", "{place}: {arguments}");
        }
        match how {
            EndingHow::Blocked | EndingHow::Spent => {
                let blocked = *how == EndingHow::Blocked;
                let reason = if blocked { "content_filter" } else { "max_output_tokens" };
                assert_eq!(last["type"], "response.incomplete", "{place}");
                assert_eq!(last["response"]["incomplete_details"]["reason"], reason);
                assert_eq!(last["response"]["status"], "incomplete");
            }
            EndingHow::Canned { .. } => {
                assert_eq!(last["type"], "response.completed", "{place}");
                let said = listed.iter().rev().find(|item| item["type"] == "message").unwrap();
                let part = list(&said["content"]).last().unwrap();
                let text = part["text"].as_str().or(part["refusal"].as_str()).unwrap();
                assert!(text.ends_with(SAID), "{place}: {text}");
                assert_eq!(said["status"], "completed");
            }
        }
    });
}
