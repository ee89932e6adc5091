//! stub
use super::*;
/// The dialect.
#[derive(Debug)]
pub(super) struct Gemini;
impl Dialect for Gemini {
    fn id(&self) -> DialectId {
        DialectId::Gemini
    }
    fn read_request(
        &self,
        _r: &Recognised,
        _d: &Doc,
        _b: &[u8],
    ) -> Result<RequestView, Unreadable> {
        Err(Unreadable { field: "" })
    }
    fn answer(&self, call: &Call, framing: Framing) -> Box<dyn Answer> {
        dialect(DialectId::OpenaiChat).answer(call, framing)
    }
    fn canned(&self, call: &Call, c: &Canned) -> Reply {
        dialect(DialectId::OpenaiChat).canned(call, c)
    }
    fn blocked(&self, call: &Call, d: &str, n: u64) -> Reply {
        dialect(DialectId::OpenaiChat).blocked(call, d, n)
    }
    fn error(&self, call: &Recognised, e: &ErrorAnswer) -> Reply {
        dialect(DialectId::OpenaiChat).error(call, e)
    }
}
