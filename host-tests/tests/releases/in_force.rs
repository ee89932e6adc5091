//! What is told of what is in force: to whoever has the token, on the page, in the status.

use super::*;

/// A side of its own key and token, so that any release can be made.
fn own_side(host: &Host, key: &SecretKey) -> Side {
    let trust = json!({"keys": {"ops": key.public().to_base64()}});
    let token = hemostat_engine::bundle::Digest::of(b"to:ken").to_string();
    let worker = host.worker().unwrap();
    let traffic = worker.configure(configuration(&json!({"trust": trust}))).unwrap();
    let control = json!({"trust": trust, "control": {"releases": true, "token": token}});
    let control = worker.configure(configuration(&control)).unwrap();
    Side { worker, traffic, control }
}

fn signed(key: &SecretKey, serial: u64, policy: &Value, fields: &Value) -> String {
    let mut release = json!({"scope": "prod-eu", "serial": serial, "issued_at": "2026-01-01T00:00:00Z",
        "issuer": "ann", "policy": policy});
    for (name, value) in fields.as_object().unwrap() {
        release[name] = value.clone();
    }
    key.envelope("ops", PAYLOAD_TYPE, release.to_string().as_bytes())
}

impl Side {
    fn get(&self, path: &str, authorization: Option<&str>) -> (u16, Outcome) {
        let mut request = Request::get(path);
        if let Some(given) = authorization {
            request = request.header("authorization", given);
        }
        let outcome = self.run(&self.control, request);
        (outcome.downstream.status().unwrap_or_default(), outcome)
    }

    fn post_with_token(&self, release: &str) -> (u16, Value) {
        let request = Request::post("/.hemostat/release", release);
        let outcome = self.run(&self.control, request.header("authorization", "Bearer to:ken"));
        let body = serde_json::from_slice(&outcome.downstream.body()).unwrap_or_default();
        (outcome.downstream.status().unwrap_or_default(), body)
    }
}

/// What is in force can be read by whoever has the token, and put elsewhere: bytes and digest are those that were signed.
#[test]
fn what_is_in_force_can_be_taken_elsewhere_with_the_token() {
    let (host, key) = (Host::with(&module(), settings()), SecretKey::from_seed(&[7; 32]));
    let side = own_side(&host, &key);
    let bearer = Some("Bearer to:ken");
    assert_eq!(side.get("/.hemostat/release", bearer).0, 404, "no release yet");
    let release = signed(&key, 7, &json!({"hemostat": 1, "version": "v7"}), &json!({}));
    assert_eq!(side.post_with_token(&release).0, 200);
    let (status, outcome) = side.get("/.hemostat/release", bearer);
    assert_eq!((status, outcome.downstream.body()), (200, release.into_bytes()));
    let digest = side.status()["digest"].as_str().unwrap().to_owned();
    for digest in [digest.as_str(), digest.trim_start_matches("sha256:")] {
        let (status, outcome) = side.get(&format!("/.hemostat/policy/{digest}"), bearer);
        let policy: Value = serde_json::from_slice(&outcome.downstream.body()).unwrap();
        assert_eq!((status, &policy["version"]), (200, &json!("v7")));
    }
    let zeros = format!("/.hemostat/policy/sha256:{}", "0".repeat(64));
    assert_eq!(side.get(&zeros, bearer).0, 404);
    assert_eq!(side.get("/.hemostat/policy/../../etc", bearer).0, 400);
    for path in ["/.hemostat/release", zeros.as_str()] {
        for wrong in [None, Some("Bearer wrong"), Some("Basic YTp0bzprZW4=")] {
            assert_eq!(side.get(path, wrong).0, 401, "{path} {wrong:?}");
        }
    }
}

/// The page asks a browser for the token, and is sent with a policy that lets it load nothing.
#[test]
fn the_page_wants_the_token_and_loads_nothing() {
    let (host, key) = (Host::with(&module(), settings()), SecretKey::from_seed(&[7; 32]));
    let side = own_side(&host, &key);
    for path in ["/.hemostat", "/.hemostat/"] {
        for wrong in [None, Some("Basic YTp3cm9uZw=="), Some("Bearer x")] {
            let (status, outcome) = side.get(path, wrong);
            assert_eq!(status, 401);
            assert!(outcome.downstream.header("www-authenticate").unwrap().starts_with("Basic"));
        }
        for right in ["Basic YTp0bzprZW4=", "Bearer to:ken"] {
            let (status, outcome) = side.get(path, Some(right));
            assert_eq!(status, 200);
            assert_eq!(outcome.downstream.header("content-type"), Some("text/html; charset=utf-8"));
            let policy = outcome.downstream.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            assert!(outcome.downstream.body().starts_with(b"<!doctype html>"));
        }
    }
}

