//! A hint for each reason why a release was not delivered. Proxies say what is wrong; these say what to do, for
//! somebody at a terminal.

/// A proxy that did not answer.
pub(super) const NOT_REACHED: &str = "not-reached";
/// A filter configuration of the proxy cannot follow the release.
pub(super) const NOT_ACTED_BY: &str = "not-acted-by";
/// A proxy that polls has not fetched it in time.
pub(super) const NOT_ARRIVED: &str = "not-arrived";

/// The hint for a code; `None` if its message says enough.
pub(super) fn of(code: &str) -> Option<&'static str> {
    Some(match code {
        NOT_REACHED => {
            "look at the proxy and its control listener; when it is back, `hemostat sync --wait` gives it what the others serve"
        }
        NOT_ACTED_BY => {
            "make `trust`, `allow` and `hold_headers` of the configuration that is named like the control listener's, then push again"
        }
        NOT_ARRIVED => {
            "if the proxies poll a file: is it the new one, and is `poll` in `hemostat status --json` without an error?"
        }
        "token" => {
            "set HEMOSTAT_TOKEN to the token of the control listeners (its digest is `control.token`)"
        }
        "untrusted" | "bad-signature" => {
            "the key that signed is not one of `trust` in the proxies' configuration: give another `--key`; \
             `hemostat keygen --public KEY` prints what `trust` must name"
        }
        "not-permitted" => {
            "an on-call key takes back (`rollback`) and activates what `hemostat status` shows as PREPARED; anything else \
             needs a key that may `release`"
        }
        "too-few-signatures" => {
            "`trust.threshold` wants more keys: sign with several `--key`, or `hemostat release --cosign FILE --key SECOND`"
        }
        "wrong-scope" => {
            "it was made for other proxies: `hemostat check CONFIG` prints their scope, for `--scope`"
        }
        "stale-serial" | "serial-reused" => {
            "somebody was faster, or it was made without asking the proxies: look at `hemostat status`, then make it again"
        }
        "serial-jump" => {
            "an on-call key raises the serial by at most 1000: let a key that may `release` sign"
        }
        "expired" => {
            "its end has passed by the proxy's clock: is the clock here, or there, right? make it again with a later end"
        }
        "digest-only" => {
            "a file that proxies poll holds a whole policy: `hemostat rollback --policy FILE --to-dir DIR`"
        }
        "not-held" => {
            "the proxy began anew and forgot it: `hemostat rollback --policy FILE` sends it whole; `hemostat sync --key KEY` \
             sends what the others serve"
        }
        "nothing-after" => "`--on-expiry` names what is not there: `keep` needs nothing",
        "not-allowed" => {
            "the proxies' configuration must list it under `allow`, on every listener of the scope"
        }
        "bad-policy" => {
            "`hemostat check` with the proxy's own configuration says more; is the filter there older than this command?"
        }
        "too-big" => "fewer or shorter rules, or a part of it in the proxies' configuration",
        "not-an-envelope" | "wrong-type" | "not-a-release" => {
            "what is pushed is what `hemostat release` has written, of a version that the filter knows"
        }
        "not-kept" => {
            "push it again; if it stays, look for `hemostat_host_trouble_total` and the proxy's log"
        }
        "read-only" | "not-found" => {
            "this listener takes no releases: `control: {releases: true}` does; proxies with a source poll theirs"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use hemostat_engine::bundle::RefusalCode;

    #[test]
    fn every_reason_has_something_that_helps() {
        for code in RefusalCode::ALL {
            assert!(super::of(code.word()).is_some(), "{}", code.word());
        }
    }

    #[test]
    fn the_pages_know_every_reason() {
        let page = include_str!("../../../../docs/releases.md");
        for code in RefusalCode::ALL {
            assert!(page.contains(&format!("| `{}` |", code.word())), "{}", code.word());
        }
    }
}
