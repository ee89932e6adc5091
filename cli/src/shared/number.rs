//! Numbers, as people write them on a command line.

use hemostat_engine::limits::SERIALS;

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The serial of a release.
///
/// # Errors
/// It is not one.
pub(crate) fn serial(text: &str) -> Result<u64> {
    from(1, text)
}

/// A serial that is in force, or was: 0 is that of a policy that stands in a configuration.
///
/// # Errors
/// It is not one.
pub(crate) fn served(text: &str) -> Result<u64> {
    from(0, text)
}

fn from(least: u64, text: &str) -> Result<u64> {
    let number = text.parse().ok().filter(|number| (least..SERIALS).contains(number));
    let most = SERIALS - 1;
    number.ok_or_else(|| wrong(text, &format!("a serial: a whole number from {least} to {most}")))
}

/// How many.
///
/// # Errors
/// It is not a whole number.
pub(crate) fn count(text: &str) -> Result<usize> {
    text.parse().map_err(|_| wrong(text, "a whole number such as `10`"))
}

fn wrong(text: &str, what: &str) -> Error {
    Error::failed(format!("`{}` is not {what}", safe(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_a_number_that_a_release_can_have() {
        assert_eq!([serial("1").unwrap(), served("0").unwrap()], [1, 0]);
        assert_eq!(served("9007199254740991").unwrap(), SERIALS - 1);
        for read in [serial, served] {
            for wrong in ["", "-1", "1e3", "9007199254740992", "x"] {
                assert!(
                    read(wrong).unwrap_err().to_string().contains("is not a serial"),
                    "{wrong}"
                );
            }
        }
        assert!(serial("0").is_err());
    }
}
