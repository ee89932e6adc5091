//! Binary event streams (`application/vnd.amazon.eventstream`), read and written independently of the engine: what a
//! client such as boto3 would see.

use serde_json::Value;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its string headers.
    pub headers: Vec<(String, String)>,
    /// Its payload as sent.
    pub payload: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// The payload as JSON; for a `chunk`, the event inside it.
    pub fn event(&self) -> Value {
        let payload: Value = serde_json::from_slice(&self.payload).unwrap_or(Value::Null);
        match payload["bytes"].as_str() {
            Some(bytes) if self.header(":event-type") == "chunk" => {
                let bytes = hemostat_engine::base::base64::decode(bytes).unwrap();
                serde_json::from_slice(&bytes).unwrap()
            }
            _ => payload,
        }
    }
}

/// CRC-32, bit by bit.
pub fn crc(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

fn number(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// The messages of a body.
///
/// # Panics
/// A client would raise an error: a checksum is wrong, or a message is truncated.
pub fn messages(mut body: &[u8]) -> Vec<Message> {
    let mut all = Vec::new();
    while !body.is_empty() {
        let (total, headers) = (number(body, 0), number(body, 4));
        assert_eq!(number(body, 8), crc(&body[..8]) as usize, "checksum of a prelude");
        assert!(total <= body.len(), "a message is cut off");
        let (message, rest) = body.split_at(total);
        assert_eq!(number(message, total - 4), crc(&message[..total - 4]) as usize, "checksum");
        let mut names = Vec::new();
        let mut at = 12;
        while at < 12 + headers {
            let name_end = at + 1 + message[at] as usize;
            assert_eq!(message[name_end], 7, "a string");
            let start = name_end + 3;
            let length = u16::from_be_bytes(message[name_end + 1..start].try_into().unwrap());
            let end = start + length as usize;
            let text = |range: &[u8]| String::from_utf8(range.to_vec()).unwrap();
            names.push((text(&message[at + 1..name_end]), text(&message[start..end])));
            at = end;
        }
        let payload = message[12 + headers..total - 4].to_vec();
        all.push(Message { headers: names, payload });
        body = rest;
    }
    all
}

/// Writes a message as Bedrock sends it.
pub fn message(kind: &str, payload: &[u8]) -> Vec<u8> {
    with_headers(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        payload,
    )
}

pub fn with_headers(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(name.len() as u8);
        block.extend(name.bytes());
        block.push(7);
        block.extend((value.len() as u16).to_be_bytes());
        block.extend(value.bytes());
    }
    let mut out = Vec::new();
    out.extend((16 + block.len() as u32 + payload.len() as u32).to_be_bytes());
    out.extend((block.len() as u32).to_be_bytes());
    out.extend(crc(&out).to_be_bytes());
    out.extend(block);
    out.extend(payload);
    out.extend(crc(&out).to_be_bytes());
    out
}

/// Writes a model's own event as a `chunk` message.
pub fn chunk(event: &str) -> Vec<u8> {
    let bytes = hemostat_engine::base::base64::encode(event.as_bytes());
    message("chunk", format!(r#"{{"bytes":"{bytes}","p":"abcdefgh"}}"#).as_bytes())
}
