//! `[mail]`: the instance's way out for mail. Read and checked for shape; what sends mail comes later.

use super::read::{At, Reader, section};
use super::team::Secret;
use url::Url;

section! {
    /// The instance's way out for mail.
    struct RawMail {
        /// The server that takes the mail: `smtp://HOST:PORT` or `smtps://HOST:PORT`.
        smtp = "smtp": At<Url>;
        /// The address that mail comes from.
        from = "from": At<String>;
        /// Signs in with this name.
        user = "user": String;
        /// Signs in with this.
        password = "password": Secret;
    }
}

impl RawMail {
    /// Says what is wrong with the section.
    pub fn check(self, reader: &Reader<'_>) {
        if let Some(smtp) = reader.required(&self.at, "smtp", self.smtp)
            && (!matches!(smtp.value.scheme(), "smtp" | "smtps") || smtp.value.host().is_none())
        {
            let diagnostic = reader.wrong(&smtp.path, "bad-url", format!("`{}` is no mail server", smtp.value));
            reader.note(diagnostic.expected("`smtp://HOST:PORT` or `smtps://HOST:PORT`"));
        }
        if let Some(from) = reader.required(&self.at, "from", self.from)
            && !from.value.split_once('@').is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
        {
            let diagnostic = reader.wrong(&from.path, "bad-address", format!("`{}` is no mail address", from.value));
            reader.note(diagnostic.expected("`NAME@HOST`"));
        }
    }
}
