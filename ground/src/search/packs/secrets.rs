//! `pack:secrets`: keys and tokens with a recognisable form, private keys, and named secrets in configuration.
//!
//! Forms follow the issuers' documentation of their token prefixes. Lengths are lower bounds where an issuer has
//! lengthened tokens before.

use super::checks;
use super::packed::{Packed, checked, plain};

pub(super) const PATTERNS: &[Packed] = &[
    plain("aws-access-key-id", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    plain(
        "aws-secret-access-key",
        r#"(?i:\b(?:aws_?)?secret_?access_?key)["']?\s{0,4}(?:=>?|:)\s{0,4}["']?[A-Za-z0-9/+]{40}"#,
    ),
    plain("github-token", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    plain("github-fine-grained-token", r"\bgithub_pat_[A-Za-z0-9_]{40,}"),
    plain("gitlab-token", r"\bgl(?:pat|dt|ft|soat|rt|cbt|ptt|agent|oas|imt)-[A-Za-z0-9_-]{20,}"),
    plain("slack-token", r"\bxox[abceoprs]-[A-Za-z0-9-]{10,}"),
    plain("slack-app-token", r"\bxapp-[0-9]-[A-Z0-9]{8,}-[0-9]{8,}-[a-f0-9]{32,}"),
    plain(
        "slack-webhook",
        r"\bhttps://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}",
    ),
    plain("stripe-key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}"),
    plain("stripe-webhook-secret", r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    plain("google-api-key", r"\bAIza[0-9A-Za-z_-]{35}"),
    plain("google-oauth-token", r"\bya29\.[0-9A-Za-z_-]{20,}"),
    plain("google-client-secret", r"\bGOCSPX-[A-Za-z0-9_-]{28}"),
    plain("openai-key", r"\bsk-(?:(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})"),
    plain("anthropic-key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    plain("huggingface-token", r"\bhf_[A-Za-z0-9]{34,}"),
    plain("openrouter-key", r"\bsk-or-v1-[a-f0-9]{64}"),
    plain("groq-key", r"\bgsk_[A-Za-z0-9]{48,}"),
    plain("xai-key", r"\bxai-[A-Za-z0-9]{64,}"),
    plain("replicate-token", r"\br8_[A-Za-z0-9]{37}\b"),
    plain("npm-token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    plain("pypi-token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    plain("docker-token", r"\bdckr_pat_[A-Za-z0-9_-]{27}"),
    plain("digitalocean-token", r"\bdo[opr]_v1_[a-f0-9]{64}\b"),
    plain("databricks-token", r"\bdapi[0-9a-f]{32}(?:-[0-9])?\b"),
    plain("sendgrid-key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    plain("shopify-token", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}\b"),
    plain("vault-token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,}"),
    plain("azure-storage-key", r"(?i:\bAccountKey)=[A-Za-z0-9+/]{86}=="),
    plain("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    // From BEGIN to END, or as far as lines of base64 follow; `\n` may be escaped, as in JSON and .env files. Prose
    // after a BEGIN line ends it at the first blank.
    plain(
        "private-key",
        concat!(
            r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            r"(?:(?:\r?\n|(?:\\r)?\\n)[A-Z][A-Za-z-]{1,24}: [ -\[\]-~]{0,80}){0,4}",
            r"(?:(?:\r?\n|(?:\\r)?\\n)[ \t]{0,16}[A-Za-z0-9+/=]*){0,150}",
            r"(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?",
        ),
    ),
    plain(
        "url-password",
        concat!(
            r"\b(?:https?|s?ftp|postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?|mssql|smtps?|ldaps?)",
            r#"://[^\s/:@"'<>\[{$]{0,64}:[^\s/@"'<>\[{$]{3,128}@"#,
        ),
    ),
    plain(
        "authorization-header",
        r#"(?i:\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:bearer|basic)) [A-Za-z0-9+/_.~=-]{16,}"#,
    ),
    checked(
        "named-secret",
        concat!(
            r#"(?i:\b(?:api|secret|private|access|auth|client|encryption|signing)[_-]?(?:key|token|secret)|\bpassw(?:or)?d)"#,
            r#"["']?\s{0,4}[:=]\s{0,4}["'][A-Za-z0-9+/_.~!@#%^*=-]{12,128}["']"#,
        ),
        checks::random_value,
    ),
];
