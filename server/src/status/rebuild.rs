//! What an ended build was made of, to be built once more: the same code and the same properties, whatever the branch and the
//! builder's defaults have become.

use super::force::{Asked, is_same, wrong_ref};
use super::resource::Builder;
use super::{Error, Result};
use crate::model::id::{BuildRequestId, BuildsetId};
use crate::model::property::Properties;
use crate::model::scope::Scope;
use crate::model::source_stamp::SourceStamp;
use crate::store::{DbConnection, build_requests, builds, properties};
use std::collections::BTreeMap;

/// Reads what build `number` of `builder` was made of, for `scope`, which gives `reason` or nothing.
///
/// # Errors
/// `NotFound`, `Conflict` where it still runs, `Invalid` where the token of `scope` fixes a value that the build did not have.
pub(super) fn of(c: &mut DbConnection, builder: &Builder, number: i64, scope: &Scope, reason: String) -> Result<Asked> {
    let missing = || Error::not_found("build", format!("{}/{number}", builder.key));
    let row = builds::get_by_number(c, builder.id, number)?.ok_or_else(missing)?;
    if row.finished_at.is_none() {
        let why = format!("build {number} of {} still runs; wait for its end, or stop it first", builder.key);
        return Err(Error::Conflict(why));
    }
    let request = build_requests::get(c, BuildRequestId(row.request_id))?.ok_or_else(missing)?;
    let properties = properties::list_of_buildset(c, BuildsetId(request.buildset_id))?;
    let mut source_stamp: SourceStamp = row.stamp.into();
    // What the checkout found is what was built. A step tells it, so it is looked at like what people write; and it is nothing to a token
    // that fixes the revision.
    let is_free = !scope.narrowed().parameters.contains_key("revision");
    if let Some(found) = row.got_revision.filter(|found| is_free && !found.is_empty() && wrong_ref(found).is_none()) {
        source_stamp.revision = Some(found);
    }
    check_fixed(scope, &source_stamp, &properties)?;
    let reason = match reason.is_empty() {
        true => format!("build {number} again, asked by {}", scope.subject),
        false => reason,
    };
    Ok(Asked { source_stamp, properties, reason: Some(reason) })
}

/// Whether a build was made of nothing but what the token of `scope` fixes, as far as it fixes something.
fn check_fixed(scope: &Scope, stamp: &SourceStamp, properties: &Properties) -> Result<()> {
    let mut wrong = BTreeMap::new();
    for (name, fixed) in &scope.narrowed().parameters {
        let stamped = match name.as_str() {
            "branch" => Some(&stamp.branch),
            "revision" => Some(&stamp.revision),
            _ => None,
        };
        let property = properties.get(name).map(|value| is_same(value, fixed));
        // What is checked out is what stands in the stamp, whatever a property says of it.
        let stamp = stamped.zip(fixed.as_str()).map(|(stamped, fixed)| stamped.as_deref() == Some(fixed));
        let is_had = property.or(stamp).is_some() && property != Some(false) && stamp != Some(false);
        if !is_had {
            let field =
                if property == Some(false) || stamped.is_none() { format!("parameters.{name}") } else { name.clone() };
            wrong.insert(field, "is fixed by your token to something else than this build had".to_owned());
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid { fields: wrong }) }
}
