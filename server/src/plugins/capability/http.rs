//! Calls of services: to granted hosts only, by the server's own connections.

use crate::plugins::bindings::http::{Host, HttpError, Request, Response};
use crate::plugins::instance::Guest;
use crate::plugins::power::denied;

impl Host for Guest {
    async fn send(&mut self, _request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        self.enter()?;
        if self.powers.http.is_empty() {
            return Ok(Err(HttpError::Denied(denied(&self.name, "call any service", "http = [\"HOST:PORT\"]"))));
        }
        Ok(Err(HttpError::Denied("this server makes no calls for plugins yet".to_owned())))
    }
}
