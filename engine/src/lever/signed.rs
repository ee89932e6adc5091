//! Requests signed by their caller (AWS Signature Version 4, 4A). The signature covers path, query, named headers and
//! usually the body, so AWS refuses a request in which any of them was changed. Such a change is refused here, where
//! the reason can be given. A request that is to be changed must be signed by the proxy, after this filter.

use crate::context::Refusal;
use crate::context::facts::{self, Headers};
use crate::context::record::Record;
use crate::context::verdict::HeaderEdit;
use crate::wire::find;

/// What a signature covers besides path and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Names of headers, lower case, separated by `;`.
    headers: String,
    body: bool,
}

impl Signed {
    /// Finds the caller's signature, in `authorization` or, presigned, in the query.
    pub(crate) fn of(headers: &Headers) -> Option<Self> {
        let list = |text: &str| text.to_ascii_lowercase().replace("%3b", ";");
        let header = facts::values(headers, "authorization").find_map(|value| {
            // Most callers send a token.
            if value.first().is_some_and(u8::is_ascii_alphabetic) && !value.starts_with(b"AWS4-") {
                return None;
            }
            let text = String::from_utf8_lossy(value);
            let rest = text.trim_start().strip_prefix("AWS4-")?;
            let (_, names) = rest.split_once("SignedHeaders=").unwrap_or_default();
            Some(list(names.split([',', ' ']).next().unwrap_or_default()))
        });
        let presigned = || {
            let path = headers.value(":path")?;
            let query = path.get(find::byte(path, b'?')?..)?.get(1..)?;
            let field = |name: &str| {
                query.split(|byte| *byte == b'&').find_map(|field| {
                    let (own, value) = field.split_at(field.iter().position(|b| *b == b'=')?);
                    own.eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..))?
                })
            };
            field("X-Amz-Signature")?;
            let names = field("X-Amz-SignedHeaders").unwrap_or_default();
            Some(list(&String::from_utf8_lossy(names)))
        };
        let names = header.or_else(presigned)?;
        let body = !facts::values(headers, "x-amz-content-sha256")
            .any(|hash| hash.eq_ignore_ascii_case(b"UNSIGNED-PAYLOAD"));
        Some(Self { headers: names, body })
    }

    /// True if the signature covers this header.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.headers.split(';').any(|own| own == name)
    }

    /// The first of these changes that would break the signature.
    fn broken_by(&self, edits: &[HeaderEdit], body: bool) -> Option<String> {
        if body && self.body {
            return Some("the body".to_owned());
        }
        edits.iter().find_map(|edit| {
            let (HeaderEdit::Set(name, _) | HeaderEdit::Remove(name)) = edit;
            match name.as_str() {
                ":path" => Some("the path".to_owned()),
                // It changes with the body.
                "content-length" if body => None,
                name => self.covers(name).then(|| format!("header `{name}`")),
            }
        })
    }

    /// The refusal, if the signature does not permit these changes.
    pub(crate) fn refuses(
        &self,
        record: &mut Record,
        edits: &[HeaderEdit],
        body: bool,
    ) -> Option<Refusal> {
        let what = self.broken_by(edits, body)?;
        record.count("hemostat_signed_refused_total");
        let message = format!(
            "policy would change {what} of this request, which its caller has signed (AWS SigV4): \
             let the proxy sign, after this filter, and send it unsigned"
        );
        Some(Refusal { message, code: "signed" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().copied().collect()
    }

    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/bedrock/aws4_request, \
                          SignedHeaders=accept-encoding;host;x-amz-date, Signature=0";

    #[test]
    fn a_signature_is_known_wherever_it_stands() {
        let covers = |pairs: &[(&str, &str)]| Signed::of(&headers(pairs)).map(|s| s.headers);
        let all = Some("accept-encoding;host;x-amz-date".to_owned());
        assert_eq!(covers(&[("authorization", SIGNED)]), all);
        let tight = SIGNED.replace(", ", ",");
        assert_eq!(covers(&[("Authorization", &tight)]), all);
        let query = "/model/m/converse?X-Amz-SignedHeaders=host%3Bx-a&X-Amz-Signature=0";
        assert_eq!(covers(&[(":path", query)]), Some("host;x-a".to_owned()));
        assert_eq!(covers(&[("authorization", "Bearer AWS4-HMAC"), (":path", "/x?y=1")]), None);
    }

    #[test]
    fn what_breaks_it() {
        let signed = Signed::of(&headers(&[("authorization", SIGNED)])).unwrap();
        let set = |name: &str| vec![HeaderEdit::Set(name.to_owned(), String::new())];
        assert_eq!(signed.broken_by(&[], false), None);
        assert_eq!(signed.broken_by(&[], true).as_deref(), Some("the body"));
        assert_eq!(signed.broken_by(&set(":path"), false).as_deref(), Some("the path"));
        assert_eq!(signed.broken_by(&set("x-hemostat-upstream"), false), None);
        let removed = [HeaderEdit::Remove("accept-encoding".to_owned())];
        assert_eq!(signed.broken_by(&removed, false).as_deref(), Some("header `accept-encoding`"));
        let unsigned = [("authorization", SIGNED), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD")];
        let signed = Signed::of(&headers(&unsigned)).unwrap();
        assert_eq!(signed.broken_by(&set("content-length"), true), None);
    }
}
