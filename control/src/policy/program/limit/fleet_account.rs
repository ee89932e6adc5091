//! The account of a request at the service that counts for the fleet.

use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::super::selector::Labels;
use super::Limit;
use crate::fleet::FleetAccount;
use crate::limits::FLEET_TEXT_BYTES;

impl Limit {
    /// The account of a request at the service; `None` if there is no service, or a label cannot be read.
    #[must_use]
    pub fn fleet_account(&self, labels: &Labels) -> Option<FleetAccount> {
        let global = self.global.as_ref()?;
        let key = self.account(labels, false)?;
        let mut entries = vec![("limit".to_owned(), self.rule.id.as_ref().to_owned())];
        for (name, id) in global.labels.iter().zip(&self.per) {
            entries.push((name.clone(), labels.get(*id).text()?.to_owned()));
        }
        let bytes: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > FLEET_TEXT_BYTES {
            for (_, value) in entries.iter_mut().skip(1) {
                *value = digest(value);
            }
        }
        let cap = self.cap.in_a_window();
        Some(FleetAccount { key, target: Rc::clone(&global.target), entries, cap })
    }
}

fn digest(value: &str) -> String {
    let digest = Sha256::digest(value);
    digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}
