//! Lever 4 on requests: denied tools go, every other byte stays, and the rest is valid.

use crate::support::{Cut, Recording, dialects, program, recordings, run};
use serde_json::{Value, json};

fn request(dialect: &str, body: &str) -> Recording {
    Recording {
        dialect: dialect.to_owned(),
        ..Recording::made(dialects::dialect(dialect).path(false), body, "{}")
    }
}

/// What upstream gets when these tools are denied.
fn without(dialect: &str, denied: &[&str], body: &str) -> String {
    let program = program(json!({"tools": [{"match": denied, "do": "deny"}]}));
    let seen = run(&program, &request(dialect, body), &Cut::Whole);
    String::from_utf8(seen.upstream.unwrap_or_default()).unwrap()
}

#[test]
fn chat() {
    let f = |name: &str| {
        format!(r#"{{"type": "function", "function": {{"name": "{name}", "parameters": {{}}}}}}"#)
    };
    let (a, b) = (f("refund"), f("look_up"));
    for (body, expected) in [
        (format!(r#"{{"model":"m", "tools": [{a}, {b}], "tool_choice":"auto","n":1}}"#),
         format!(r#"{{"model":"m", "tools": [{b}], "tool_choice":"auto","n":1}}"#)),
        (format!(r#"{{"model":"m","tools":[{b} , {a}],"tool_choice":"required"}}"#),
         format!(r#"{{"model":"m","tools":[{b}],"tool_choice":"required"}}"#)),
        (format!(r#"{{"tools":[{a}],"tool_choice":"required","parallel_tool_calls":false,"model":"m"}}"#),
         r#"{"model":"m"}"#.to_owned()),
        (format!(r#"{{"model":"m","tools":[{a}]}}"#), r#"{"model":"m"}"#.to_owned()),
        (format!(r#"{{"model":"m","tools":[{a},{b}],"tool_choice":{{"type":"function","function":{{"name":"refund"}}}}}}"#),
         format!(r#"{{"model":"m","tools":[{b}],"tool_choice":"auto"}}"#)),
        (format!(r#"{{"model":"m","tools":[{a},{b}],"tool_choice":{{"type":"function","function":{{"name":"look_up"}}}}}}"#),
         format!(r#"{{"model":"m","tools":[{b}],"tool_choice":{{"type":"function","function":{{"name":"look_up"}}}}}}"#)),
        (format!(r#"{{"model":"m","tools":[{a},{b}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{{"type":"function","function":{{"name":"refund"}}}},{{"type":"function","function":{{"name":"look_up"}}}}]}}}}}}"#),
         format!(r#"{{"model":"m","tools":[{b}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"auto","tools":[{{"type":"function","function":{{"name":"look_up"}}}}]}}}}}}"#)),
        (format!(r#"{{"model":"m","tools":[{a},{b}],"tool_choice":{{"type":"allowed_tools","allowed_tools":{{"mode":"required","tools":[{{"type":"function","function":{{"name":"refund"}}}}]}}}}}}"#),
         format!(r#"{{"model":"m","tools":[{b}],"tool_choice":"none"}}"#)),
        (r#"{"model":"m","functions":[{"name":"refund"},{"name":"b"}],"function_call":{"name":"refund"}}"#.to_owned(),
         r#"{"model":"m","functions":[{"name":"b"}],"function_call":"auto"}"#.to_owned()),
        (r#"{"model":"m","functions":[{"name":"refund"}],"function_call":"auto"}"#.to_owned(), r#"{"model":"m"}"#.to_owned()),
        // No way around by a key that stands twice, or by another spelling.
        (format!(r#"{{"model":"m","tools":[{a}],"tools":[{b}]}}"#), format!(r#"{{"model":"m","tools":[{b}]}}"#)),
        (r#"{"model":"m","t\u006fols":[{"type":"function","function":{"n\u0061me":"re\u0066und"}},{"type":"function","function":{"name":"b"}}]}"#.to_owned(),
         r#"{"model":"m","t\u006fols":[{"type":"function","function":{"name":"b"}}]}"#.to_owned()),
        (r#"{"model":"m","tools":[{"type":"function","function":{"name":"refund","name":"harmless"}}]}"#.to_owned(),
         r#"{"model":"m"}"#.to_owned()),
    ] {
        let got = without("openai-chat", &["refund"], &body);
        // Two lists of one name: which one is emptied does not matter, as long as the tool is gone.
        if body.matches("\"tools\":").count() == 2 && body.contains("],\"tools\"") {
            assert!(!got.contains("refund") && got.contains("look_up"), "{got}");
            serde_json::from_str::<Value>(&got).unwrap();
            continue;
        }
        assert_eq!(got, expected, "{body}");
    }
    let searched = r#"{"model":"m","web_search_options":{},"messages":[]}"#;
    assert_eq!(without("openai-chat", &["web_search"], searched), r#"{"model":"m","messages":[]}"#);
}

#[test]
fn responses() {
    for (denied, body, expected) in [
        (
            "refund",
            r#"{"model":"m","tools":[{"type":"function","name":"refund"},{"type":"custom","name":"b"}],"tool_choice":{"type":"function","name":"refund"}}"#,
            r#"{"model":"m","tools":[{"type":"custom","name":"b"}],"tool_choice":"auto"}"#,
        ),
        (
            "web_search",
            r#"{"model":"m","tools":[{"type":"web_search_preview_2025_03_11"},{"type":"mcp","server_label":"s"}],"tool_choice":{"type":"web_search_preview_2025_03_11"}}"#,
            r#"{"model":"m","tools":[{"type":"mcp","server_label":"s"}],"tool_choice":"auto"}"#,
        ),
        (
            "mcp",
            r#"{"model":"m","tools":[{"type":"mcp","server_label":"s"}],"parallel_tool_calls":true,"max_tool_calls":2}"#,
            r#"{"model":"m"}"#,
        ),
        (
            "delete_*",
            r#"{"model":"m","tools":[{"type":"mcp","server_label":"s","allowed_tools":["list","delete_all"]}]}"#,
            r#"{"model":"m","tools":[{"type":"mcp","server_label":"s","allowed_tools":["list"]}]}"#,
        ),
        (
            "delete_*",
            r#"{"model":"m","tools":[{"type":"mcp","server_label":"s","allowed_tools":{"tool_names":["delete_all"]}},{"type":"function","name":"b"}]}"#,
            r#"{"model":"m","tools":[{"type":"function","name":"b"}]}"#,
        ),
        (
            "refund",
            r#"{"model":"m","tools":[{"type":"namespace","name":"bank","tools":[{"type":"function","name":"refund"},{"type":"function","name":"b"}]}]}"#,
            r#"{"model":"m","tools":[{"type":"namespace","name":"bank","tools":[{"type":"function","name":"b"}]}]}"#,
        ),
    ] {
        assert_eq!(without("openai-responses", &[denied], body), expected, "{denied} {body}");
    }
}

#[test]
fn anthropic() {
    let stub = r#"[{"name":"no_tool_is_available","description":"No tool is available. Never call this.","input_schema":{"type":"object","properties":{}}}]"#;
    let history = r#""messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"refund","input":{}}]}]"#;
    for (denied, body, expected) in [
        ("refund", r#"{"model":"m","tools":[{"name":"refund","input_schema":{}},{"name":"b"}],"tool_choice":{"type":"tool","name":"refund","disable_parallel_tool_use":true}}"#.to_owned(),
         r#"{"model":"m","tools":[{"name":"b"}],"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#.to_owned()),
        ("refund", r#"{"model":"m","tools":[{"name":"refund"}],"tool_choice":{"type":"any"},"messages":[]}"#.to_owned(),
         r#"{"model":"m","messages":[]}"#.to_owned()),
        ("refund", format!(r#"{{"model":"m","tools":[{{"name":"refund"}}],"tool_choice":{{"type":"any"}},{history}}}"#),
         format!(r#"{{"model":"m","tools":{stub},"tool_choice":{{"type":"none"}},{history}}}"#)),
        ("web_search", r#"{"model":"m","tools":[{"type":"web_search_20250305","name":"web_search"},{"name":"b"}]}"#.to_owned(),
         r#"{"model":"m","tools":[{"name":"b"}]}"#.to_owned()),
        ("bash", r#"{"model":"m","tools":[{"type":"bash_20250124","name":"b"}]}"#.to_owned(), r#"{"model":"m"}"#.to_owned()),
        ("mcp", r#"{"model":"m","mcp_servers":[{"type":"url","name":"s"}],"tools":[{"type":"mcp_toolset","mcp_server_name":"s"},{"name":"b"}]}"#.to_owned(),
         r#"{"model":"m","tools":[{"name":"b"}]}"#.to_owned()),
    ] {
        assert_eq!(without("anthropic", &[denied], &body), expected, "{denied} {body}");
    }
}

#[test]
fn gemini() {
    for (denied, body, expected) in [
        (
            "refund",
            r#"{"tools":[{"functionDeclarations":[{"name":"refund"},{"name":"b"}]}],"contents":[]}"#,
            r#"{"tools":[{"functionDeclarations":[{"name":"b"}]}],"contents":[]}"#,
        ),
        (
            "refund",
            r#"{"tools":[{"functionDeclarations":[{"name":"refund"}],"googleSearch":{}}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}},"contents":[]}"#,
            r#"{"tools":[{"googleSearch":{}}],"toolConfig":{},"contents":[]}"#,
        ),
        (
            "refund",
            r#"{"tools":[{"function_declarations":[{"name":"refund"}]}],"tool_config":{"function_calling_config":{"mode":"ANY"}},"contents":[]}"#,
            r#"{"contents":[]}"#,
        ),
        (
            "google_search",
            r#"{"tools":[{"googleSearch":{}},{"codeExecution":{}}]}"#,
            r#"{"tools":[{"codeExecution":{}}]}"#,
        ),
        (
            "code_execution",
            r#"{"tools":[{"code_execution":{}}],"contents":[]}"#,
            r#"{"contents":[]}"#,
        ),
        (
            "refund",
            r#"{"tools":[{"functionDeclarations":[{"name":"refund"},{"name":"b"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["refund","b"]}}}"#,
            r#"{"tools":[{"functionDeclarations":[{"name":"b"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["b"]}}}"#,
        ),
        (
            "refund",
            r#"{"tools":[{"functionDeclarations":[{"name":"refund"},{"name":"b"}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["refund"]}}}"#,
            r#"{"tools":[{"functionDeclarations":[{"name":"b"}]}],"toolConfig":{"functionCallingConfig":{"mode":"NONE"}}}"#,
        ),
    ] {
        assert_eq!(without("gemini", &[denied], body), expected, "{denied} {body}");
    }
}

#[test]
fn rules_are_tried_in_order() {
    let body = r#"{"model":"m","tools":[{"type":"function","function":{"name":"get_x"}},{"type":"function","function":{"name":"refund"}}]}"#;
    let names = |policy: Value| {
        let seen = run(&program(policy), &request("openai-chat", body), &Cut::Whole);
        let upstream: Value = serde_json::from_slice(&seen.upstream.clone().unwrap()).unwrap();
        let tools = upstream["tools"].as_array().cloned().unwrap_or_default();
        let names: Vec<String> = tools
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
            .collect();
        (names, seen)
    };
    let allow_then_deny =
        json!({"tools": [{"match": "get_*", "do": "allow"}, {"match": "*", "do": "deny"}]});
    assert_eq!(names(allow_then_deny).0, ["get_x"]);
    let approve =
        json!({"tools": [{"match": "refund", "do": "approve"}, {"match": "*", "do": "deny"}]});
    assert_eq!(names(approve).0, ["refund"], "what needs approval stays visible");
    let some =
        json!({"tools": [{"match": "refund", "when_args": {"/amount": {"gt": 1}}, "do": "deny"}]});
    assert_eq!(names(some).0, ["get_x", "refund"], "some of its calls are allowed");
    let others = json!({"tools": [{"match": ["!get_*"], "do": "deny"}]});
    assert_eq!(names(others).0, ["get_x"]);
    let elsewhere = json!({"tools": [{"match": "*", "when": {"model": "other"}, "do": "deny"}]});
    assert_eq!(names(elsewhere).0, ["get_x", "refund"]);
    let (all, seen) =
        names(json!({"mode": "shadow", "tools": [{"match": "refund", "do": "deny"}]}));
    assert_eq!(all, ["get_x", "refund"]);
    assert_eq!(seen.counted("hemostat_rule_hits_total;rule=tools:refund;action=shadow-deny"), 1);
    let first = json!({"tools": [{"id": "trial", "match": "*", "mode": "shadow", "do": "deny"},
                                 {"match": "refund", "do": "deny"}]});
    assert_eq!(
        names(first).0,
        ["get_x"],
        "a rule that only counts does not stand before one that acts"
    );
}

/// Over the corpus: what is left is the request without the tool, byte for byte where nothing was taken.
/// The same without the tools that items of a conversation list (a search's results): they go as the request's own do.
fn without_listed(value: &Value) -> Value {
    let mut value = value.clone();
    for item in value.as_array_mut().into_iter().flatten() {
        if item["type"] == "tool_search_output" {
            item["tools"] = json!([]);
        }
    }
    value
}

#[test]
fn recorded_requests_stay_valid() {
    let program = program(json!({"tools": [{"match": "*", "do": "deny"}]}));
    let mut changed = 0;
    for recording in recordings() {
        let seen = run(&program, &recording, &Cut::Whole);
        let Some(upstream) = seen.upstream else { continue };
        if upstream == recording.request {
            continue;
        }
        let before: Value = serde_json::from_slice(&recording.request).unwrap();
        let after: Value = serde_json::from_slice(&upstream).unwrap();
        let tools = [
            "tools",
            "toolConfig",
            "tool_choice",
            "parallel_tool_calls",
            "functions",
            "function_call",
            "mcp_servers",
            "max_tool_calls",
            "web_search_options",
            "tool_config",
        ];
        for (key, value) in before.as_object().unwrap() {
            if !tools.contains(&key.as_str()) {
                let after = after.get(key).map(without_listed);
                assert_eq!(after, Some(without_listed(value)), "{} {key}", recording.name);
            }
        }
        for key in tools {
            let stub = after[key] == json!({"type": "none"})
                || after[key][0]["name"] == "no_tool_is_available"
                || after[key]["tools"][0]["toolSpec"]["name"] == "no_tool_is_available";
            assert!(after.get(key).is_none() || stub, "{}: {}", recording.name, after[key]);
        }
        changed += 1;
    }
    assert!(changed > 50, "{changed}");
}
