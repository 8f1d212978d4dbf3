//! The value of a secret while it is used: never shown, wiped when it is no longer needed.

use std::fmt;
use zeroize::Zeroizing;

/// A secret's value. Its memory is wiped when it is dropped, and it has no way to be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(Zeroizing<String>);

impl SecretValue {
    /// Takes over a value; line ends at its end are not part of it: editors and `echo` leave them in files.
    pub fn new(text: String) -> Self {
        let mut text = Zeroizing::new(text);
        let n_bytes = text.trim_end_matches(['\n', '\r']).len();
        text.truncate(n_bytes);
        Self(text)
    }

    /// The value itself, for where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(super::mask::SHOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::SecretValue;

    #[test]
    fn a_value_is_not_printed_and_loses_the_line_end_of_its_file() {
        let secret = SecretValue::new("hunter22\r\n\n".to_owned());
        assert_eq!(secret.expose(), "hunter22");
        assert_eq!(format!("{secret:?}"), "***");
    }
}
