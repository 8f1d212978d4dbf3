//! `POST /team/<team>/builder/<builder>/force`: the force form of the builder's page.

use super::builder::{self, Query};
use super::{Maker, see_other};
use crate::config::builder::{Force, ParameterKind};
use crate::model::name::BuilderKey;
use crate::render::context::field::Refused;
use crate::render::context::force::{PARAMETERS, PROPERTIES};
use crate::status;
use crate::status::control::ForceWish;
use crate::web::error::sentence;
use crate::web::extract::{Asker, Form};
use crate::web::{AppState, Error, Result};
use actix_web::{HttpResponse, web};
use serde_json::Value;
use std::collections::BTreeMap;

/// `GET` of the same address leads to the form.
pub async fn show(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse> {
    let (team, builder) = path.into_inner();
    let key = state.status.get(&scope).builder(&team, &builder)?.builder.key.clone();
    Ok(see_other(format!("{}#force", maker.links.builder(&key))))
}

/// Forces a build and leads to what becomes of it; where something is wrong, the page comes again with what was typed.
pub async fn send(
    state: web::Data<AppState>,
    Asker(scope): Asker,
    maker: Maker,
    path: web::Path<(String, String)>,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<HttpResponse> {
    let (team, name) = &*path;
    let form = state.status.get(&scope).force_form(team, name)?;
    let has_form = form.is_some();
    let form = form.unwrap_or_default();
    let typed = typed(fields);
    let forced = state.status.control(&scope).force(team, name, wish(&form, &typed)).await;
    let error = match forced {
        Ok(forced) => {
            let key = BuilderKey::new(team, name);
            let request = forced.buildrequests.into_values().next();
            return Ok(see_other(
                request.map_or_else(|| maker.links.builder(&key), |id| maker.links.request(&key, id)),
            ));
        }
        Err(error) => error,
    };
    let refused = match &error {
        status::Error::Invalid { fields } => Refused { typed, fields: fields.clone(), whole: None },
        status::Error::Limit { .. }
        | status::Error::OverQuota(_)
        | status::Error::Conflict(_)
        | status::Error::UsedUp { .. }
            if has_form =>
        {
            Refused { typed, fields: BTreeMap::new(), whole: Some(sentence(&error.to_string())) }
        }
        _ => return Err(error.into()),
    };
    let mut page = builder::page(&state, &scope, maker, &path, Query::default(), Some(&refused)).await?;
    Error::from(error).mark(&mut page);
    Ok(page)
}

/// Each field as it was typed, the last of several; browsers end lines with CR LF.
fn typed(fields: Vec<(String, String)>) -> BTreeMap<String, String> {
    fields.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect()
}

/// What the fields ask for. What is left empty is not given, but for a text that has a default: who empties that wants it empty.
fn wish(form: &Force, typed: &BTreeMap<String, String>) -> ForceWish {
    let line = |name: &str| typed.get(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut wish = ForceWish {
        branch: line("branch"),
        revision: line("revision"),
        reason: line("reason"),
        ..ForceWish::default()
    };
    for (name, value) in typed {
        if let Some(name) = name.strip_prefix(PARAMETERS) {
            let known = form.parameters.iter().find(|parameter| parameter.name == name);
            let is_left_out = value.trim().is_empty()
                && known.is_some_and(|parameter| {
                    let is_text = matches!(parameter.kind, ParameterKind::String(_) | ParameterKind::Text(_));
                    !(parameter.required || is_text && parameter.default.is_some())
                });
            if !is_left_out {
                wish.parameters.insert(name.to_owned(), Value::from(value.as_str()));
            }
        } else if let Some(name) = name.strip_prefix(PROPERTIES)
            && !value.is_empty()
        {
            wish.properties.insert(name.to_owned(), Value::from(value.as_str()));
        }
    }
    wish
}

#[cfg(test)]
mod tests {
    use super::{typed, wish};
    use crate::config::builder::{Force, Parameter, ParameterKind};
    use serde_json::{Value, json};

    #[test]
    fn what_is_left_empty_is_not_given_and_what_is_emptied_is_empty() {
        let parameter = |name: &str, kind, default: Option<Value>, required| Parameter {
            name: name.to_owned(),
            label: name.to_owned(),
            kind,
            default,
            required,
        };
        let form = Force {
            enabled: true,
            parameters: vec![
                parameter("n", ParameterKind::Int, None, false),
                parameter("must", ParameterKind::Int, None, true),
                parameter("kept", ParameterKind::Text(None), Some(json!("x")), false),
                parameter("free", ParameterKind::String(None), None, false),
                parameter("all", ParameterKind::Bool, Some(json!(true)), false),
            ],
            properties: vec!["extra".to_owned()],
        };
        let given = [
            ("branch", " main "),
            ("reason", "  "),
            ("parameters.n", ""),
            ("parameters.must", ""),
            ("parameters.kept", "a\r\nb"),
            ("parameters.free", ""),
            ("parameters.all", "false"),
            ("parameters.all", "true"),
            ("parameters.other", ""),
            ("properties.extra", ""),
            ("nonsense", "1"),
        ];
        let typed = typed(given.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec());
        let wish = wish(&form, &typed);
        assert_eq!((wish.branch.as_deref(), wish.revision, wish.reason), (Some("main"), None, None));
        assert_eq!(json!(wish.parameters), json!({"must": "", "kept": "a\nb", "all": "true", "other": ""}));
        assert!(wish.properties.is_empty());
    }
}
