//! The inside of a reporter's component. Public for [`crate::export_reporter`] only.

use super::{Imports, install_panic_hook, metadata, plugin_error};
use crate::error::Error;
use crate::reporter::{self, Delivery, Event, ReportContext, Reporter};

/// Generated from `wit/`: the reporter world without `metadata`, whose macro the step world has generated already; macros of one name
/// cannot be exported twice.
#[expect(missing_docs, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package weir:sdk;
            world told {
                import weir:plugin/log@0.1.0;
                import weir:plugin/wait@0.1.0;
                import weir:plugin/random@0.1.0;
                import weir:plugin/secrets@0.1.0;
                import weir:plugin/secret-reveal@0.1.0;
                import weir:plugin/builds@0.1.0;
                import weir:plugin/http@0.1.0;
                import weir:plugin/state@0.1.0;
                export weir:plugin/reporter-handler@0.1.0;
            }
        ",
        world: "weir:sdk/told",
        pub_export_macro: true,
        default_bindings_module: "weir_plugin_sdk::guest::reporter::bindings",
        runtime_path: "weir_plugin_sdk::guest::rt",
        with: {
            "weir:plugin/types@0.1.0": crate::guest::bindings::weir::plugin::types,
            "weir:plugin/log@0.1.0": crate::guest::bindings::weir::plugin::log,
            "weir:plugin/wait@0.1.0": crate::guest::bindings::weir::plugin::wait,
            "weir:plugin/random@0.1.0": crate::guest::bindings::weir::plugin::random,
            "weir:plugin/secrets@0.1.0": crate::guest::bindings::weir::plugin::secrets,
            "weir:plugin/secret-reveal@0.1.0": crate::guest::bindings::weir::plugin::secret_reveal,
            "weir:plugin/builds@0.1.0": crate::guest::bindings::weir::plugin::builds,
            "weir:plugin/http@0.1.0": crate::guest::bindings::weir::plugin::http,
            "weir:plugin/state@0.1.0": crate::guest::bindings::weir::plugin::state,
        },
    });
}

/// Says in every component that `metadata` is exported, which the world above leaves out. Nothing of its code is used.
mod described {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package weir:sdk;
            world described {
                export weir:plugin/metadata@0.1.0;
            }
        ",
        world: "weir:sdk/described",
        runtime_path: "crate::guest::rt",
        with: { "weir:plugin/types@0.1.0": crate::guest::bindings::weir::plugin::types },
    });
}

use bindings::exports::weir::plugin::reporter_handler;

/// Answers `describe`.
pub fn describe<R: Reporter>() -> metadata::Descriptor {
    install_panic_hook();
    metadata::Descriptor {
        name: R::NAME.to_owned(),
        version: R::VERSION.to_owned(),
        kind: "reporter".to_owned(),
        summary: R::SUMMARY.to_owned(),
        settings_schema: match R::SETTINGS_SCHEMA {
            Some(schema) => schema.to_owned(),
            None => reporter::settings_schema::<R>().to_string(),
        },
        capabilities: R::CAPABILITIES.iter().map(super::capability).collect(),
        extra: Vec::new(),
    }
}

/// Answers `report`.
pub fn report<R: Reporter>(
    context: reporter_handler::Context,
    events: Vec<reporter_handler::Event>,
) -> Vec<reporter_handler::Delivery> {
    install_panic_hook();
    let events: Vec<Event> = events
        .into_iter()
        .map(|e| Event { id: e.id, kind: e.kind, at: e.at, payload: super::json(&e.payload) })
        .collect();
    let deliveries = match serde_json::from_str(&context.settings) {
        Ok(settings) => R::report(&mut ReportContext::new(context.target, Imports), &settings, &events),
        Err(error) => {
            let outcome = Err(Error::setting("", error.to_string()));
            events.into_iter().map(|event| Delivery { event: event.id, outcome: outcome.clone() }).collect()
        }
    };
    let delivery =
        |d: Delivery| reporter_handler::Delivery { event: d.event, outcome: d.outcome.map_err(plugin_error) };
    deliveries.into_iter().map(delivery).collect()
}
