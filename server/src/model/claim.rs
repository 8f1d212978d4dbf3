//! Where something stands in the claims of a token.

use serde_json::Value;
use std::fmt;

/// A claim, or one inside of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimPath {
    /// A claim of exactly this name; where there is none, names with dots between: `realm_access.roles`.
    Text(String),
    /// From the outside in. For names that hold dots.
    Names(Vec<String>),
}

impl ClaimPath {
    /// What stands there.
    pub fn find<'v>(&self, claims: &'v Value) -> Option<&'v Value> {
        match self {
            Self::Text(name) => claims.get(name).or_else(|| name.split('.').try_fold(claims, |at, name| at.get(name))),
            Self::Names(names) => names.iter().try_fold(claims, |at, name| at.get(name)),
        }
    }

    /// Whether `value` stands there, or is one of what stands there.
    pub fn holds(&self, claims: &Value, value: &Value) -> bool {
        match self.find(claims) {
            Some(found) => found == value || found.as_array().is_some_and(|values| values.contains(value)),
            None => false,
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(name) => f.write_str(name),
            Self::Names(names) => f.write_str(&names.join(".")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimPath;
    use serde_json::json;

    #[test]
    fn a_claim_is_found_by_its_whole_name_first_and_then_by_its_parts() {
        let claims = json!({
            "groups": ["core", "docs"],
            "admin": true,
            "https://example.org/roles": "lead",
            "realm_access": {"roles": ["dev"], "a.b": {"c": 1}},
            "groups.core": "as one name",
        });
        let text = |name: &str| ClaimPath::Text(name.to_owned());
        let names = |names: &[&str]| ClaimPath::Names(names.iter().map(|name| (*name).to_owned()).collect());
        assert!(text("groups").holds(&claims, &json!("core")));
        assert!(text("groups").holds(&claims, &json!(["core", "docs"])));
        assert!(!text("groups").holds(&claims, &json!("cor")));
        assert!(text("admin").holds(&claims, &json!(true)));
        assert!(!text("admin").holds(&claims, &json!("true")), "a string is no boolean");
        assert!(text("https://example.org/roles").holds(&claims, &json!("lead")));
        assert!(text("realm_access.roles").holds(&claims, &json!("dev")));
        assert!(names(&["realm_access", "a.b", "c"]).holds(&claims, &json!(1)));
        assert!(text("groups.core").holds(&claims, &json!("as one name")));
        assert!(text("realm_access.nothing").find(&claims).is_none());
        assert!(text("admin.x").find(&claims).is_none());
    }
}
