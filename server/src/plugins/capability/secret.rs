//! Secrets that settings hand over. The guest holds a name; the value is read when it is used, and only `reveal` shows it.

use crate::config::vault::Unavailable;
use crate::model::egress::HostRule;
use crate::model::secret::SecretValue;
use crate::plugins::bindings::secret_reveal::{self, RevealError};
use crate::plugins::bindings::secrets::{Host, HostSecret, SecretError};
use crate::plugins::instance::Guest;
use crate::plugins::power::denied;
use crate::plugins::tally::Gated;
use serde_json::Value;
use std::sync::Arc;
use wasmtime::component::Resource;

/// A secret's handle: the name of one that the settings hand over.
#[derive(Debug)]
pub struct Secret(String);

impl Guest {
    /// The value behind a handle, as it is now.
    pub async fn secret_value(
        &mut self,
        handle: &Resource<Secret>,
    ) -> wasmtime::Result<Result<SecretValue, Unavailable>> {
        let name = self.table.get(handle)?.0.clone();
        self.read_secret(name).await
    }

    /// The only services that the secret behind a handle may be sent to; none is no such bound.
    pub fn secret_hosts(&mut self, handle: &Resource<Secret>) -> wasmtime::Result<Option<Vec<HostRule>>> {
        let name = &self.table.get(handle)?.0;
        let hosts = self.usage.as_ref().and_then(|used| used.vault.hosts(name));
        Ok(hosts.map(<[HostRule]>::to_vec))
    }

    /// Why the secret behind a handle may not be used in this way; none where it may.
    pub fn secret_bound(&mut self, handle: &Resource<Secret>, how: &str) -> wasmtime::Result<Option<String>> {
        let name = self.table.get(handle)?.0.clone();
        let hosts = self.secret_hosts(handle)?;
        Ok(hosts.map(|hosts| {
            let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
            let only = if hosts.is_empty() { "nobody".to_owned() } else { hosts.join(", ") };
            format!("may not {how} secret `{name}`: by its `hosts` in the team's [secret] it is for {only} only")
        }))
    }

    async fn read_secret(&mut self, name: String) -> wasmtime::Result<Result<SecretValue, Unavailable>> {
        let vault = Arc::clone(&self.used()?.vault);
        // A file may lie on a slow disk.
        Ok(tokio::task::spawn_blocking(move || vault.read(&name)).await?)
    }
}

/// Whether the settings hand over the secret `name`. The configuration has checked that only `{ secret = ... }` can look like this.
fn hands_over(settings: &Value, name: &str) -> bool {
    match settings {
        Value::Object(fields) => {
            (fields.len() == 1 && fields.get("$secret").is_some_and(|secret| secret == name))
                || fields.values().any(|field| hands_over(field, name))
        }
        Value::Array(elements) => elements.iter().any(|element| hands_over(element, name)),
        _ => false,
    }
}

impl Host for Guest {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<Resource<Secret>, SecretError>> {
        if !hands_over(&self.used()?.settings, &name) {
            return Ok(Err(SecretError::NotGranted));
        }
        // It is read to say early what is missing, and forgotten: it may have changed when it is used.
        match self.read_secret(name.clone()).await? {
            Ok(_) => Ok(Ok(self.table.push(Secret(name))?)),
            Err(why) => Ok(Err(SecretError::Unavailable(why.to_string()))),
        }
    }
}

impl HostSecret for Guest {
    async fn name(&mut self, secret: Resource<Secret>) -> wasmtime::Result<String> {
        self.enter()?;
        Ok(self.table.get(&secret)?.0.clone())
    }

    async fn drop(&mut self, secret: Resource<Secret>) -> wasmtime::Result<()> {
        self.table.delete(secret)?;
        Ok(())
    }
}

impl Guest {
    async fn plain_text(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<String, RevealError>> {
        if !self.powers.reveal {
            let why = denied(&self.name, "read secrets", "reveal = true");
            return Ok(Err(RevealError::Denied(why)));
        }
        if let Some(why) = self.secret_bound(&secret, "read")? {
            return Ok(Err(RevealError::Denied(why)));
        }
        let value = self.secret_value(&secret).await?;
        Ok(value.map(|value| value.expose().to_owned()).map_err(|why| RevealError::Unavailable(why.to_string())))
    }
}

impl secret_reveal::Host for Guest {
    async fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Result<String, RevealError>> {
        self.enter()?;
        let answer = self.plain_text(secret).await?;
        self.tally(Gated::SecretReveal, matches!(answer, Err(RevealError::Denied(_))));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::hands_over;
    use serde_json::json;

    #[test]
    fn only_what_stands_in_the_settings_is_handed_over() {
        let settings = json!({
            "headers": [{"name": "a", "value": {"$secret": "token"}}],
            "text": "$secret",
            "other": {"$secret": "pass", "more": 1},
            "secret": "open",
        });
        assert!(hands_over(&settings, "token"));
        for name in ["pass", "open", "text", "", "a"] {
            assert!(!hands_over(&settings, name), "{name}");
        }
    }
}
