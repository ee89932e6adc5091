//! MCP calls that need approval, alone and in a batch.

use super::*;

fn approving() -> (Rc<Program>, SecretKey) {
    let key = SecretKey::from_seed(&[7; 32]);
    let public = key.public().to_base64();
    let trust = json!({"trust": {"keys": {"ops": {"key": public, "may": ["approve"]}}}});
    let rule = json!({"tools": [{"id": "ask", "match": "refund", "do": "approve", "id_args": ["/order"],
        "when_args": {"/amount": {"gt": 100}}}]});
    (program_under(trust, rule), key)
}

#[test]
fn a_grant_lets_a_call_through_once() {
    let (program, key) = approving();
    let slots: Rc<LocalSlots> = Rc::default();
    let ask = |arguments: &str, grant: Option<&str>| {
        let mut caller = client();
        caller.headers.extend(grant.map(|grant| ("x-hemostat-approval", grant.to_owned())));
        caller.slots = Some(Rc::clone(&slots) as Rc<_>);
        run_as(&program, &made("/mcp", &call("refund", arguments), DONE), &Cut::Whole, &caller)
    };
    assert!(ask(r#"{"order":"A","amount":20}"#, None).upstream.is_some(), "small ones flow");
    let waiting = ask(r#"{"order":"A","amount":150}"#, None);
    let text = said(&body(&waiting)).to_owned();
    let id = text.strip_prefix("Tool call `refund` needs approval: ").unwrap().to_owned();
    assert!(id.starts_with("ap_"), "{id}");
    let grant = Grant {
        scope: None,
        what: GrantTarget::Call(id),
        tenant: None,
        issued_at: NOW,
        expires: NOW + LIFE_S,
        nonce: "n".to_owned(),
    };
    let header = grant.sign(&key, "ops");
    assert!(ask(r#"{"order":"B","amount":150}"#, Some(&header)).upstream.is_none(), "another call");
    let through = ask(r#"{"amount":151,"note":"other words","order":"A"}"#, Some(&header));
    assert_eq!(through.body, DONE.as_bytes());
    assert_eq!(through.counted("hemostat_grants_total;outcome=granted"), 1);
    let again = ask(r#"{"order":"A","amount":150}"#, Some(&header));
    assert!(said(&body(&again)).ends_with("(the grant was used before)"), "{}", again.text());
    let odd = ask(r#"{"order":"A","amount":9007199254740993}"#, Some(&header));
    assert!(said(&body(&odd)).ends_with("its arguments cannot be approved"));
}

/// A call that never leaves has not used its grant, whatever refused it.
#[test]
fn a_grant_is_not_used_up_by_a_call_that_is_refused_later() {
    let key = SecretKey::from_seed(&[7; 32]);
    let trust =
        json!({"trust": {"keys": {"ops": {"key": key.public().to_base64(), "may": ["approve"]}}}});
    let tools = json!([{"id": "ask", "match": "refund", "do": "approve"}]);
    let mut guarded = guard("tool_args", json!("block"));
    guarded["tools"] = tools.clone();
    let limited =
        json!({"tools": tools, "limits": [{"id": "l", "allow": {"calls": 1, "every": "1m"}}]});
    let refund = call("refund", r#"{"note":"s3cr3t"}"#);
    let two = format!("[{refund},{}]", call("other", "{}").replace(":7,", ":8,"));
    let plain = json!({"tools": tools});
    for (policy, request) in [(guarded, &refund), (limited, &two)] {
        let slots: Rc<LocalSlots> = Rc::default();
        let ask = |policy: Value, request: &str| {
            let program = program_under(trust.clone(), policy);
            let mut caller = client();
            caller.headers.push(("x-hemostat-approval", approval_of_refund(&key)));
            caller.slots = Some(Rc::clone(&slots) as Rc<_>);
            run_as(&program, &made("/mcp", request, DONE), &Cut::Whole, &caller)
        };
        let refused = ask(policy, request);
        assert!(matches!(refused.status, 403 | 429), "{}", refused.text());
        assert_eq!(refused.counted("hemostat_grants_total;outcome=returned"), 1);
        assert!(ask(plain.clone(), &refund).upstream.is_some(), "it was not used");
        assert!(ask(plain.clone(), &refund).upstream.is_none(), "now it was");
    }
}

#[test]
fn of_a_batch_only_what_is_stopped_is_answered_here() {
    let program = program(json!({"tools": [{"match": "bad", "do": "deny"}]}));
    let one = |name: &str, id: &str| call(name, "{}").replace(":7,", &format!(":{id},"));
    let (good, bad, other) = (one("good", "1"), one("bad", "\"two\""), one("good", "3"));
    let batch = format!("[ {good}, {bad},{other} ]");
    let upstream = format!("[ {good},{other} ]");
    let result = |id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
    let ours = r#"{"jsonrpc":"2.0","id":"two","result":{"content":[{"type":"text","text":"Tool call `bad` was stopped by policy"}],"isError":true}}"#;
    let whole = format!("[{},{}]", result(3), result(1));
    let seen = send(&program, &batch, &whole);
    assert_eq!(String::from_utf8(seen.upstream.clone().unwrap()).unwrap(), upstream);
    assert_eq!(seen.text(), format!("[{},{},{ours}]", result(3), result(1)));
    let single = send(&program, &batch, &result(1));
    assert_eq!(single.text(), format!("[{},{ours}]", result(1)));
    let stream = format!("data: {}\n\ndata: {}\n\n", result(3), result(1));
    for cut in cuts() {
        let seen = run_as(&program, &made("/mcp", &batch, &stream), &cut, &client());
        assert_eq!(seen.text(), format!("event: message\ndata: {ours}\n\n{stream}"));
    }
    let all = send(&program, &format!("[{bad},{}]", bad.replace("\"two\"", "2")), DONE);
    assert_eq!((all.status, &all.upstream), (200, &None));
    assert_eq!(body(&all).as_array().unwrap().len(), 2);
    // What goes on are notifications, which nobody answers.
    let mut noted =
        made("/mcp", &format!(r#"[{{"method":"notifications/initialized"}},{bad}]"#), "{}");
    noted.status = 202;
    let seen = run_as(&program, &noted, &Cut::Whole, &client());
    assert_eq!((seen.status, seen.text()), (200, format!("[{ours}]")));
    assert_eq!(seen.upstream.unwrap(), br#"[{"method":"notifications/initialized"}]"#);
    // A call that asks for no answer gets none.
    let silent = send(&program, &bad.replace(r#""id":"two","#, ""), DONE);
    assert_eq!(
        (silent.status, silent.body.as_slice(), silent.upstream),
        (202, b"".as_slice(), None)
    );
}
