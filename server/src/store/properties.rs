//! Properties of buildsets (what was asked for) and of builds (what they carry).

use super::DbConnection;
use super::schema::{build_properties, buildset_properties};
use crate::model::id::{BuildId, BuildsetId};
use crate::model::property::{Properties, Property};
use diesel::prelude::*;
use serde_json::Value;

/// Reads a row. What is not JSON was written by somebody else and is shown as the text it is.
fn read((name, value, source): (String, String, String)) -> (String, Property) {
    let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
    (name, Property { value, source })
}

/// Stores a new buildset's properties.
pub fn insert_of_buildset(c: &mut DbConnection, buildset: BuildsetId, properties: &Properties) -> QueryResult<()> {
    use buildset_properties::dsl;
    for (name, property) in &properties.0 {
        diesel::insert_into(dsl::buildset_properties)
            .values((
                dsl::buildset_id.eq(buildset.0),
                dsl::name.eq(name),
                dsl::value.eq(property.value.to_string()),
                dsl::source.eq(&property.source),
            ))
            .execute(c)?;
    }
    Ok(())
}

/// A buildset's properties.
pub fn list_of_buildset(c: &mut DbConnection, buildset: BuildsetId) -> QueryResult<Properties> {
    use buildset_properties::dsl;
    let rows: Vec<(String, String, String)> = dsl::buildset_properties
        .filter(dsl::buildset_id.eq(buildset.0))
        .select((dsl::name, dsl::value, dsl::source))
        .load(c)?;
    Ok(Properties(rows.into_iter().map(read).collect()))
}

/// Stores a new build's properties.
pub fn insert_of_build(c: &mut DbConnection, build: BuildId, properties: &Properties) -> QueryResult<()> {
    properties.0.iter().try_for_each(|(name, property)| insert_one(c, build, name, property))
}

fn insert_one(c: &mut DbConnection, build: BuildId, name: &str, property: &Property) -> QueryResult<()> {
    use build_properties::dsl;
    diesel::insert_into(dsl::build_properties)
        .values((
            dsl::build_id.eq(build.0),
            dsl::name.eq(name),
            dsl::value.eq(property.value.to_string()),
            dsl::source.eq(&property.source),
        ))
        .execute(c)
        .map(|_| ())
}

/// Sets one property of a build, whatever was there.
pub fn set_of_build(c: &mut DbConnection, build: BuildId, name: &str, property: &Property) -> QueryResult<()> {
    use build_properties::dsl;
    let n = diesel::update(dsl::build_properties.find((build.0, name)))
        .set((dsl::value.eq(property.value.to_string()), dsl::source.eq(&property.source)))
        .execute(c)?;
    if n == 0 { insert_one(c, build, name, property) } else { Ok(()) }
}

/// A build's properties.
pub fn list_of_build(c: &mut DbConnection, build: BuildId) -> QueryResult<Properties> {
    use build_properties::dsl;
    let rows: Vec<(String, String, String)> =
        dsl::build_properties.filter(dsl::build_id.eq(build.0)).select((dsl::name, dsl::value, dsl::source)).load(c)?;
    Ok(Properties(rows.into_iter().map(read).collect()))
}
