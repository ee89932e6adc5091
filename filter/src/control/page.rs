//! The status page: one document for people, which asks for status by itself.

use hemostat_engine::base::base64;
use hemostat_engine::bundle::Digest;

/// The page. It has no outside asset, and puts what it shows into the document as text alone.
pub const PAGE: &str = include_str!("page.html");

/// What a browser may do with the page: run its own script and style, ask its own listener, nothing else.
pub fn security_policy() -> String {
    let hash = |open: &str, close: &str| {
        let inside = PAGE.split_once(open).and_then(|(_, rest)| rest.split_once(close));
        let digest = Digest::of(inside.map_or("", |(inside, _)| inside).as_bytes());
        format!("'sha256-{}'", base64::encode(digest.as_bytes()))
    };
    let (script, style) = (hash("<script>", "</script>"), hash("<style>", "</style>"));
    format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// The token of `authorization: Basic`, which is what browsers can say: the password, whatever the user is called.
pub fn password(authorization: &[u8]) -> Option<Vec<u8>> {
    const BASIC: &[u8] = b"Basic ";
    let (scheme, encoded) = authorization.split_at_checked(BASIC.len())?;
    if !scheme.eq_ignore_ascii_case(BASIC) {
        return None;
    }
    let encoded = std::str::from_utf8(encoded.trim_ascii()).ok()?;
    let decoded = base64::decode(encoded)?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    decoded.get(colon + 1..).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_stands_alone() {
        // Every byte of it is in every proxy's module.
        assert!(PAGE.len() < 8320, "{} bytes", PAGE.len());
        for outside in
            ["http://", "https://", "src=", "url(", "@import", "innerHTML=", "onclick", "style=\""]
        {
            let allowed = outside == "innerHTML="
                && PAGE.matches(outside).count() == PAGE.matches("innerHTML==").count();
            assert!(allowed || !PAGE.contains(outside), "{outside}");
        }
        assert!(security_policy().contains("script-src 'sha256-"));
    }

    #[test]
    fn a_browsers_password_is_the_token() {
        let said = |user: &str| format!("basic {}", base64::encode(user.as_bytes()));
        assert_eq!(password(said("ann:to:ken").as_bytes()).as_deref(), Some(&b"to:ken"[..]));
        for bad in
            [said("no colon"), "Basic".to_owned(), "Basic %".to_owned(), "Bearer x".to_owned()]
        {
            assert_eq!(password(bad.as_bytes()), None);
        }
    }
}