/// Status tells what the newest release does, without the counts before it; a drill is told from what it rehearses.
#[test]
fn status_counts_since_the_release_and_a_drill_says_so() {
    let (host, key) = (Host::with(&module(), settings()), SecretKey::from_seed(&[7; 32]));
    let side = own_side(&host, &key);
    let day = json!({"hemostat": 1, "version": "day"});
    let kill = json!({"hemostat": 1, "version": "kill", "severity": "sev1", "reason": "INC-1",
        "failsafe": [{"id": "kill", "do": "block"}]});
    let ticks = |n: usize| {
        for _ in 0..n {
            host.advance(TICK);
            side.worker.run_due_ticks();
        }
    };
    let serves = |policy, serial, fields: &Value| {
        assert_eq!(side.post_with_token(&signed(&key, serial, policy, fields)).0, 200);
        ticks(2);
    };
    serves(&day, 7, &json!({}));
    serves(&kill, 8, &json!({"reason": "INC-4711"}));
    (0..3).for_each(|_| assert_eq!(side.version(), "kill"));
    ticks(50);
    let shown = side.status();
    let act = &shown["acts"][0];
    assert_eq!(
        (&act["rule"], &act["new"], &act["lever"]),
        (&json!("kill"), &json!(true), &json!("failsafe"))
    );
    assert_eq!(act["actions"]["block"]["since_release"], 3);
    assert!(act["actions"]["block"]["per_minute"].as_f64().unwrap() > 10.0, "{act}");
    assert_eq!((&shown["severity"], &shown["reason"]), (&json!("sev1"), &json!("INC-4711")));
    serves(&day, 9, &json!({}));
    serves(&kill, 10, &json!({"drill": true}));
    let shown = side.status();
    assert_eq!(shown["acts"][0]["actions"]["block"]["since_release"], 0);
    assert_eq!(shown["acts"][0]["actions"]["block"]["total"], 3);
    assert_eq!((&shown["version"], &shown["drill"]), (&json!("drill.kill"), &json!(true)));
    assert_eq!(
        (side.version().as_str(), &shown["history"][0]["drill"]),
        ("drill.kill", &json!(true))
    );
    // A minute without a call: the lever matches nothing, and says so.
    ticks(400);
    assert_eq!(side.status()["acts"][0]["actions"]["block"]["per_minute"], 0.0);
    assert_eq!(
        host.metrics()["hemostat_policy_serial;scope=prod-eu"],
        host_tests::Metric::Gauge(10)
    );
    assert_eq!(
        host.metrics()["hemostat_policy_severity;scope=prod-eu"],
        host_tests::Metric::Gauge(1)
    );
    assert_eq!(
        host.metrics()["hemostat_policy_info;scope=prod-eu;version=day"],
        host_tests::Metric::Gauge(0)
    );
}

/// The last error has an age, and goes with the next success.
#[test]
fn a_success_ends_the_last_error() {
    let host = Host::with(&module(), settings());
    let side = Side::new(&host, &json!({}));
    assert_eq!(side.post("garbage").0, 400);
    host.advance(Duration::from_secs(90));
    let error = side.status()["last_error"].clone();
    assert_eq!((&error["code"], &error["age_s"]), (&json!("not-an-envelope"), &json!(90)));
    assert_eq!(side.post(&release("01-whole.json")).0, 200);
    assert_eq!(side.status()["last_error"], Value::Null);
}

/// Three workers watch two pages: one asks, and what is new is told once. Rules do not act on it.
#[test]
fn one_worker_asks_the_status_pages_for_all() {
    let host = Host::with(&module(), settings());
    host.add_cluster("status");
    let page = |name: &str| json!({"cluster": "status", "authority": name, "every": "10s"});
    let watching = json!({"providers": {"one": page("one.example"), "two": page("two.example")}});
    let sides =
        [Side::new(&host, &watching), Side::new(&host, &watching), Side::new(&host, &watching)];
    let document = |name: &str| {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/providers");
        std::fs::read_to_string(folder.join(name)).unwrap()
    };
    let answers = |body: &dyn Fn(&str) -> CallAnswer| {
        let mut count = 0;
        for side in &sides {
            for call in side.worker.http_calls() {
                let to = call.headers.text(":authority").unwrap().to_owned();
                assert!(side.worker.answer_http(call.token, body(&to)));
                count += 1;
            }
        }
        count
    };
    tick(&host, &sides);
    let full = |_: &str| CallAnswer::new(200, document("statuspage.json"));
    assert_eq!(answers(&full), 2);
    let shown = sides[0].status();
    assert_eq!(shown["providers"][0]["incidents"][0]["status"], "identified", "{shown}");
    let told = |shown: &Value| {
        let events = shown["events"].as_array().unwrap();
        events.iter().filter(|e| e["event"] == "provider_incident").count()
    };
    assert_eq!(told(&shown), 2);
    // Whatever comes next, what was said stays and the failure stands beside it.
    for answer in [
        CallAnswer::reset(),
        CallAnswer::timeout(),
        CallAnswer::new(500, ""),
        CallAnswer::new(200, "<html>"),
        CallAnswer::new(200, " ".repeat(1_000_000)),
    ] {
        let mut asked = 0;
        for _ in 0..700 {
            tick(&host, &sides);
            asked += answers(&|_: &str| answer.clone());
            if asked > 0 {
                break;
            }
        }
        assert!(asked > 0);
    }
    let shown = sides[0].status();
    assert_eq!((told(&shown), &shown["providers"][0]["indicator"]), (2, &json!("major")));
    assert!(
        shown["providers"].as_array().unwrap().iter().any(|p| p["error"] != Value::Null),
        "{shown}"
    );
    assert_eq!(sides[0].version(), "baseline");
    assert!(sides.iter().all(|side| side.worker.dead().is_none()));
}
